//! Cases in the layout of Argo CD's `resource_customizations`: `health_test.yaml` beside its `testdata/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use serde_json::Value as Json;

use super::kind_of;
use super::print;
use super::why::{Deciding, deciding};
use crate::cli::rulebook::Loaded;
use crate::cli::{Exit, Format, Out};
use crate::expr::Value;
use crate::manifests::{MANIFEST_BYTES_MAX, parse_yaml, read_bounded, walk};
use crate::rulebook::health_by_rule;

/// The name of a file of cases.
const CASES: &str = "health_test.yaml";

/// What all cases came to.
#[derive(Serialize)]
pub struct Summary {
    /// How many there are.
    pub cases: usize,
    /// Status and message are as expected.
    pub exact: usize,
    /// The status is, the message is not.
    pub status_only: usize,
    /// The status is not.
    pub differing: usize,
    /// No kind reads the object.
    pub without_kind: usize,
    /// Each case, in the order of the files.
    pub results: Vec<Case>,
}

/// How a case came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Exact,
    StatusOnly,
    Differing,
    WithoutKind,
}

/// One case.
#[derive(Serialize)]
pub struct Case {
    /// The object's file.
    pub input: String,
    /// `group/Kind` of the object.
    pub object: String,
    /// Short name of the kind that read it.
    pub kind: Option<String>,
    pub outcome: Outcome,
    pub expected: Verdict,
    pub got: Option<Verdict>,
    /// The line that decided.
    #[serde(flatten)]
    pub deciding: Option<Deciding>,
}

/// A status and a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub status: String,
    pub message: String,
}

/// Runs all cases below some folders. Status 1 when one is not exact, or no case has a kind.
pub fn run(folders: &[PathBuf], loaded: &Loaded, format: Format, out: &mut Out) -> anyhow::Result<Exit> {
    let mut results = Vec::new();
    let files = walk(folders, &["yaml"])?.into_iter().filter(|file| file.file_name().is_some_and(|name| name == CASES));
    for file in files {
        cases(&file, loaded, &mut results)?;
    }
    if results.is_empty() {
        let folders: Vec<String> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
        bail!("no {CASES} with cases in {}", folders.join(", "));
    }
    let count = |outcome| results.iter().filter(|case| case.outcome == outcome).count();
    let summary = Summary {
        cases: results.len(),
        exact: count(Outcome::Exact),
        status_only: count(Outcome::StatusOnly),
        differing: count(Outcome::Differing),
        without_kind: count(Outcome::WithoutKind),
        results,
    };
    match format {
        Format::Json => out.print(&format!("{}\n", serde_json::to_string_pretty(&summary)?))?,
        Format::Human | Format::Plain => out.print(&print::summary(&summary, format))?,
    }
    let wrong = summary.status_only + summary.differing;
    Ok(if wrong == 0 && summary.exact > 0 { Exit::FINE } else { Exit::FOUND })
}

fn cases(file: &Path, loaded: &Loaded, results: &mut Vec<Case>) -> anyhow::Result<()> {
    let listed = yaml(file)?;
    let tests = listed.get("tests").and_then(Json::as_array);
    let tests = tests.ok_or_else(|| anyhow!("`{}` has no list `tests`", file.display()))?;
    for (index, test) in tests.iter().enumerate() {
        // Go's reader of YAML does not mind the case of a key, and two of Argo CD's own files have `inputpath`.
        let input = key(test, "inputPath").and_then(Json::as_str);
        let input = input.ok_or_else(|| anyhow!("test {} of `{}` has no `inputPath`", index + 1, file.display()))?;
        let wanted = |name| key(test, "healthStatus").and_then(|h| key(h, name)).and_then(Json::as_str);
        let status = wanted("status").ok_or_else(|| {
            anyhow!("test {} of `{}` has no `healthStatus` with a `status`", index + 1, file.display())
        })?;
        let message = wanted("message").unwrap_or_default();
        let expected = Verdict { status: status.to_owned(), message: message.to_owned() };
        let path = file.with_file_name(input);
        results.push(case(&path, &yaml(&path)?, expected, loaded));
    }
    Ok(())
}

fn key<'j>(object: &'j Json, wanted: &str) -> Option<&'j Json> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

fn yaml(path: &Path) -> anyhow::Result<Json> {
    let bytes = read_bounded(path, MANIFEST_BYTES_MAX)?;
    let text = String::from_utf8(bytes).with_context(|| format!("`{}` is not UTF-8", path.display()))?;
    parse_yaml(&text).with_context(|| format!("`{}` is not YAML", path.display()))
}

/// As Argo CD's own test does: what the script says, whether or not the object is being deleted.
fn case(path: &Path, object: &Json, expected: Verdict, loaded: &Loaded) -> Case {
    let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let mut case = Case {
        input: path.display().to_string(),
        object: if group.is_empty() { text("kind").to_owned() } else { format!("{group}/{}", text("kind")) },
        kind: None,
        outcome: Outcome::WithoutKind,
        expected,
        got: None,
        deciding: None,
    };
    if let Some((kind, value)) = kind_of(&loaded.rulebook, object).zip(Value::from_json(object)) {
        let found = health_by_rule(kind, &value);
        let got = Verdict { status: found.status.to_string(), message: found.message };
        case.kind = Some(kind.short.to_string());
        case.outcome = match (&got, &case.expected) {
            (got, expected) if got == expected => Outcome::Exact,
            (got, expected) if got.status == expected.status => Outcome::StatusOnly,
            _ => Outcome::Differing,
        };
        case.deciding = Some(deciding(kind, &value, found.line, &loaded.sources));
        case.got = Some(got);
    }
    case
}

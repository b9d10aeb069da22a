//! `health OBJECT… [RULES…]`: what each object's health is, by which line and why; `health --test FOLDER [RULES…]`: kinds against cases in
//! Argo CD's layout.

mod cases;
mod print;
mod why;

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Serialize;

use super::format::FormatArg;
use super::report::report;
use super::rulebook::{self, Loaded, RulebookArgs};
use super::schema::SchemaArgs;
use super::{Exit, Format, Out};
use crate::expr::Value;
use crate::manifests::{self, Document, walk};
use crate::rulebook::{Kind, Rulebook, health};
use why::{Deciding, deciding};

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Objects (YAML or JSON files, - for standard input) and rules (.tide files) in any order; of a folder, its manifests and its rules
    #[arg(value_name = "OBJECT|RULES", required_unless_present = "tests")]
    paths: Vec<PathBuf>,
    /// Run the cases of every health_test.yaml below this folder, which is in the layout of Argo CD's resource_customizations; the other arguments
    /// are rules
    #[arg(long = "test", value_name = "FOLDER")]
    tests: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// Runs the verb. Status 1: an object has no kind, or a case differs from what is expected.
///
/// # Errors
/// When a path cannot be read or holds nothing of use.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let (rules, objects) = sorted(&args.paths)?;
    let mut loaded = match rulebook::load(&rules, &args.rulebook, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let found = args.schema.check(&loaded.rulebook, &[], &mut loaded.sources, out)?;
    rulebook::say(&loaded.sources, &found, format, out);
    if rulebook::has_errors(&found) {
        return Ok(Exit::FOUND);
    }
    if !args.tests.is_empty() {
        if let Some(object) = objects.first() {
            bail!("`{}` is not a .tide file: with `--test` the other arguments are rules", object.display());
        }
        return cases::run(&args.tests, &loaded, format, out);
    }
    if objects.is_empty() {
        bail!("no object is given: name a .yaml or .json file, or - for standard input");
    }
    of_objects(&objects, &mut loaded, format, out)
}

/// Rules and objects. A file that ends in `.tide` is rules and any other file is objects; a folder can hold both.
fn sorted(paths: &[PathBuf]) -> anyhow::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut rules, mut objects) = (Vec::new(), Vec::new());
    for path in paths {
        let mut files = walk(std::slice::from_ref(path), &["tide", "yaml", "yml", "json"])?;
        let is_rules = |file: &Path| file.extension().is_some_and(|e| e == "tide");
        let own = files.iter().filter(|file| is_rules(file)).cloned().collect::<Vec<_>>();
        files.retain(|file| !is_rules(file));
        rules.extend(own);
        objects.extend(files);
    }
    Ok((rules, objects))
}

/// What is told of one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// `notebook team/train`; with the API's words when there is no kind.
    object: String,
    /// Where it stands.
    at: String,
    /// Null when no kind says how to read it.
    status: Option<String>,
    message: Option<String>,
    since: Option<String>,
    /// It is being deleted, and that alone makes it progressing.
    deleting: bool,
    #[serde(flatten)]
    deciding: Option<Deciding>,
}

#[derive(Serialize)]
struct Objects {
    objects: Vec<Told>,
}

fn of_objects(paths: &[PathBuf], loaded: &mut Loaded, format: Format, out: &mut Out) -> anyhow::Result<Exit> {
    let read = manifests::read(paths, &mut loaded.sources)?;
    if !read.diagnostics.is_empty() {
        let shown = if format == Format::Json { Format::Plain } else { format };
        let text = report(&loaded.sources, &read.diagnostics, shown, out.stderr_colours());
        out.say(&text);
    }
    let told: Vec<Told> = read.documents.iter().map(|document| tell(document, loaded)).collect();
    if told.is_empty() {
        bail!("no object in what was given");
    }
    let fine = !rulebook::has_errors(&read.diagnostics) && told.iter().all(|told| told.status.is_some());
    match format {
        Format::Json => {
            out.print(&format!("{}\n", serde_json::to_string_pretty(&Objects { objects: told })?))?;
        }
        Format::Human | Format::Plain => {
            for one in &told {
                out.print(&print::told(one, format))?;
            }
        }
    }
    Ok(if fine { Exit::FINE } else { Exit::FOUND })
}

fn tell(document: &Document, loaded: &Loaded) -> Told {
    let text = |path: &str| document.object.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default();
    let name = match (text("/metadata/namespace"), text("/metadata/name")) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    let mut told = Told {
        object: format!("{} {} {name}", text("/apiVersion"), text("/kind")),
        at: loaded.sources.place(document.span),
        status: None,
        message: None,
        since: None,
        deleting: document.object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()),
        deciding: None,
    };
    let kind = kind_of(&loaded.rulebook, &document.object);
    if let Some((kind, object)) = kind.zip(Value::from_json(&document.object)) {
        let found = health(kind, &object);
        told.object = format!("{} {name}", kind.short);
        told.status = Some(found.status.to_string());
        told.deciding = Some(deciding(kind, &object, found.line, &loaded.sources));
        told.since = found.since.map(|since| since.to_string());
        told.message = Some(found.message);
    }
    told
}

/// The kind of an object, whatever its version: as Argo CD finds a check.
fn kind_of<'r>(rulebook: &'r Rulebook, object: &serde_json::Value) -> Option<&'r Kind> {
    let text = |key: &str| object.get(key).and_then(serde_json::Value::as_str);
    let (group, _) = text("apiVersion")?.split_once('/').unwrap_or_default();
    let name = text("kind")?;
    rulebook.kinds.iter().find(|kind| &*kind.group == group && &*kind.kind == name)
}

//! What stands in folders beside manifests: Helm charts and kustomizations, which are rendered before anything is applied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::yaml;

/// Files that are not read as manifests, and what to say instead.
#[derive(Debug, Default)]
pub(super) struct Beside {
    charts: BTreeSet<PathBuf>,
    /// Files that a kustomization reads as something else than an object of its own.
    parts: BTreeSet<PathBuf>,
}

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Perhaps an object; read.
    Manifest,
    /// `Chart.yaml` of a chart.
    Chart,
    /// A kustomization, with what it changes in the objects of its folder, and whether it is a component of others.
    Kustomization(Vec<String>, bool),
    /// Part of a chart or of a kustomization: passed over, and its `Chart.yaml` or kustomization says so.
    Part,
}

impl Beside {
    /// `files`: found in folders, or given. `given`: those are read whatever stands beside them.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let mut beside = Beside::default();
        for file in files {
            if is_named(file, &["Chart.yaml"])
                && let Some(folder) = file.parent()
            {
                beside.charts.insert(folder.to_owned());
            }
        }
        beside
    }

    /// Remembers which files a kustomization reads as patches and the like.
    pub(super) fn kustomization(&mut self, file: &Path, text: &str) {
        let value = kustomization(text);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut add = |path: Option<&str>| {
            // Inline patches are texts too.
            let path = path.filter(|path| !path.contains('\n'));
            self.parts.extend(path.map(|path| plain(&folder.join(path))));
        };
        for key in ["patches", "patchesJson6902", "replacements"] {
            list(&value, key).for_each(|item| add(item.get("path").and_then(Value::as_str)));
        }
        for key in ["patchesStrategicMerge", "transformers", "generators", "validators", "configurations"] {
            list(&value, key).for_each(|item| add(item.as_str()));
        }
        for key in ["configMapGenerator", "secretGenerator"] {
            for item in list(&value, key) {
                list(item, "files").for_each(|file| {
                    let path = file.as_str().map(|file| file.split_once('=').map_or(file, |(_, path)| path));
                    add(path);
                });
            }
        }
        for chart in list(&value, "helmCharts") {
            add(chart.get("valuesFile").and_then(Value::as_str));
        }
    }

    pub(super) fn role(&self, file: &Path, text: &str) -> Role {
        if is_kustomization(file) {
            let value = kustomization(text);
            let component = value.get("kind").and_then(Value::as_str) == Some("Component");
            return Role::Kustomization(changes(&value), component);
        }
        if self.parts.contains(&plain(file)) || self.in_chart(file) {
            return Role::Part;
        }
        if is_named(file, &["Chart.yaml"]) { Role::Chart } else { Role::Manifest }
    }

    /// How many files of a chart are passed over.
    pub(super) fn templates<'f>(&self, chart: &Path, files: impl Iterator<Item = &'f PathBuf>) -> usize {
        let folder = chart.parent().map(|folder| folder.join("templates"));
        folder.map_or(0, |folder| files.filter(|file| file.starts_with(&folder)).count())
    }

    /// Templates, values and the charts within a chart. Its CRDs are plain manifests.
    fn in_chart(&self, file: &Path) -> bool {
        file.ancestors().skip(1).filter(|folder| self.charts.contains(*folder)).any(|folder| {
            let Ok(rest) = file.strip_prefix(folder) else { return false };
            let first = rest.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
            let first = first.unwrap_or_default();
            let own = rest.components().nth(1).is_none();
            matches!(first.as_str(), "templates" | "charts") || (own && first.starts_with("values"))
        })
    }
}

pub(super) fn is_kustomization(file: &Path) -> bool {
    is_named(file, &["kustomization.yaml", "kustomization.yml"])
}

fn is_named(file: &Path, names: &[&str]) -> bool {
    file.file_name().is_some_and(|own| names.iter().any(|name| own == *name))
}

/// Without `.` and `..`, as far as the words of the path tell.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

fn kustomization(text: &str) -> Value {
    yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text)).unwrap_or(Value::Null)
}

/// The fields of a kustomization that make its objects differ from its files.
fn changes(value: &Value) -> Vec<String> {
    const PLAIN: [&str; 7] = ["apiVersion", "kind", "metadata", "resources", "bases", "crds", "openapi"];
    let fields: BTreeMap<&String, &Value> = value.as_object().into_iter().flatten().collect();
    fields.into_keys().filter(|key| !PLAIN.contains(&key.as_str())).cloned().collect()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

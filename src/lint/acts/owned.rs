//! TG643: fields that a rule or tidegate itself writes, and that stand in Git too: Argo CD puts Git's value back.
//!
//! A key that is only on the live object causes no difference; one that is in Git too is reverted (seen on Argo CD 3.5). What `ignoreDifferences`
//! covers is not compared, and with `RespectIgnoreDifferences=true` a sync leaves it alone too.

use serde_json::Value;

use super::deed;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::Object;
use crate::rulebook::Verb;

pub(super) const CHECK: Check = Check { codes: &[Code::OWNED_FIELD], run: check };

const METADATA: &[&str] = &["metadata", "annotations"];
const LABELS: &[&str] = &["metadata", "labels"];
/// Where records lie, by kind.
const RECORDS: &[(&str, &str, &[&str])] = &[
    ("apps", "Deployment", &["spec", "template", "metadata", "annotations"]),
    ("apps", "StatefulSet", &["spec", "template", "metadata", "annotations"]),
    ("serving.kserve.io", "InferenceService", &["spec", "predictor", "annotations"]),
];
/// What tidegate keeps as it should be, whatever rules say.
const KEPT: &[&str] =
    &["mlops.dev/wave-complete", "mlops.dev/wave-failed", "mlops.dev/notebook-status", "mlops.dev/notebook-summary"];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for object in &subject.platform.objects {
        own(subject, object, METADATA, found);
        for (_, _, map) in RECORDS.iter().filter(|(group, kind, _)| *group == &*object.group && *kind == &*object.kind)
        {
            own(subject, object, map, found);
        }
    }
    for deed in deed::deeds(subject) {
        let (map, target, key, value) = match &deed.action.verb {
            Verb::Annotate { target, key, value } => (METADATA, target, &**key, value.literal()),
            Verb::Label { target, key, value } => (LABELS, target, &**key, value.literal()),
            _ => continue,
        };
        let Some(object) = deed::object(subject, target) else { continue };
        let path: Vec<&str> = map.iter().copied().chain([key]).collect();
        let Some(git) = field(object, &path) else { continue };
        if git.as_str() == value.as_deref() {
            continue;
        }
        let what = format!("`{}`", subject.graph.short(&deed.action.text));
        if let Some(diagnostic) = report(subject, object, &path, &what) {
            found.push(diagnostic.related(deed.place, "the rule writes it"));
        }
    }
}

/// Records of tidegate in a manifest: copied from a live object, most likely.
fn own(subject: &Subject<'_>, object: &Object, map: &[&str], found: &mut Vec<Diagnostic>) {
    let Some(annotations) = field(object, map).and_then(Value::as_object) else { return };
    for key in annotations.keys() {
        let record = key.starts_with("tidegate.dev/") || key == "argocd.argoproj.io/refresh";
        if !record && !KEPT.contains(&key.as_str()) {
            continue;
        }
        let place = subject.at(object, &map.iter().copied().chain([key.as_str()]).collect::<Vec<_>>());
        let (message, help) = if key == "argocd.argoproj.io/refresh" {
            if &*object.kind != "Application" || object.application.is_none() {
                continue;
            }
            let message = "Argo CD takes `argocd.argoproj.io/refresh` away when it has refreshed, and from Git it comes back: the Application is \
                           OutOfSync again and again";
            (message.to_owned(), "take it out of the manifest; a rule says `refresh application NAME`")
        } else {
            let message = if map.contains(&"predictor") {
                format!(
                    "`{key}` is a record that tidegate keeps: each time Git's value is put back, the model restarts"
                )
            } else {
                format!(
                    "`{key}` is kept by tidegate on the live object: Git's value is put back, and tidegate writes its own again"
                )
            };
            (message, "take it out of the manifest")
        };
        found.push(Diagnostic::warning(Code::OWNED_FIELD, place, message).help(help));
    }
}

fn report(subject: &Subject<'_>, object: &Object, path: &[&str], what: &str) -> Option<Diagnostic> {
    let application = deed::application(subject, object);
    let name = object.application.as_ref().map(|app| app.name.to_string());
    let ignored = application.map_or(Ignored::No, |app| ignored(app, object, path));
    let place = subject.at(object, path);
    let pointer: String = path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
    let group = if object.group.is_empty() { "\"\"" } else { &*object.group };
    let entry = format!(
        "ignoreDifferences: [{{group: {group}, kind: {}, name: {}, jsonPointers: [{pointer}]}}]",
        object.kind, object.name
    );
    let respect = "syncOptions: [RespectIgnoreDifferences=true]";
    let heals = application.is_some_and(|app| {
        app.value.pointer("/spec/syncPolicy/automated/selfHeal").and_then(Value::as_bool) == Some(true)
    });
    let whose = name.map_or_else(|| "the Application".to_owned(), |name| format!("Application `{name}`"));
    let out = format!(
        "take the key out of the manifest, or write into {whose} `spec: {{{entry}}}` and `spec.syncPolicy: {{{respect}}}`"
    );
    let (message, help) = match ignored {
        Ignored::Kept => return None,
        Ignored::Compared => (
            format!(
                "{what} lasts until the next sync: `ignoreDifferences` hides the difference, but a sync still writes Git's value"
            ),
            format!("add `{respect}` to `spec.syncPolicy` of {whose}"),
        ),
        Ignored::No if heals => {
            (format!("{what} lasts a moment: the key is in Git too, and selfHeal puts Git's value back"), out)
        }
        Ignored::No => (
            format!(
                "{what} makes the application OutOfSync: the key is in Git too, and the next sync puts Git's value back"
            ),
            out,
        ),
    };
    Some(Diagnostic::warning(Code::OWNED_FIELD, place, message).help(help))
}

/// What an Application's `ignoreDifferences` says of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ignored {
    No,
    /// Not compared, but written by a sync.
    Compared,
    /// Left alone.
    Kept,
}

fn ignored(application: &Object, object: &Object, path: &[&str]) -> Ignored {
    let spec = application.value.get("spec");
    let rules = spec.and_then(|spec| spec.get("ignoreDifferences")).and_then(Value::as_array);
    if !rules.into_iter().flatten().any(|rule| about(rule, object) && covers(rule, path)) {
        return Ignored::No;
    }
    let options = spec.and_then(|spec| spec.pointer("/syncPolicy/syncOptions")).and_then(Value::as_array);
    let respected =
        options.into_iter().flatten().any(|option| option.as_str() == Some("RespectIgnoreDifferences=true"));
    if respected { Ignored::Kept } else { Ignored::Compared }
}

/// Group and kind may be globs; only `*` is read here.
fn about(rule: &Value, object: &Object) -> bool {
    let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default();
    let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    let free = |key: &str, value: &str| text(key).is_empty() || text(key) == value;
    fits(text("group"), &object.group)
        && fits(text("kind"), &object.kind)
        && free("name", &object.name)
        && free("namespace", &object.namespace)
}

/// A pointer to the field or to what holds it; any jq expression or manager that might mean it.
fn covers(rule: &Value, path: &[&str]) -> bool {
    let list = |key: &str| rule.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let pointed = list("jsonPointers").any(|pointer| {
        let steps: Vec<String> = pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")).collect();
        steps.len() <= path.len() && steps.iter().zip(path).all(|(a, b)| a == b)
    });
    let last = path.last().copied().unwrap_or_default();
    let map = path.iter().rev().nth(1).copied().unwrap_or_default();
    let expressed =
        list("jqPathExpressions").any(|jq| jq.contains(last) || jq.trim_end().ends_with(&format!(".{map}")));
    pointed || expressed || list("managedFieldsManagers").any(|manager| manager.starts_with("tidegate"))
}

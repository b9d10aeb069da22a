//! TG641: the notebook operator among the manifests acts on trigger annotations itself.
//!
//! Read from tosin2013/jupyter-notebook-validator-operator: `internal/controller/argocd/trigger_handler.go`, on release 1.0.5 and later; its ClusterRole
//! (`config/rbac/role.yaml`) was given `patch` on Applications for it.

use serde_json::Value;

use super::deed;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::lint::Check;
use crate::lint::Subject;
use crate::lint::subject::text;
use crate::manifests::Object;
use crate::rulebook::{self, Honour, ObjectRef, Rule};

pub(super) const CHECK: Check = Check { codes: &[Code::OPERATOR_ACTS], run: check };

const TRIGGER: &str = "mlops.dev/on-success-trigger";
const NAME: &str = "jupyter-notebook-validator-operator";
/// The first release that acts.
const ACTS_FROM: (u32, u32, u32) = (1, 0, 5);

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let notebooks = deed::of_kind(subject.platform, "mlops.mlops.dev", "NotebookValidationJob");
    let triggered: Vec<&Object> = notebooks.iter().filter(|o| o.annotation(TRIGGER).is_some()).collect();
    if triggered.is_empty() {
        return;
    }
    let Some((operator, place, why)) = operator(subject) else { return };
    for notebook in triggered {
        let annotation = subject.annotation(notebook, TRIGGER);
        let (severe, message, help) = match subject.rulebook.honour {
            Honour::Always => (
                true,
                "both tidegate and the notebook operator act on this: what it restarts is restarted twice".to_owned(),
                "take `honour annotations always` out of the rule file: tidegate then leaves it to the operator",
            ),
            Honour::Never => match same_in_rules(subject, notebook) {
                Some(rule) => (
                    true,
                    format!("the notebook operator acts on this, and {} does the same", deed::name(subject, rule)),
                    "take the annotation away",
                ),
                None => continue,
            },
            Honour::UnlessOperatorDoes => (
                false,
                "the notebook operator acts on this itself, so tidegate leaves it alone; the operator deletes all pods \
                 at once, its `sync` is only a refresh, and what fails it does not try again"
                    .to_owned(),
                "take the annotation away and write a rule that says the same",
            ),
        };
        let diagnostic = if severe {
            Diagnostic::warning(Code::OPERATOR_ACTS, annotation, message)
        } else {
            Diagnostic::note(Code::OPERATOR_ACTS, annotation, message)
        };
        found.push(diagnostic.related(place, format!("{} {}: {why}", operator.kind, operator.name)).help(help));
    }
}

/// A rule of the files that does what a notebook's trigger says.
fn same_in_rules<'s>(subject: &Subject<'s>, notebook: &Object) -> Option<&'s Rule> {
    let kind = subject.rulebook.kind_by_type(&notebook.group, &notebook.kind)?;
    let source = ObjectRef { kind, namespace: notebook.namespace.clone(), name: notebook.name.clone() };
    let (annotated, _) = rulebook::rules_of(subject.rulebook, &source, notebook.annotation(TRIGGER), None);
    let actions: Vec<&str> = annotated.iter().flat_map(|rule| &rule.then).map(|action| action.text.as_str()).collect();
    let waits = |rule: &&std::sync::Arc<Rule>| deed::awaited_runs(rule).contains(&&source);
    let same = |rule: &&std::sync::Arc<Rule>| rule.then.iter().any(|action| actions.contains(&action.text.as_str()));
    subject.rulebook.rules.iter().filter(waits).find(same).map(|rule| &**rule)
}

/// The operator among the manifests, if it is surely one that acts, and what tells.
fn operator<'s>(subject: &Subject<'s>) -> Option<(&'s Object, Span, String)> {
    let platform = subject.platform;
    let roles = deed::of_kind(platform, "rbac.authorization.k8s.io", "ClusterRole").iter();
    if let Some(role) = roles.clone().find(|role| acts(role.value.get("rules"))) {
        return Some((role, subject.at(role, &["rules"]), "may patch Applications".to_owned()));
    }
    for deployment in deed::of_kind(platform, "apps", "Deployment") {
        let containers = deployment.value.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for (n, container) in containers.into_iter().flatten().enumerate() {
            let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
            if image_version(image).is_some_and(|version| version >= ACTS_FROM) {
                let n = n.to_string();
                let place = subject.at(deployment, &["spec", "template", "spec", "containers", &n, "image"]);
                return Some((deployment, place, "a release that acts on triggers".to_owned()));
            }
        }
    }
    let olm = "operators.coreos.com";
    for version in deed::of_kind(platform, olm, "ClusterServiceVersion") {
        if csv_version(&version.name).is_some_and(|number| number >= ACTS_FROM) {
            return Some((version, subject.at(version, &["metadata", "name"]), "acts on triggers".to_owned()));
        }
    }
    for subscription in
        deed::of_kind(platform, olm, "Subscription").iter().filter(|s| text(s, &["spec", "name"]) == NAME)
    {
        let starting = text(subscription, &["spec", "startingCSV"]);
        let manual = text(subscription, &["spec", "installPlanApproval"]) == "Manual";
        if csv_version(starting).is_some_and(|number| number >= ACTS_FROM) || (starting.is_empty() && !manual) {
            let place = subject.at(subscription, &["spec", "name"]);
            return Some((subscription, place, "installs a release that acts on triggers".to_owned()));
        }
    }
    None
}

/// The rights of the operator's releases that act: notebooks' status, and patches of Applications.
fn acts(rules: Option<&Value>) -> bool {
    let rules = || rules.and_then(Value::as_array).into_iter().flatten();
    let has = |rule: &Value, key: &str, word: &str| {
        rule.get(key).and_then(Value::as_array).into_iter().flatten().any(|value| value.as_str() == Some(word))
    };
    let right = |group: &str, resource: &str, verb: &str| {
        rules()
            .any(|rule| has(rule, "apiGroups", group) && has(rule, "resources", resource) && has(rule, "verbs", verb))
    };
    right("mlops.mlops.dev", "notebookvalidationjobs/status", "update") && right("argoproj.io", "applications", "patch")
}

fn image_version(image: &str) -> Option<(u32, u32, u32)> {
    let last = image.rsplit('/').next()?;
    let (name, tag) = last.split_once('@').map_or(last, |(name, _)| name).split_once(':')?;
    (name == NAME).then(|| version(tag)).flatten()
}

fn csv_version(name: &str) -> Option<(u32, u32, u32)> {
    version(name.strip_prefix(NAME)?.strip_prefix('.')?)
}

/// `v1.0.8`, `1.0.4-ocp4.20`
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts = text.split(['-', '+']).next()?.split('.').map(|part| part.parse::<u32>().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

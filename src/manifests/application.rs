//! Applications among the manifests, and those that an ApplicationSet generates: what they say about syncing their objects.
//!
//! Read from argo-cd 3.5, `pkg/apis/application/v1alpha1/types.go` (ApplicationSpec, SyncPolicy, ResourceIgnoreDifferences).

use std::sync::Arc;

use serde_json::Value;

use super::platform::{App, Defaults};
use super::{Document, Object};
use crate::diagnostic::Span;

/// An Application among the manifests.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its name.
    pub app: App,
    /// An ApplicationSet generates it: in the name `*` stands for what its generators fill in, and what they fill in elsewhere reads as absent.
    pub generated: bool,
    /// `spec.destination.namespace`; may be empty.
    pub namespace: Arc<str>,
    /// `spec.destination.server`; may be empty.
    pub server: Arc<str>,
    /// `spec.destination.name`, the cluster's name; may be empty.
    pub cluster: Arc<str>,
    /// `spec.project`; `default` where nothing is said, empty where an ApplicationSet fills it in.
    pub project: Arc<str>,
    /// `repoURL` of `spec.source` or each of `spec.sources`; an empty one is filled in by an ApplicationSet.
    pub repositories: Vec<Arc<str>>,
    /// `spec.syncPolicy.automated`, unless its `enabled` is false.
    pub automated: Option<Automated>,
    /// `spec.syncPolicy.syncOptions`, as written: Argo CD compares whole words.
    pub sync_options: Vec<Arc<str>>,
    /// `spec.ignoreDifferences`
    pub ignore_differences: Vec<IgnoreDifference>,
    /// The place of its document.
    pub place: Span,
}

/// Syncs that Argo CD begins by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Automated {
    /// What is no longer in Git is deleted.
    pub prune: bool,
    /// What changed in the cluster alone is applied again, by syncs of these resources only, which skip hooks.
    pub self_heal: bool,
}

/// Fields whose difference is no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreDifference {
    /// API group, perhaps with `*`; empty: core.
    pub group: Arc<str>,
    /// Kind, perhaps with `*`.
    pub kind: Arc<str>,
    /// One object's name; empty: all.
    pub name: Arc<str>,
    /// One namespace; empty: all.
    pub namespace: Arc<str>,
    /// `jsonPointers`
    pub json_pointers: Vec<Arc<str>>,
    /// `jqPathExpressions`
    pub jq_path_expressions: Vec<Arc<str>>,
    /// `managedFieldsManagers`
    pub managers: Vec<Arc<str>>,
}

impl Application {
    /// Whether `spec.syncPolicy.syncOptions` holds this word, such as `Replace=true`.
    #[must_use]
    pub fn has_sync_option(&self, option: &str) -> bool {
        self.sync_options.iter().any(|own| &**own == option)
    }

    /// What changes in the cluster alone is applied again at once.
    #[must_use]
    pub fn self_heals(&self) -> bool {
        self.automated.is_some_and(|automated| automated.self_heal)
    }

    /// Where `spec` stands in the document that says it.
    #[must_use]
    pub fn spec_path(&self) -> &'static [&'static str] {
        if self.generated { &["spec", "template", "spec"] } else { &["spec"] }
    }
}

impl Object {
    /// The words of `argocd.argoproj.io/sync-options`.
    #[must_use]
    pub fn sync_options(&self) -> Vec<&str> {
        self.words("argocd.argoproj.io/sync-options")
    }

    /// The words of `argocd.argoproj.io/compare-options`.
    #[must_use]
    pub fn compare_options(&self) -> Vec<&str> {
        self.words("argocd.argoproj.io/compare-options")
    }

    fn words(&self, key: &str) -> Vec<&str> {
        let value = self.annotation(key).unwrap_or_default();
        value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
    }
}

fn is_kind(object: &Value, kind: &str) -> bool {
    text(object, "/kind") == kind && text(object, "/apiVersion").starts_with("argoproj.io/")
}

/// An object that Argo CD itself reads: it is applied by a parent application, if at all.
pub(super) fn is_of_argo_cd(object: &Value) -> bool {
    is_application(object) || is_kind(object, "ApplicationSet") || is_kind(object, "AppProject")
}

pub(super) fn is_application(object: &Value) -> bool {
    is_kind(object, "Application")
}

/// Sorted by name, those that are generated last; each name once.
pub(super) fn applications(documents: &[Document], defaults: &Defaults) -> Vec<Application> {
    let mut applications: Vec<Application> = documents.iter().filter_map(|d| application(d, defaults)).collect();
    applications.sort_by(|a, b| (a.generated, &a.app).cmp(&(b.generated, &b.app)));
    applications.dedup_by(|a, b| a.app == b.app);
    applications
}

fn application(document: &Document, defaults: &Defaults) -> Option<Application> {
    let object = &document.object;
    let generated = is_kind(object, "ApplicationSet");
    let (name, spec) = if generated {
        (text(object, "/spec/template/metadata/name"), object.pointer("/spec/template/spec")?)
    } else if is_application(object) {
        (text(object, "/metadata/name"), object.get("spec").unwrap_or(&Value::Null))
    } else {
        return None;
    };
    if name.is_empty() {
        return None;
    }
    let own: Arc<str> = text(object, "/metadata/namespace").into();
    let of_default = defaults.application.as_ref().filter(|_| own.is_empty()).map(|a| a.namespace.clone());
    let said = |pointer: &str| -> Arc<str> {
        let value = text(spec, pointer);
        if generated && value.contains("{{") { Arc::from("") } else { value.into() }
    };
    let source = spec.get("source").into_iter();
    let sources = source.chain(spec.get("sources").and_then(Value::as_array).into_iter().flatten());
    let repositories = sources.filter_map(|source| source.get("repoURL")?.as_str());
    let template = |url: &str| generated && url.contains("{{");
    Some(Application {
        app: App { namespace: of_default.unwrap_or(own), name: starred(name, generated).into() },
        generated,
        namespace: said("/destination/namespace"),
        server: said("/destination/server"),
        cluster: said("/destination/name"),
        project: if text(spec, "/project").is_empty() { "default".into() } else { said("/project") },
        repositories: repositories.map(|url| if template(url) { "".into() } else { url.into() }).collect(),
        automated: spec.pointer("/syncPolicy/automated").and_then(automated),
        sync_options: texts(spec.pointer("/syncPolicy/syncOptions")),
        ignore_differences: list(spec.get("ignoreDifferences")).map(ignored).collect(),
        place: document.span,
    })
}

/// `{{path.basename}}-app` as `*-app`.
fn starred(name: &str, generated: bool) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("{{").filter(|_| generated) {
        out.push_str(before);
        out.push('*');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn automated(value: &Value) -> Option<Automated> {
    let flag = |key: &str, otherwise: bool| value.get(key).and_then(Value::as_bool).unwrap_or(otherwise);
    // `automated: {}` and `automated:` (null, that is absent) differ.
    let on = value.is_object() && flag("enabled", true);
    on.then(|| Automated { prune: flag("prune", false), self_heal: flag("selfHeal", false) })
}

fn ignored(value: &Value) -> IgnoreDifference {
    IgnoreDifference {
        group: text(value, "/group").into(),
        kind: text(value, "/kind").into(),
        name: text(value, "/name").into(),
        namespace: text(value, "/namespace").into(),
        json_pointers: texts(value.get("jsonPointers")),
        jq_path_expressions: texts(value.get("jqPathExpressions")),
        managers: texts(value.get("managedFieldsManagers")),
    }
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    super::platform::at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: Option<&Value>) -> Vec<Arc<str>> {
    list(value).filter_map(Value::as_str).map(Arc::from).collect()
}

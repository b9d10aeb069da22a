//! All objects of some manifests together: whose they are, and when Argo CD applies them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::application::{Application, applications, is_application, is_of_argo_cd};
use super::argocd::{self, DeletePolicy, HookRead, Phase};
use super::scope::Scopes;
use super::shape::{is_cipher, is_encrypted};
use super::{Document, Manifests};
use crate::diagnostic::{self, Code, Diagnostic, Sources, Span};

/// An Application's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct App {
    /// The namespace of the Application object; empty when nothing tells.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What a rule file says about objects that say nothing themselves.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// `application NS/NAME`
    pub application: Option<App>,
    /// `namespace NS`; may be empty
    pub namespace: Arc<str>,
}

/// An object, and what Argo CD makes of it.
#[derive(Clone, Debug)]
pub struct Object {
    /// API group; empty for core.
    pub group: Arc<str>,
    /// API version.
    pub version: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Its kind lives in namespaces, as far as manifests tell: what is not known does.
    pub namespaced: bool,
    /// Its namespace: its own, else its Application's destination, else the default; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// The object names a namespace by itself, which then is that of `value`.
    pub namespace_given: bool,
    /// Its name; `metadata.generateName` and `*` for objects without one.
    pub name: Arc<str>,
    /// The Application that applies it, if anything tells.
    pub application: Option<App>,
    /// Wave.
    pub wave: i64,
    /// An annotation says the wave; else it is 0 because nothing does.
    pub wave_given: bool,
    /// Where the wave stands: the annotation, else the document.
    pub wave_place: Span,
    /// Hook, phases.
    pub hook: HookRead,
    /// When a hook is deleted; empty for what is no hook.
    pub delete_policies: Vec<DeletePolicy>,
    /// The place of the document.
    pub place: Span,
    /// Where in nested lists of that document it stands; empty for an object of its own.
    pub item: Vec<usize>,
    /// The template that rendered it, as Helm's `# Source:` line says.
    pub source: Option<Arc<str>>,
    /// The place of each annotation, by key.
    pub annotation_places: BTreeMap<String, Span>,
    /// SOPS has encrypted values of it. Metadata that cannot be read is left out of `value`; what is below `data` and the like is as written.
    pub encrypted: bool,
    /// The object. Its `metadata.namespace` is filled in.
    pub value: Value,
}

impl Object {
    /// The value of an annotation; none when an annotation of the object is not a text (then nothing reads any of them).
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        let annotations = self.value.get("metadata")?.get("annotations")?.as_object()?;
        let value = annotations.get(key)?.as_str()?;
        annotations.values().all(Value::is_string).then_some(value)
    }

    /// What no two objects share, whatever their versions: group, kind, namespace, name.
    fn key(&self) -> (&str, &str, &str, &str) {
        (&self.group, &self.kind, &self.namespace, &self.name)
    }

    /// Where an annotation stands; the document where that is not known.
    #[must_use]
    pub fn annotation_place(&self, key: &str) -> Span {
        self.annotation_places.get(key).copied().unwrap_or(self.place)
    }

    /// Gives it a wave, as if its annotation said so; its places stay those of the text.
    pub fn set_wave(&mut self, wave: i64) {
        (self.wave, self.wave_given) = (wave, true);
        let Some(metadata) = self.value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if annotations.is_null() {
            *annotations = Value::Object(serde_json::Map::new());
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(argocd::SYNC_WAVE.to_owned(), Value::from(wave.to_string()));
        }
    }

    /// The first phase in which it is applied; none for what a sync never applies.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.hook.phases.first().copied()
    }
}

/// Everything that some manifests say.
#[derive(Debug, Default)]
pub struct Platform {
    /// Sorted by group, kind, namespace, name; each once.
    pub objects: Vec<Object>,
    /// Sorted by name, those that an ApplicationSet generates last.
    pub applications: Vec<Application>,
    /// Findings: those of reading, duplicates, annotations that Argo CD passes over. Sorted.
    pub diagnostics: Vec<Diagnostic>,
}

impl Platform {
    /// Reads what Argo CD would read.
    ///
    /// An object belongs to the Application that its tracking-id names (when that names the object itself), else to one among the manifests that its label
    /// `argocd.argoproj.io/instance` or `app.kubernetes.io/instance` names, else to the default, else to the only one among the manifests whose destination
    /// is the object's namespace, else to the only one at all (one that an ApplicationSet generates only where there is no other). Applications belong to the default alone (app of apps).
    #[must_use]
    pub fn new(manifests: Manifests, defaults: &Defaults, sources: &Sources) -> Self {
        let Manifests { documents, mut diagnostics } = manifests;
        let scopes = Scopes::of(documents.iter().map(|d| &d.object));
        let applications = applications(&documents, defaults);
        let mut objects: Vec<Object> = Vec::with_capacity(documents.len());
        for document in documents {
            if let Some(object) = read(document, &applications, defaults, &scopes, &mut diagnostics) {
                objects.push(object);
            }
        }
        // Of two equal objects Argo CD applies the last (`controller/state.go`, DeduplicateTargetObjects). Files may come in any order, so
        // the last is the last by file name and line.
        let file = |o: &Object| sources.get(o.place.file).map(|source| &source.name);
        objects.sort_by(|a, b| {
            a.key().cmp(&b.key()).then_with(|| (file(a), a.place.start).cmp(&(file(b), b.place.start)))
        });
        let mut platform = Platform { applications, ..Platform::default() };
        platform.objects.reserve_exact(objects.len());
        for object in objects {
            let generated = object.name.ends_with('*');
            if let Some(known) = platform.objects.last_mut().filter(|known| !generated && known.key() == object.key()) {
                let message = format!("the {} `{}` stands twice; Argo CD applies the last", object.kind, object.name);
                let found = Diagnostic::warning(Code::DUPLICATE_OBJECT, head(known.place), message).label("not read");
                diagnostics.push(found.related(head(object.place), "this one is read"));
                *known = object;
                continue;
            }
            platform.objects.push(object);
        }
        diagnostic::sort(&mut diagnostics);
        platform.diagnostics = diagnostics;
        platform
    }

    /// The object of this kind and name, whatever its version.
    #[must_use]
    pub fn find(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        // The first of equal ones: several objects may have one generated name.
        let at = self.objects.partition_point(|object| object.key() < (group, kind, namespace, name));
        self.objects.get(at).filter(|object| object.key() == (group, kind, namespace, name))
    }
}

/// The first byte: a whole document is too much to underline.
fn head(place: Span) -> Span {
    Span { end: place.start, ..place }
}

/// A field by its path, such as `/metadata/name`, none of whose keys needs to be escaped: `Value::pointer` makes two texts of each.
pub(super) fn at<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('/').skip(1).try_fold(object, |value, key| value.get(key))
}

pub(super) fn text<'v>(object: &'v Value, path: &str) -> &'v str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

fn group_version(object: &Value) -> (Arc<str>, Arc<str>) {
    let api = text(object, "/apiVersion");
    let (group, version) = api.split_once('/').unwrap_or(("", api));
    (group.into(), version.into())
}

fn read(
    document: Document,
    applications: &[Application],
    defaults: &Defaults,
    scopes: &Scopes,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Object> {
    let Document { span: place, annotations: mut annotation_places, source, item, mut object, .. } = document;
    let encrypted = is_encrypted(&object);
    if encrypted {
        for key in drop_ciphers(&mut object) {
            annotation_places.remove(&key);
        }
    }
    empty_annotations(&mut object);
    let (group, version) = group_version(&object);
    let kind: Arc<str> = text(&object, "/kind").into();
    for field in ["name", "namespace"] {
        let value = object.get("metadata").and_then(|metadata| metadata.get(field));
        if let Some(value) = value.filter(|v| !v.is_string() && !v.is_null()) {
            let message = format!("not read: a {kind} whose `metadata.{field}` is `{value}`, not a text");
            diagnostics.push(Diagnostic::error(Code::NOT_AN_OBJECT, head(place), message).help("put it in quotes"));
            return None;
        }
    }
    let name: Arc<str> = match (text(&object, "/metadata/name"), text(&object, "/metadata/generateName")) {
        (_, _) if at(&object, "/metadata/name").is_some_and(is_cipher) => {
            let message = format!("not read: SOPS has encrypted the name of this {kind}");
            let help = "encrypt the data alone, for example with `encrypted_regex: ^(data|stringData)$` in .sops.yaml";
            diagnostics.push(Diagnostic::note(Code::NOT_AN_OBJECT, head(place), message).help(help));
            return None;
        }
        ("", "") => {
            let message = format!("not read: a {kind} without `metadata.name`");
            diagnostics.push(Diagnostic::warning(Code::NOT_AN_OBJECT, head(place), message));
            return None;
        }
        ("", prefix) => format!("{prefix}*").into(),
        (name, _) => name.into(),
    };
    let own: Arc<str> = text(&object, "/metadata/namespace").into();
    let application = membership(&object, &group, &kind, &own, &name, applications, defaults);
    let namespaced = scopes.is_namespaced(&group, &kind);
    let namespace_given = !own.is_empty();
    let namespace = if !namespaced {
        Arc::from("")
    } else if !own.is_empty() {
        own
    } else {
        let destination =
            applications.iter().find(|a| Some(&a.app) == application.as_ref()).map(|a| a.namespace.clone());
        destination.filter(|ns| !ns.is_empty()).unwrap_or_else(|| defaults.namespace.clone())
    };
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !namespace.is_empty()
    {
        metadata.insert("namespace".to_owned(), Value::from(&*namespace));
    }
    let wave = argocd::read_wave(&object);
    let hook = argocd::read_hook(&object);
    let delete_policies = if hook.hook { argocd::delete_policies(&object) } else { Vec::new() };
    let wave_place = wave.key.and_then(|key| annotation_places.get(key)).copied().unwrap_or(place);
    let (wave_number, wave_given) = (wave.wave, wave.key.is_some());
    let object = Object {
        group,
        version,
        kind,
        namespaced,
        namespace,
        namespace_given,
        name,
        application,
        wave: wave_number,
        wave_given,
        wave_place,
        hook,
        delete_policies,
        place,
        item,
        source,
        annotation_places,
        encrypted,
        value: object,
    };
    oddities(&object, &wave, diagnostics);
    Some(object)
}

/// An annotation whose value is left out (`null`) is an empty text, to the API server and to Argo CD. Source: apimachinery
/// `unstructured/helpers.go`, `NestedNullCoercingStringMap`, which `GetAnnotations` calls.
fn empty_annotations(object: &mut Value) {
    let annotations = object.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    let Some(annotations) = annotations.and_then(Value::as_object_mut) else { return };
    for value in annotations.values_mut().filter(|value| value.is_null()) {
        *value = Value::String(String::new());
    }
}

/// Takes encrypted labels, annotations and namespaces out of an object; gives the keys of the annotations.
fn drop_ciphers(object: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return dropped };
    if metadata.get("namespace").is_some_and(is_cipher) {
        metadata.remove("namespace");
    }
    for field in ["labels", "annotations"] {
        let Some(map) = metadata.get_mut(field).and_then(Value::as_object_mut) else { continue };
        let keys: Vec<String> = map.iter().filter(|(_, value)| is_cipher(value)).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            map.remove(key);
        }
        if field == "annotations" {
            dropped = keys;
        }
    }
    dropped
}

/// Annotations that Argo CD passes over.
fn oddities(object: &Object, wave: &argocd::WaveRead, diagnostics: &mut Vec<Diagnostic>) {
    let mut warn = |key: &str, message: String, help: String| {
        let place = object.annotation_places.get(key).copied().unwrap_or_else(|| head(object.place));
        diagnostics.push(Diagnostic::warning(Code::ANNOTATION, place, message).help(help));
    };
    for key in argocd::annotations(&object.value).err().into_iter().flatten() {
        let message = format!("the value of the annotation `{key}` is not a text; the API server refuses the object");
        warn(&key, message, "put it in quotes".to_owned());
    }
    if let Some((key, text)) = &wave.unreadable {
        let help = format!("write a whole number in quotes, such as `{key}: \"3\"`");
        warn(key, format!("`{text}` is not a wave; Argo CD passes over it and takes {}", wave.wave), help);
    }
    if object.hook.hook {
        for (key, word) in argocd::unread_policies(&object.value) {
            let help = if key.starts_with("helm") {
                "one of `before-hook-creation`, `hook-succeeded`, `hook-failed`"
            } else {
                "one of `BeforeHookCreation`, `HookSucceeded`, `HookFailed`"
            };
            warn(key, format!("`{word}` is not a delete policy that Argo CD knows"), help.to_owned());
        }
    }
    for (key, word) in &object.hook.unreadable {
        let help = if *key == argocd::HOOK {
            "one of `PreSync`, `Sync`, `PostSync`, `SyncFail`, `Skip`, `PostDelete`"
        } else {
            "Argo CD knows `pre-install`, `pre-upgrade`, `post-install`, `post-upgrade`"
        };
        warn(key, format!("`{word}` is not a hook that Argo CD knows"), help.to_owned());
    }
}

fn membership(
    object: &Value,
    group: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    applications: &[Application],
    defaults: &Defaults,
) -> Option<App> {
    let annotation = argocd::annotations(object).ok().and_then(|a| a.get("argocd.argoproj.io/tracking-id").copied());
    if let Some(app) = annotation.and_then(|id| tracked(id, group, kind, namespace, name)) {
        let same =
            |a: &&Application| a.app.name == app.name && (app.namespace.is_empty() || a.app.namespace == app.namespace);
        let default = defaults.application.clone().filter(|a| a.name == app.name);
        return applications.iter().find(same).map(|a| a.app.clone()).or(default).or(Some(app));
    }
    if is_of_argo_cd(object) {
        let default = defaults.application.clone();
        return default.filter(|a| !(is_application(object) && *a.name == *name));
    }
    for label in ["argocd.argoproj.io/instance", "app.kubernetes.io/instance"] {
        let labels = at(object, "/metadata/labels").and_then(Value::as_object);
        let value = labels.and_then(|l| l.get(label)).and_then(Value::as_str);
        if let Some(found) = value.and_then(|value| applications.iter().find(|a| &*a.app.name == value)) {
            return Some(found.app.clone());
        }
    }
    if defaults.application.is_some() {
        return defaults.application.clone();
    }
    let only = |found: Vec<&Application>| match found.as_slice() {
        [one] => Some(one.app.clone()),
        _ => None,
    };
    let generated = applications.iter().all(|a| a.generated);
    let candidates = || applications.iter().filter(|a| generated || !a.generated);
    let here = candidates().filter(|a| !namespace.is_empty() && &*a.namespace == namespace).collect();
    only(here).or_else(|| only(candidates().collect()))
}

/// `app:group/Kind:namespace/name`, or `argoNs_app:…`, when it names the object itself (it is copied to children otherwise).
fn tracked(id: &str, group: &str, kind: &str, namespace: &str, name: &str) -> Option<App> {
    let mut parts = id.splitn(3, ':');
    let (app, what, whose) = (parts.next()?, parts.next()?, parts.next()?);
    let same_kind = what.split_once('/') == Some((group, kind));
    let (at, called) = whose.split_once('/')?;
    if !same_kind || called != name || !(namespace.is_empty() || at == namespace) {
        return None;
    }
    let (app_namespace, app_name) = app.split_once('_').unwrap_or(("", app));
    Some(App { namespace: app_namespace.into(), name: app_name.into() })
}

//! What the AppProject of an Application refuses. Silent where the AppProject is not among the manifests.

mod glob;
mod permits;

use std::collections::BTreeMap;

use self::permits::Project;
use super::of::{PLACES_MAX, head, is, members, named, option_at, spec_at};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};
use crate::manifests::{Application, Object};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::PROJECT_REFUSES], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let objects = subject.platform.objects.iter();
    let projects: Vec<&Object> = objects.filter(|object| is(object, "argoproj.io", "AppProject")).collect();
    if projects.is_empty() {
        return;
    }
    let members = members(subject);
    for application in &subject.platform.applications {
        let same: Vec<&&Object> = projects.iter().filter(|project| project.name == application.project).collect();
        // Two of one name are of two Argo CDs.
        let [object] = same.as_slice() else { continue };
        let project = Project { object };
        sources(subject, application, project, found);
        let own = destination(subject, application, project);
        let elsewhere = own.is_none();
        found.extend(own);
        found.extend(create_namespace(subject, application, project));
        let objects = members.get(&application.app).map_or(&[][..], Vec::as_slice);
        refused(subject, application, project, objects, elsewhere, found);
        hooks(subject, application, project, found);
    }
}

fn sources(subject: &Subject<'_>, application: &Application, project: Project<'_>, found: &mut Vec<Diagnostic>) {
    let manifest = subject.platform.objects.iter().find(|object| object.place == application.place);
    let single =
        manifest.is_some_and(|object| field(object, &[application.spec_path(), &["source"]].concat()).is_some());
    for (at, url) in application.repositories.iter().enumerate() {
        if url.is_empty() || project.source(url) {
            continue;
        }
        let index = at.saturating_sub(usize::from(single)).to_string();
        let path: &[&str] = if single && at == 0 { &["source", "repoURL"] } else { &["sources", &index, "repoURL"] };
        let message = format!("project `{}` refuses the repository `{url}`: nothing is synced", project.object.name);
        let lists = subject.at(project.object, &["spec", "sourceRepos"]);
        let finding = Diagnostic::error(Code::PROJECT_REFUSES, spec_at(subject, application, path), message);
        let verb = if project.denies("sourceRepos") { "permit it in" } else { "add it to" };
        let finding = finding.help(format!("{verb} `sourceRepos` of project `{}`", project.object.name));
        found.push(finding.related(lists, "what it permits"));
    }
}

fn destination(subject: &Subject<'_>, application: &Application, project: Project<'_>) -> Option<Diagnostic> {
    if application.generated && application.namespace.is_empty() {
        return None;
    }
    if project.destination(application, &application.namespace)? {
        return None;
    }
    let message = format!("project `{}` refuses this destination: nothing is synced", project.object.name);
    let server = if application.server.is_empty() { "name" } else { "server" };
    let value = if application.server.is_empty() { &application.cluster } else { &application.server };
    let verb = if project.denies("destinations") { "permit in" } else { "add to" };
    let help = format!(
        "{verb} `destinations` of project `{}`: `{{{server}: {value}, namespace: {}}}`",
        project.object.name, application.namespace
    );
    let place = spec_at(subject, application, &["destination"]);
    let lists = subject.at(project.object, &["spec", "destinations"]);
    Some(Diagnostic::error(Code::PROJECT_REFUSES, place, message).help(help).related(lists, "what it permits"))
}

/// The namespace that Argo CD would make is asked about as any resource of the sync. Source: gitops-engine `sync_context.go`, getSyncTasks.
fn create_namespace(subject: &Subject<'_>, application: &Application, project: Project<'_>) -> Option<Diagnostic> {
    const OPTION: &str = "CreateNamespace=true";
    let namespace = &application.namespace;
    let asked = application.has_sync_option(OPTION) && !namespace.is_empty();
    let rendered = subject.platform.find("", "Namespace", "", namespace).is_some();
    if !asked || rendered || project.kind("", "Namespace", namespace, false) {
        return None;
    }
    let message = format!(
        "project `{}` refuses Namespaces: the sync fails while namespace `{namespace}` does not exist",
        project.object.name
    );
    let help =
        "add `{group: \"\", kind: Namespace}` to its `clusterResourceWhitelist`, or make the namespace by other means";
    let place = option_at(subject, application, OPTION);
    let lists = project_at(subject, project, ["spec", "clusterResourceWhitelist"]);
    Some(Diagnostic::note(Code::PROJECT_REFUSES, place, message).help(help).related(lists, "what it permits"))
}

/// Why an object is refused: the same for all of its kind, or of its namespace.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Why<'o> {
    Kind { group: &'o str, kind: &'o str, namespaced: bool, black: bool },
    Namespace(&'o str),
}

fn refused(
    subject: &Subject<'_>,
    application: &Application,
    project: Project<'_>,
    objects: &[&Object],
    namespaces: bool,
    found: &mut Vec<Diagnostic>,
) {
    let mut reasons: BTreeMap<Why<'_>, Vec<&Object>> = BTreeMap::new();
    let mut permitted: BTreeMap<&str, bool> = BTreeMap::new();
    for object in objects.iter().filter(|object| !is_of_argo_cd(object)) {
        let (group, kind, name) = (&*object.group, &*object.kind, &*object.name);
        if !kind_permitted(project, object) {
            let namespaced = object.namespaced;
            let black = project.is_black(group, kind, name, namespaced);
            reasons.entry(Why::Kind { group, kind, namespaced, black }).or_default().push(object);
        } else if namespaces && object.namespaced && !object.namespace.is_empty() {
            let ask = || project.destination(application, &object.namespace).unwrap_or(true);
            if !*permitted.entry(&object.namespace).or_insert_with(ask) {
                reasons.entry(Why::Namespace(&object.namespace)).or_default().push(object);
            }
        }
    }
    found.extend(reasons.iter().filter_map(|(why, objects)| finding(subject, project, why, objects)));
}

/// Rules that name an application claim the Applications and AppProjects among the manifests for it; whether it really applies them, only a tracking-id tells.
fn is_of_argo_cd(object: &Object) -> bool {
    let kinds = ["Application", "ApplicationSet", "AppProject"];
    let own = kinds.iter().any(|kind| is(object, "argoproj.io", kind));
    own && object.annotation("argocd.argoproj.io/tracking-id").is_none()
}

/// Where nothing tells whether a kind lives in namespaces, both lists must refuse it.
fn kind_permitted(project: Project<'_>, object: &Object) -> bool {
    let permits = |namespaced| project.kind(&object.group, &object.kind, &object.name, namespaced);
    let sure = !object.namespaced || !object.group.contains('.') || object.group.ends_with(".k8s.io");
    permits(object.namespaced) || (!sure && permits(false))
}

fn finding(subject: &Subject<'_>, project: Project<'_>, why: &Why<'_>, objects: &[&Object]) -> Option<Diagnostic> {
    let (first, others) = objects.split_first()?;
    let name = &project.object.name;
    let also = if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
    let said = subject.say(first);
    let (message, help, path): (String, String, [&str; 2]) = match why {
        Why::Kind { group, kind, namespaced, black } => {
            let path @ [_, list] = project.kinds_path(*namespaced, !*black);
            let entry = format!("{{group: \"{group}\", kind: {kind}}}");
            let help = if *black {
                format!("take it out of `{list}` of project `{name}`, or out of the application")
            } else {
                format!("add `{entry}` to `{list}` of project `{name}`")
            };
            (format!("project `{name}` refuses {said}{also}: the sync fails before anything is applied"), help, path)
        }
        Why::Namespace(namespace) => {
            let message = format!(
                "project `{name}` refuses namespace `{namespace}` of {said}{also}: the sync fails before anything is applied"
            );
            (
                message,
                format!("add namespace `{namespace}` to `destinations` of project `{name}`"),
                ["spec", "destinations"],
            )
        }
    };
    let place = match why {
        Why::Kind { .. } => subject.at(first, &["kind"]),
        Why::Namespace(_) => subject.at(first, &["metadata", "namespace"]),
    };
    let finding = Diagnostic::error(Code::PROJECT_REFUSES, place, message).help(help);
    let finding = finding.related(project_at(subject, project, path), "what it permits");
    let others = others.iter().take(PLACES_MAX);
    Some(others.fold(finding, |finding, other| finding.related(head(other), subject.say(other))))
}

fn project_at(subject: &Subject<'_>, project: Project<'_>, path: [&str; 2]) -> Span {
    let found = subject.at(project.object, &path);
    // An absent list: `spec`.
    if found == head(project.object) { subject.at(project.object, &["spec"]) } else { found }
}

/// What `tidegate emit hooks` prints is not among the manifests yet.
fn hooks(subject: &Subject<'_>, application: &Application, project: Project<'_>, found: &mut Vec<Diagnostic>) {
    const EMITTED: [(&str, &str); 4] = [
        ("", "ServiceAccount"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("batch", "Job"),
    ];
    for block in subject.graph.blocks.iter().filter(|block| block.lacks_hook()) {
        let own = block.application.as_ref().and_then(|name| named(subject, name));
        if own.is_none_or(|own| own.app != application.app) {
            continue;
        }
        let refused = EMITTED.iter().filter(|(group, kind)| !project.kind(group, kind, "", true));
        let kinds: Vec<String> = refused.map(|(_, kind)| format!("`{kind}`")).collect();
        if kinds.is_empty() {
            continue;
        }
        let message = format!(
            "`block wave {}` needs a hook, and project `{}` refuses {}: what `tidegate emit hooks` prints cannot be applied",
            block.wave,
            project.object.name,
            kinds.join(", ")
        );
        let help = format!("permit these kinds in project `{}`", project.object.name);
        let finding = Diagnostic::error(Code::PROJECT_REFUSES, block.place, message).help(help);
        found.push(finding.related(head(project.object), "the project"));
    }
}

//! `emit admission`: a ValidatingAdmissionPolicy and its binding, by which resources of held waves cannot be created, whoever applies them.
//!
//! The policy reads a ConfigMap that the controller keeps (`run --admission`; its form is in `cluster/admission.rs`): for each Application
//! the waves that are held. Only CREATE is asked about, so what exists goes on: status, scale, drift that selfHeal puts right.
//!
//! Sources: Kubernetes `admissionregistration.k8s.io/v1`, and what CEL there has (strings, optional access); Argo CD
//! `util/argo/resource_tracking.go`, gitops-engine `pkg/sync/{hook,syncwaves}`.

use std::fmt::{Result, Write as _};

use super::yaml::scalar;
use crate::rulebook::Rulebook;

/// How Argo CD tells what belongs to an Application. Source: its setting `application.resourceTrackingMethod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// By the annotation `argocd.argoproj.io/tracking-id`: `annotation` and `annotation+label`.
    Annotation,
    /// By this label: `label`.
    Label(String),
}

/// What the policy is about.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the controller runs, and its ConfigMap is.
    pub namespace: String,
    /// The controller's ServiceAccount: its own writes pass.
    pub service_account: String,
    /// Argo CD's own namespace: tracking-ids of its Applications do not name it. None: that of the rules' application, else `argocd`.
    pub argocd_namespace: Option<String>,
    /// How an object names its Application.
    pub tracking: Tracking,
    /// Only objects in these namespaces; none: in all but Kubernetes' and the controller's own. Cluster-scoped objects are always asked about.
    pub only_namespaces: Vec<String>,
    /// Lets objects through when the API server cannot ask the policy.
    pub fail_open: bool,
}

/// Where Argo CD lives unless the rules say.
const ARGO_NAMESPACE: &str = "argocd";
/// Namespaces of Kubernetes itself.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-node-lease", "kube-public", "kube-system"];

/// As Go's `strconv.Atoi` reads it; numbers of more digits may be too large for it.
const NUMBER: &str = "^[+-]?[0-9]{1,18}$";

/// The policy and its binding as YAML; the same bytes for the same rules and options.
#[must_use]
pub fn admission(rulebook: &Rulebook, options: &Options) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = print(&mut out, rulebook, options);
    out
}

fn print(out: &mut String, rulebook: &Rulebook, options: &Options) -> Result {
    let name = format!("tidegate-{}.{}", rulebook.id, options.namespace);
    writeln!(
        out,
        "# Resources of held waves cannot be created; made by `tidegate emit admission`. Which waves are held, the controller"
    )?;
    writeln!(
        out,
        "# writes into the ConfigMap below: tidegate run --admission --rulebook {} --namespace {}",
        rulebook.id, options.namespace
    )?;
    writeln!(out, "# To let everything through at once: kubectl delete validatingadmissionpolicybinding {name}")?;
    writeln!(out, "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy")?;
    metadata(out, &name, rulebook)?;
    writeln!(out, "spec:\n  failurePolicy: {}", if options.fail_open { "Ignore" } else { "Fail" })?;
    writeln!(out, "  paramKind:\n    apiVersion: v1\n    kind: ConfigMap")?;
    constraints(out, options)?;
    conditions(out, options)?;
    variables(out, rulebook, options)?;
    validation(out)?;
    writeln!(out, "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding")?;
    metadata(out, &name, rulebook)?;
    writeln!(out, "spec:\n  policyName: {name}\n  validationActions: [Deny]\n  paramRef:")?;
    writeln!(out, "    name: tidegate-gates-{}\n    namespace: {}", rulebook.id, scalar(&options.namespace))?;
    writeln!(
        out,
        "    # Nothing is held before the controller has said so. `Deny` would refuse every object in the cluster, the"
    )?;
    writeln!(out, "    # controller's own pods among them.\n    parameterNotFoundAction: Allow")
}

fn metadata(out: &mut String, name: &str, rulebook: &Rulebook) -> Result {
    writeln!(out, "metadata:\n  name: {name}\n  labels:\n    app.kubernetes.io/name: tidegate")?;
    writeln!(out, "    app.kubernetes.io/instance: {}", scalar(&rulebook.id))
}

fn constraints(out: &mut String, options: &Options) -> Result {
    let (operator, mut names) = match options.only_namespaces.as_slice() {
        [] => {
            let own = SYSTEM_NAMESPACES.iter().map(|name| (*name).to_owned()).chain([options.namespace.clone()]);
            ("NotIn", own.collect::<Vec<_>>())
        }
        only => ("In", only.to_vec()),
    };
    names.sort();
    names.dedup();
    let names: Vec<String> = names.iter().map(|name| scalar(name)).collect();
    writeln!(out, "  matchConstraints:\n    namespaceSelector:\n      matchExpressions:")?;
    writeln!(out, "        - key: kubernetes.io/metadata.name\n          operator: {operator}")?;
    writeln!(out, "          values: [{}]", names.join(", "))?;
    writeln!(out, "    resourceRules:\n      # No subresources, no updates: what exists goes on.")?;
    writeln!(
        out,
        "      - apiGroups: [\"*\"]\n        apiVersions: [\"*\"]\n        operations: [CREATE]\n        resources: [\"*\"]"
    )?;
    writeln!(out, "    # Never part of a wave, and asked for all the time.\n    excludeResourceRules:")?;
    for (group, resources) in [
        ("\"\"", "events"),
        ("events.k8s.io", "events"),
        ("coordination.k8s.io", "leases"),
        ("authentication.k8s.io", "\"*\""),
        ("authorization.k8s.io", "\"*\""),
    ] {
        writeln!(
            out,
            "      - apiGroups: [{group}]\n        apiVersions: [\"*\"]\n        operations: [CREATE]\n        resources: [{resources}]"
        )?;
    }
    Ok(())
}

fn conditions(out: &mut String, options: &Options) -> Result {
    writeln!(out, "  matchConditions:")?;
    let mut condition = |why: &str, name: &str, expression: &str| -> Result {
        writeln!(out, "    # {why}\n    - name: {name}\n      expression: {}", folded(expression))
    };
    condition(
        "Creates nothing. Argo CD compares and validates so, also what is held.",
        "is-no-dry-run",
        "!(has(request.dryRun) && request.dryRun)",
    )?;
    let user = format!("system:serviceaccount:{}:{}", options.namespace, options.service_account);
    condition("tidegate's own writes.", "is-not-tidegate", &format!("request.userInfo.username != {}", cel(&user)))?;
    match &options.tracking {
        Tracking::Annotation => condition(
            "Without a tracking-id it belongs to no Application.",
            "belongs-to-an-application",
            "has(object.metadata) && has(object.metadata.annotations) && 'argocd.argoproj.io/tracking-id' in object.metadata.annotations",
        ),
        Tracking::Label(label) => {
            let has = format!(
                "has(object.metadata) && has(object.metadata.labels) && {} in object.metadata.labels",
                cel(label)
            );
            condition("Without the label it belongs to no Application.", "belongs-to-an-application", &has)?;
            condition(
                "Labels are copied to what an object makes, such as pods.",
                "has-no-owner",
                "!has(object.metadata.ownerReferences) || object.metadata.ownerReferences.size() == 0",
            )
        }
    }
}

fn variables(out: &mut String, rulebook: &Rulebook, options: &Options) -> Result {
    let home = rulebook.application.as_ref().map(|app| app.namespace.to_string());
    let argocd = options.argocd_namespace.clone().or(home).unwrap_or_else(|| ARGO_NAMESPACE.to_owned());
    writeln!(out, "  variables:")?;
    let mut variable = |why: &str, name: &str, expression: &str| -> Result {
        if !why.is_empty() {
            writeln!(out, "    # {why}")?;
        }
        writeln!(out, "    - name: {name}\n      expression: {}", folded(expression))
    };
    variable("", "annotations", "object.metadata.?annotations.orValue({})")?;
    match &options.tracking {
        Tracking::Annotation => {
            variable(
                "`app:group/Kind:namespace/name`, `argoNamespace_app:…` outside Argo CD's own namespace.",
                "tracking",
                "variables.annotations['argocd.argoproj.io/tracking-id']",
            )?;
            variable("", "app", "variables.tracking.split(':')[0]")?;
            variable("", "type", "':' + request.kind.group + '/' + request.kind.kind + ':'")?;
            variable(
                "One that names another object was copied from a parent. A name that the server makes is not in it; a cluster-scoped \
                 object's has the namespace that the Application deploys into.",
                "isOwn",
                "variables.tracking.startsWith(variables.app + variables.type) &&\n\
                 (variables.tracking.endsWith('/' + object.metadata.?name.orValue('')) || variables.tracking.endsWith('/')) &&\n\
                 (object.metadata.?namespace.orValue('') == '' || \
                 variables.tracking.startsWith(variables.app + variables.type + object.metadata.namespace + '/'))",
            )?;
        }
        Tracking::Label(label) => {
            variable("", "app", &format!("object.metadata.labels[{}]", cel(label)))?;
            variable("", "isOwn", "true")?;
        }
    }
    let key = format!("variables.app.contains('_') ? variables.app : {} + variables.app", cel(&format!("{argocd}_")));
    variable("", "key", &key)?;
    variable(
        "As Argo CD reads it: what is no number counts as Helm's weight, and that as 0.",
        "wave",
        &format!("{} :\n{} : 0", number("argocd.argoproj.io/sync-wave"), number("helm.sh/hook-weight")),
    )?;
    variable(
        "",
        "hooks",
        "variables.annotations[?'argocd.argoproj.io/hook'].orValue(variables.annotations[?'helm.sh/hook'].orValue(''))\n\
         .split(',').map(h, h.trim())",
    )?;
    variable(
        "Hooks that run before the first wave, or when a sync has failed, or on deletion.",
        "passes",
        "variables.hooks.exists(h, h in ['PreSync', 'SyncFail', 'PreDelete', 'PostDelete', 'Skip',\n'pre-install', 'pre-upgrade', \
         'pre-delete', 'post-delete', 'pre-rollback', 'post-rollback', 'test', 'test-success', 'test-failure'])",
    )?;
    variable(
        "Hooks that run after the last wave.",
        "isLast",
        "variables.hooks.exists(h, h in ['PostSync', 'post-install', 'post-upgrade'])",
    )?;
    variable(
        "Each line: the first held wave, `*` or namespaces, since when, why. One that cannot be read holds.",
        "held",
        "params.?data[?variables.key].orValue('').split('\\n').filter(l, l != '' &&\n\
         (!l.matches('^-?[0-9]{1,18} ') || variables.isLast || int(l.split(' ')[0]) <= variables.wave) &&\n\
         (!l.matches('^[^ ]+ [^ ]+ ') || l.split(' ')[1] == '*' || \
         object.metadata.?namespace.orValue('') in l.split(' ')[1].split(',')))",
    )
}

/// The annotation's number if it is one, else what follows.
fn number(annotation: &str) -> String {
    let key = cel(annotation);
    format!("variables.annotations[?{key}].orValue('').matches('{NUMBER}') ? int(variables.annotations[{key}])")
}

fn validation(out: &mut String) -> Result {
    let held = "variables.held.map(l, l.matches('^[^ ]+ [^ ]+ [^ ]+ .') ?\n'wave ' + l.split(' ')[0] + ' and later since ' + \
                l.split(' ')[2] + ' ' + l.split(' ', 4)[3] : l).join('; ')";
    writeln!(
        out,
        "  validations:\n    - expression: {}",
        folded("!variables.isOwn || variables.passes || variables.held.size() == 0")
    )?;
    writeln!(out, "      reason: Forbidden\n      message: a wave of its application is held by tidegate")?;
    let message =
        format!("'wave ' + string(variables.wave) + ' of application ' + variables.app + ' is held: ' +\n{held}");
    writeln!(out, "      messageExpression: {}", folded(&message))
}

/// A string of CEL. Names of Kubernetes hold neither quotes nor backslashes; label keys neither.
fn cel(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A folded YAML scalar: a line's end is a space in the expression. It stands under a key that is indented by six.
fn folded(expression: &str) -> String {
    format!(">-\n        {}", expression.replace('\n', "\n        "))
}

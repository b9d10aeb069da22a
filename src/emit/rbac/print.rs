//! Roles and bindings as YAML.

use std::collections::BTreeMap;
use std::fmt::{Result, Write as _};

use super::Options;
use super::grants::{Grant, Scope};
use crate::emit::yaml::scalar;
use crate::rulebook::Rulebook;

/// Reasons that one right shows; the others are counted.
const REASONS_MAX: usize = 6;

pub(super) fn print(scopes: &BTreeMap<Scope, Vec<Grant>>, rulebook: &Rulebook, options: &Options) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = header(&mut out, rulebook, options);
    for (i, (scope, grants)) in scopes.iter().enumerate() {
        let _ = role(&mut out, scope, grants, rulebook, options, i > 0);
    }
    out
}

fn header(out: &mut String, rulebook: &Rulebook, options: &Options) -> Result {
    writeln!(
        out,
        "# What tidegate may do with these rules, made by `tidegate emit rbac`; make it again when they change."
    )?;
    write!(out, "# For: tidegate run --rulebook {} --namespace {}", rulebook.id, options.namespace)?;
    for namespace in &options.watch_namespaces {
        write!(out, " --watch-namespace {namespace}")?;
    }
    if options.admission {
        write!(out, " --admission")?;
    }
    writeln!(out)
}

fn role(
    out: &mut String,
    scope: &Scope,
    grants: &[Grant],
    rulebook: &Rulebook,
    options: &Options,
    separated: bool,
) -> Result {
    // Names of cluster roles are shared by all installations of a cluster; so are those of roles in a namespace that two watch.
    let name = format!("tidegate-{}.{}", rulebook.id, options.namespace);
    let (kind, namespace) = match scope {
        Scope::Cluster => ("ClusterRole", None),
        Scope::Namespace(namespace) => ("Role", Some(namespace)),
    };
    let metadata = |out: &mut String| -> Result {
        writeln!(out, "metadata:\n  name: {name}")?;
        if let Some(namespace) = namespace {
            writeln!(out, "  namespace: {}", scalar(namespace))?;
        }
        writeln!(
            out,
            "  labels:\n    app.kubernetes.io/name: tidegate\n    app.kubernetes.io/instance: {}",
            scalar(&rulebook.id)
        )
    };
    if separated {
        writeln!(out, "---")?;
    }
    writeln!(out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}")?;
    metadata(out)?;
    writeln!(out, "rules:")?;
    for grant in grants {
        rule(out, grant)?;
    }
    writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding")?;
    metadata(out)?;
    writeln!(out, "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}")?;
    let (account, home) = (scalar(&options.service_account), scalar(&options.namespace));
    writeln!(out, "subjects:\n  - kind: ServiceAccount\n    name: {account}\n    namespace: {home}")
}

fn rule(out: &mut String, grant: &Grant) -> Result {
    for why in grant.why.iter().take(REASONS_MAX) {
        let plain: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(out, "  # {}", plain.trim_end())?;
    }
    if grant.why.len() > REASONS_MAX {
        writeln!(out, "  # and {} more", grant.why.len() - REASONS_MAX)?;
    }
    writeln!(out, "  - apiGroups: [{}]", scalar(&grant.group))?;
    writeln!(out, "    resources: [{}]", scalar(&grant.plural))?;
    if !grant.names.is_empty() {
        let names: Vec<String> = grant.names.iter().map(|name| scalar(name)).collect();
        writeln!(out, "    resourceNames: [{}]", names.join(", "))?;
    }
    writeln!(out, "    verbs: [{}]", grant.verbs.join(", "))
}

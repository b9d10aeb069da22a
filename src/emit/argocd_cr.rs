//! `emit argocd-cr`: the same health checks as an ArgoCD resource, for clusters where OpenShift GitOps owns argocd-cm.
//!
//! The operator makes a key `resource.customizations.health.<group>_<Kind>` of each of `spec.resourceHealthChecks`, writes `spec.extraConfig` over
//! what it has made, key by key, and replaces the whole ConfigMap by that. It has no field for Lua's open libraries, so their key goes into
//! `extraConfig`. Source: argoproj-labs/argocd-operator `controllers/argocd/configmap.go`, `api/v1beta1/argocd_types.go`.

use std::fmt::Write as _;

use super::argocd_health::{ArgocdChecks, argocd_checks};
use super::yaml;
use crate::diagnostic::Diagnostic;
use crate::rulebook::Rulebook;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ArgoCD resource.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Every kind that the rulebook knows, also those that no rule reads or that Argo CD has a check for.
    pub all: bool,
}

/// The ArgoCD resource as YAML, with nothing but the checks. The same bytes for the same rules.
///
/// # Errors
/// As [`argocd_checks`].
pub fn argocd_cr(rulebook: &Rulebook, options: &Options) -> Result<String, Vec<Diagnostic>> {
    let checks = argocd_checks(rulebook, options.all)?;
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = print(&mut out, options, &checks);
    Ok(out)
}

fn print(out: &mut String, options: &Options, checks: &ArgocdChecks) -> std::fmt::Result {
    writeln!(out, "# Health checks for Argo CD, made by `tidegate emit argocd-cr` from the rules.")?;
    writeln!(
        out,
        "# They belong into the ArgoCD resource that you have (`--into FILE` puts them there): a merge patch with this"
    )?;
    writeln!(out, "# keeps the other fields, but replaces the list `resourceHealthChecks`.")?;
    let open_libs: Vec<String> = checks.checks.iter().filter_map(|check| check.open_libs_key()).collect();
    if !open_libs.is_empty() {
        writeln!(
            out,
            "# The operator has no field for Lua's open libraries: what `extraConfig` says goes into argocd-cm as it is."
        )?;
    }
    checks.comments(out);
    writeln!(
        out,
        "apiVersion: argoproj.io/v1beta1\nkind: ArgoCD\nmetadata:\n  name: {}\n  namespace: {}",
        yaml::scalar(&options.name),
        yaml::scalar(&options.namespace)
    )?;
    if checks.checks.is_empty() {
        return out.write_str("spec: {}\n");
    }
    writeln!(out, "spec:\n  resourceHealthChecks:")?;
    for check in &checks.checks {
        let mut first = "- ";
        if !check.group.is_empty() {
            writeln!(out, "    {first}group: {}", yaml::scalar(&check.group))?;
            first = "  ";
        }
        writeln!(out, "    {first}kind: {}\n      check: |", yaml::scalar(&check.kind))?;
        yaml::block(out, 8, &check.script.text);
    }
    if !open_libs.is_empty() {
        writeln!(out, "  extraConfig:")?;
        for key in open_libs {
            writeln!(out, "    {key}: \"true\"")?;
        }
    }
    Ok(())
}

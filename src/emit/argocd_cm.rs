//! `emit argocd-cm`: a ConfigMap with a health check for each kind that the rules read and Argo CD has none for.

use std::fmt::Write as _;

use super::argocd_health::{ArgocdChecks, argocd_checks};
use super::yaml;
use crate::diagnostic::Diagnostic;
use crate::rulebook::Rulebook;

/// Where Argo CD lives unless it is said. Source: argo-cd `manifests/`.
const NAMESPACE: &str = "argocd";

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Argo CD's namespace; else that of the rules' `application`, else `argocd`.
    pub namespace: Option<String>,
    /// Every kind that the rulebook knows, also those that no rule reads or that Argo CD has a check for.
    pub all: bool,
}

/// The ConfigMap as YAML, with the labels without which Argo CD does not read it. The same bytes for the same rules.
///
/// # Errors
/// As [`argocd_checks`].
pub fn argocd_cm(rulebook: &Rulebook, options: &Options) -> Result<String, Vec<Diagnostic>> {
    let checks = argocd_checks(rulebook, options.all)?;
    let of_application = rulebook.application.as_ref().map(|app| app.namespace.to_string());
    let namespace = options.namespace.clone().or(of_application).unwrap_or_else(|| NAMESPACE.to_owned());
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = print(&mut out, &namespace, &checks);
    Ok(out)
}

fn print(out: &mut String, namespace: &str, checks: &ArgocdChecks) -> std::fmt::Result {
    writeln!(out, "# Health checks for Argo CD, made by `tidegate emit argocd-cm` from the rules.")?;
    writeln!(out, "# The keys below belong into the argocd-cm that you have (`--into FILE` puts them there);")?;
    writeln!(out, "# applied as it is, this replaces it.")?;
    checks.comments(out);
    writeln!(
        out,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: {}\n  labels:\n    \
         app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd",
        yaml::scalar(namespace)
    )?;
    if checks.checks.is_empty() {
        return out.write_str("data: {}\n");
    }
    writeln!(out, "data:")?;
    for check in &checks.checks {
        writeln!(out, "  {}: |", check.health_key())?;
        yaml::block(out, 4, &check.script.text);
        if let Some(key) = check.open_libs_key() {
            writeln!(out, "  {key}: \"true\"")?;
        }
    }
    Ok(())
}

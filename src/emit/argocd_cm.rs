//! `emit argocd-cm`: a ConfigMap with a health check for each kind that the rules read and Argo CD has none for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::argocd_checks::has_check;
use super::lua::{self, Script};
use super::used::kinds_read;
use crate::diagnostic::{self, Code, Diagnostic};
use crate::rulebook::{HealthRule, Kind, Rulebook};

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
/// TG204 at each expression that Argo CD's Lua cannot say; TG110 at a kind whose key would make Argo CD refuse all keys.
pub fn argocd_cm(rulebook: &Rulebook, options: &Options) -> Result<String, Vec<Diagnostic>> {
    let chosen = choose(rulebook, options.all);
    let mut errors = Vec::new();
    let mut checks: BTreeMap<String, (&Kind, Script)> = BTreeMap::new();
    for kind in chosen.emitted {
        let key = match key(kind) {
            Ok(key) => key,
            Err(error) => {
                errors.push(*error);
                continue;
            }
        };
        match lua::script(&kind.decl) {
            Ok(_) if checks.contains_key(&key) => errors.push(twice(kind, checks.get(&key).map(|(other, _)| *other))),
            Ok(script) => {
                checks.insert(key, (kind, script));
            }
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        diagnostic::sort(&mut errors);
        return Err(errors);
    }
    let of_application = rulebook.application.as_ref().map(|app| app.namespace.to_string());
    let namespace = options.namespace.clone().or(of_application).unwrap_or_else(|| NAMESPACE.to_owned());
    Ok(print(&namespace, &checks, &chosen.left_out))
}

/// The kinds to emit, and why the others that the rules read are not.
struct Chosen<'r> {
    emitted: Vec<&'r Kind>,
    left_out: Vec<&'r Kind>,
}

/// The user's own kinds are always emitted: that Argo CD's check is not wanted is why they were written.
fn choose(rulebook: &Rulebook, all: bool) -> Chosen<'_> {
    let read = kinds_read(rulebook);
    let mut chosen = Chosen { emitted: Vec::new(), left_out: Vec::new() };
    for kind in &rulebook.kinds {
        let is_read = rulebook.kind_by_short(&kind.short).is_some_and(|ix| read.contains(&ix));
        if all || !kind.builtin || (is_read && !has_check(&kind.group, &kind.kind)) {
            chosen.emitted.push(kind);
        } else if is_read {
            chosen.left_out.push(kind);
        }
    }
    chosen
}

/// `<group>_<Kind>`, or `<Kind>` in the core group. Argo CD splits it at `_`, and one key that it cannot split makes it refuse all.
/// Source: argo-cd `util/settings/settings.go`, `convertToOverrideKey`.
fn key(kind: &Kind) -> Result<String, Box<Diagnostic>> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    if !plain(&kind.group) || !plain(&kind.kind) {
        let name = &kind.decl.kind;
        let message = format!("`{}/{}` cannot be a key of argocd-cm", kind.group, kind.kind);
        let help =
            "groups and kinds are of letters, digits, `.` and `-`; a second `_` makes Argo CD refuse every check";
        return Err(Box::new(Diagnostic::error(Code::BAD_KIND, name.span, message).help(help)));
    }
    Ok(if kind.group.is_empty() { kind.kind.to_string() } else { format!("{}_{}", kind.group, kind.kind) })
}

fn twice(kind: &Kind, other: Option<&Kind>) -> Diagnostic {
    let message = format!("two kinds say the health of {} in `{}`", kind.kind, kind.group);
    let diagnostic = Diagnostic::error(Code::BAD_KIND, kind.decl.short.span, message)
        .help("Argo CD takes one, whatever the version");
    match other {
        Some(other) => diagnostic.related(other.decl.short.span, "the other one"),
        None => diagnostic,
    }
}

fn print(namespace: &str, checks: &BTreeMap<String, (&Kind, Script)>, left_out: &[&Kind]) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = header(&mut out, checks, left_out);
    let _ = writeln!(
        out,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: {namespace}\n  labels:\n    \
         app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd"
    );
    if checks.is_empty() {
        out.push_str("data: {}\n");
        return out;
    }
    out.push_str("data:\n");
    for (key, (_, script)) in checks {
        let _ = writeln!(out, "  resource.customizations.health.{key}: |");
        for line in script.text.lines() {
            let _ = if line.is_empty() { writeln!(out) } else { writeln!(out, "    {line}") };
        }
        if !script.open_libs.is_empty() {
            let _ = writeln!(out, "  resource.customizations.useOpenLibs.{key}: \"true\"");
        }
    }
    out
}

fn header(out: &mut String, checks: &BTreeMap<String, (&Kind, Script)>, left_out: &[&Kind]) -> std::fmt::Result {
    writeln!(out, "# Health checks for Argo CD, made by `tidegate emit argocd-cm` from the rules.")?;
    writeln!(out, "# The keys below belong into the argocd-cm that you have; applied as it is, this replaces it.")?;
    for (kind, script) in checks.values() {
        let lines = if matches!(kind.health, HealthRule::Kstatus) { ", read as kstatus does" } else { "" };
        let whose = if has_check(&kind.group, &kind.kind) {
            "instead of Argo CD's own check"
        } else {
            "Argo CD has no check for it"
        };
        write!(out, "# {} ({}): {whose}{lines}", kind.short, kind.kind)?;
        if !script.open_libs.is_empty() {
            write!(out, "; needs Lua's open libraries, for {}", script.open_libs.join(", "))?;
        }
        writeln!(out)?;
    }
    if !left_out.is_empty() {
        let names: Vec<&str> = left_out.iter().map(|kind| &*kind.short).collect();
        writeln!(out, "# Left out, since Argo CD has its own checks (`--all` emits them too): {}.", names.join(", "))?;
    }
    Ok(())
}

//! Which health checks Argo CD is given, for both of its forms: the ConfigMap and the ArgoCD resource.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::argocd_checks::has_check;
use super::lua::{self, Script};
use super::used::choose;
use crate::diagnostic::{self, Code, Diagnostic};
use crate::rulebook::{HealthRule, Kind, Rulebook};

/// The label of the lines that switch Lua's libraries on. Source: argo-cd `util/settings/settings.go`.
const OPEN_LIBS: &str = "resource.customizations.useOpenLibs.";

/// A health check of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgocdCheck {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// `<group>_<Kind>`, or `<Kind>` in the core group: the end of the keys of argocd-cm.
    pub key: String,
    /// The script, as [`lua::script`] gives it.
    pub script: Script,
    /// One line for people: whose check it replaces, what it needs.
    note: String,
}

impl ArgocdCheck {
    /// The key in argocd-cm that holds the script.
    #[must_use]
    pub fn health_key(&self) -> String {
        format!("resource.customizations.health.{}", self.key)
    }

    /// The key that opens Lua's libraries, if the script needs them; its value is `true`.
    #[must_use]
    pub fn open_libs_key(&self) -> Option<String> {
        (!self.script.open_libs.is_empty()).then(|| format!("{OPEN_LIBS}{}", self.key))
    }
}

/// Health checks, by key, and the kinds for which there is none.
#[derive(Clone, Debug, Default)]
pub struct ArgocdChecks {
    /// Sorted by key.
    pub checks: Vec<ArgocdCheck>,
    /// Short names of kinds that the rules read and Argo CD has its own checks for.
    pub left_out: Vec<String>,
}

impl ArgocdChecks {
    /// What they are, as comments of a YAML text.
    pub(super) fn comments(&self, out: &mut String) {
        for check in &self.checks {
            // Writing to a String does not fail.
            let _ = writeln!(out, "# {}", check.note);
        }
        if !self.left_out.is_empty() {
            let names = self.left_out.join(", ");
            let _ = writeln!(out, "# Left out, since Argo CD has its own checks (`--all` emits them too): {names}.");
        }
    }
}

/// The checks for the kinds that the rules read and Argo CD has none for, and for the kinds that the rules declare: that Argo CD's check is
/// not wanted is why they were written. With `all`, for every kind of the rulebook.
///
/// # Errors
/// TG204 at each expression that Argo CD's Lua cannot say; TG110 at a kind whose key would make Argo CD refuse all keys, and at two that have one key.
pub fn argocd_checks(rulebook: &Rulebook, all: bool) -> Result<ArgocdChecks, Vec<Diagnostic>> {
    let chosen = choose(rulebook, all, has_check);
    let mut errors = Vec::new();
    let mut found: BTreeMap<String, (&Kind, Script)> = BTreeMap::new();
    for kind in chosen.emitted {
        let key = match key(kind) {
            Ok(key) => key,
            Err(error) => {
                errors.push(*error);
                continue;
            }
        };
        match lua::script(&kind.decl) {
            Ok(_) if found.contains_key(&key) => errors.push(twice(kind, found.get(&key).map(|(other, _)| *other))),
            Ok(script) => {
                found.insert(key, (kind, script));
            }
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        diagnostic::sort(&mut errors);
        return Err(errors);
    }
    let check = |(key, (kind, script)): (String, (&Kind, Script))| ArgocdCheck {
        group: kind.group.to_string(),
        kind: kind.kind.to_string(),
        note: note(kind, &script),
        key,
        script,
    };
    let left_out = chosen.left_out.iter().map(|kind| kind.short.to_string()).collect();
    Ok(ArgocdChecks { checks: found.into_iter().map(check).collect(), left_out })
}

/// Argo CD splits the key at `_`, and one key that it cannot split makes it refuse all. Source: argo-cd `util/settings/settings.go`,
/// `convertToOverrideKey`.
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

fn note(kind: &Kind, script: &Script) -> String {
    let lines = if matches!(kind.health, HealthRule::Kstatus) { ", read as kstatus does" } else { "" };
    let whose = if has_check(&kind.group, &kind.kind) {
        "instead of Argo CD's own check"
    } else {
        "Argo CD has no check for it"
    };
    let libs = if script.open_libs.is_empty() {
        String::new()
    } else {
        format!("; needs Lua's open libraries, for {}", script.open_libs.join(", "))
    };
    format!("{} ({}): {whose}{lines}{libs}", kind.short, kind.kind)
}

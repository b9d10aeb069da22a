//! TG213: statuses on which Argo CD waits for ever. A wave goes on when its resources are Healthy and fails when one is Degraded; on
//! Unknown it waits, whatever happens, and so it does on a kind that never says Healthy.

use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::tree::{HealthWord, KindDecl, KindLine};

pub(super) fn check(kind: &KindDecl, found: &mut Vec<Diagnostic>) {
    let statuses = || {
        kind.lines.iter().filter_map(|line| match line {
            KindLine::Health { status, .. } => Some(status),
            _ => None,
        })
    };
    for status in statuses().filter(|status| status.node == HealthWord::Unknown) {
        let message = "Argo CD waits for ever on a resource whose status is `unknown`";
        let help = "write `progressing` if it can still become healthy, `degraded` if it cannot";
        found.push(Diagnostic::warning(Code::WAITS_FOR_EVER, status.span, message).help(help));
    }
    let says = |word: HealthWord| statuses().any(|status| status.node == word);
    // A kind that runs to completion and never is healthy is an error of its own.
    if !says(HealthWord::Healthy) && !kind.runs {
        let message = format!("no line of `{}` says `healthy`: Argo CD waits for ever on it", kind.short.node);
        let help = "say when it is healthy, or leave out all lines to read it as kstatus does";
        found.push(Diagnostic::warning(Code::WAITS_FOR_EVER, kind.short.span, message).help(help));
    }
    if kind.runs && says(HealthWord::Healthy) && !says(HealthWord::Degraded) {
        let message = format!("no line of `{}` says `degraded`: a run that failed is waited for", kind.short.node);
        let help = "say when a run has failed, such as `degraded \"failed\" when self.?status.?phase.orValue(\"\") == \"Failed\"`";
        found.push(Diagnostic::warning(Code::WAITS_FOR_EVER, kind.short.span, message).help(help));
    }
}

//! Lint: what compiles and is likely not meant, and manifests that cannot work. One file a check, each with a stable code.
//!
//! In: a rulebook and the trees of the user's files; a platform of manifests and the graph of both. Out: diagnostics.
//! May not know: clusters, time, files (facts, engine, cluster, rehearse, cli).
//!
//! `kinds` are checks of kinds and rules by themselves. The others look at manifests, with rules or without: `order` at what comes too early or
//! never ends, `sync` at how Argo CD applies it, `acts` at what rules and annotations do to it. All of these get one [`Subject`].

mod acts;
mod allow;
mod kinds;
mod order;
mod references;
mod subject;
mod sync;

pub use allow::{Allows, allowed};
pub use kinds::{kind, lint};
pub use subject::Subject;

use crate::diagnostic::{self, Code, Diagnostic};

/// A check of manifests: the first of its codes names its page, `docs/lint/NAME.md`.
struct Check {
    codes: &'static [Code],
    run: fn(&Subject<'_>, &mut Vec<Diagnostic>),
}

/// All findings about manifests, in the order of their places: those of reading, those of the graph, and those of each check.
#[must_use]
pub fn manifests(subject: &Subject<'_>) -> Vec<Diagnostic> {
    let mut found = subject.platform.diagnostics.clone();
    found.extend(subject.graph.diagnostics.iter().cloned());
    for check in checks() {
        (check.run)(subject, &mut found);
    }
    subject.name_templates(&mut found);
    diagnostic::sort(&mut found);
    found
}

/// Of all findings those about objects in `after` that no manifest makes: no wave can be ordered by them.
#[must_use]
pub fn absent_in_after(subject: &Subject<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    acts::absent::afters(subject, &mut found);
    found
}

fn checks() -> impl Iterator<Item = &'static Check> {
    [order::CHECKS, sync::CHECKS, acts::CHECKS].into_iter().flatten()
}

/// The codes that `lint` can say about manifests, beside those of reading them; each has a page.
#[must_use]
pub fn codes() -> Vec<Code> {
    let of_the_graph =
        [Code::CYCLE, Code::WAVE_ORDER, Code::NO_HOOK, Code::BLOCK, Code::LOOP, Code::TRIGGER, Code::ANNOTATION];
    let mut codes: Vec<Code> =
        of_the_graph.into_iter().chain(checks().flat_map(|check| check.codes).copied()).collect();
    codes.sort();
    codes.dedup();
    codes
}

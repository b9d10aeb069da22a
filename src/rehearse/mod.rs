//! Rehearsals: the very same controller on a cluster in memory, in virtual time, while a scenario plays.
//!
//! In: rule files with their scenarios, manifests, a seed. Out: a timeline of what happened, and which expectations held. The way
//! through: `script` makes a scenario ready (names, manifests), `player` plays it on a `stage` (the API server, virtual time, and the
//! stand-ins `argocd` and `operators`), a `replica` runs the controller, `witness` reads what it wrote, `expect` checks, `print` shows.
//! It runs the controller and knows kinds and their health; it may not decide anything about rules itself: where a stand-in must know
//! whether a wave is open, it asks the engine (`observer`), as `tidegate wait` does in a hook. May not know: graph, emit, lint, cli.

pub mod apiserver;
mod argocd;
mod expect;
mod explain;
mod hooks;
mod observer;
mod operators;
mod player;
mod print;
mod replica;
mod scene;
mod script;
mod stage;
mod status;
mod sync;
mod timeline;
mod witness;

use std::path::PathBuf;

pub use player::{Played, Problem};
pub use print::{Look, as_json, as_text};
pub use timeline::{Entry, Timeline, Who, span};

use crate::diagnostic::{Diagnostic, Severity};
use crate::rulebook::{Compiled, Options, Rulebook};

/// What is rehearsed.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// How the rules were compiled.
    pub options: Options,
    /// Manifests beside those that the scenarios name.
    pub manifests: Vec<PathBuf>,
    /// For the controller's random numbers.
    pub seed: u64,
}

/// What cannot be rehearsed at all.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The rule files have no scenario.
    #[error("no scenario in the rule files; write one: `scenario \"NAME\" {{ start at \"2026-03-01T08:00:00Z\"; … }}`")]
    NoScenario,
    /// There is no runtime for virtual time.
    #[error("cannot make a runtime: {0}")]
    Runtime(std::io::Error),
}

/// Plays every scenario of some compiled rules, one after the other, each on a cluster of its own. What is wrong with a scenario
/// before it begins is added to the diagnostics; then nothing is played.
///
/// # Errors
/// When there is nothing to play.
pub fn rehearse(compiled: &mut Compiled, rehearsal: &Rehearsal) -> Result<Vec<Played>, RehearseError> {
    let Some(rulebook) = compiled.rulebook.take().map(std::sync::Arc::new) else { return Ok(Vec::new()) };
    if compiled.scenarios.is_empty() {
        return Err(RehearseError::NoScenario);
    }
    let rules = rules_of(compiled, rulebook, &rehearsal.options);
    let scripts = scripts(compiled, &rules, &rehearsal.manifests);
    if compiled.diagnostics.iter().any(is_error) {
        return Ok(Vec::new());
    }
    scripts.into_iter().map(|script| player::play(&rules, script, rehearsal.seed)).collect()
}

/// What is wrong with the scenarios of rules that compile; their manifests are read, nothing is played.
pub fn check(compiled: &mut Compiled, options: &Options) {
    let Some(rulebook) = compiled.rulebook.take().map(std::sync::Arc::new) else { return };
    let rules = rules_of(compiled, rulebook.clone(), options);
    drop(scripts(compiled, &rules, &[]));
    drop(rules);
    compiled.rulebook = std::sync::Arc::into_inner(rulebook);
}

fn rules_of(compiled: &Compiled, rulebook: std::sync::Arc<Rulebook>, options: &Options) -> script::Rules {
    // The user's files come before the library.
    let own = compiled.sources.iter().count().saturating_sub(compiled.sources.shared().count());
    let texts = compiled.sources.iter().take(own).map(|(_, source)| (source.name.to_string(), source.text.to_string()));
    script::Rules { rulebook, texts: texts.collect(), options: options.clone() }
}

fn scripts(compiled: &mut Compiled, rules: &script::Rules, manifests: &[PathBuf]) -> Vec<script::Script> {
    let (scenarios, sources, found) = (&compiled.scenarios, &mut compiled.sources, &mut compiled.diagnostics);
    scenarios.iter().map(|scenario| script::script(rules, scenario, manifests, sources, found)).collect()
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error
}

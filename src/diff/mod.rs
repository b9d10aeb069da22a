//! What an edit of the rules changes in effect.
//!
//! In: two rulebooks and their graphs, over the same manifests if there are any. Out: a [`Diff`]: rules, models and kinds with the lines that come and go in
//! them, other statements, waves that move, means of blocks, rights, what starts anew and what may fire for the past. Layout, order, comments and names of files
//! change nothing and are not in it.
//! May not know: clusters, time, files (facts, lint, cluster, rehearse, cli).

mod graphs;
mod kinds;
mod lines;
mod model;
mod pairs;
mod past;
mod rights;
mod rules;
mod statements;

pub use model::{
    Change, DIFF_VERSION, Diff, Finding, Line, Means, Moved, Part, Past, PastWhy, Place, Rights, RightsOf, Statement,
    What,
};

use crate::diagnostic::{Diagnostic, Sources};
use crate::emit::{self, RbacOptions};
use crate::graph::Graph;
use crate::rulebook::Rulebook;

/// One of the two rulebooks.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The rules.
    pub rulebook: &'a Rulebook,
    /// Their order, over the manifests if there are any.
    pub graph: &'a Graph,
    /// The texts of both.
    pub sources: &'a Sources,
}

/// Compares. `manifests`: the graphs are over manifests, the same ones. `options`: what the controller is started with, for its rights.
#[must_use]
pub fn compare(old: Side<'_>, new: Side<'_>, manifests: bool, options: &RbacOptions) -> Diff {
    let pairs = pairs::pairs(old.rulebook, new.rulebook);
    let mut diff = Diff {
        version: DIFF_VERSION,
        namespace: if old.rulebook.namespace == new.rulebook.namespace {
            new.rulebook.namespace.to_string()
        } else {
            String::new()
        },
        rules: rules::parts(old, new, &pairs),
        models: statements::models(old, new),
        kinds: kinds::parts(old, new),
        annotations: graphs::annotations(old, new),
        statements: statements::statements(old.rulebook, new.rulebook),
        past: past::past(old.rulebook, new.rulebook, &pairs),
        permissions: rights::rights(old, new, options),
        findings: graphs::findings(old, new),
        ..Diff::default()
    };
    if manifests {
        diff.waves = graphs::waves(old.graph, new.graph);
        diff.means = graphs::means(old.graph, new.graph, &pairs);
    }
    diff.follow_up = follow_up(old, new, &diff);
    diff.changes = !diff.is_empty();
    diff
}

/// What was made from the old rules and has to be made again.
fn follow_up(old: Side<'_>, new: Side<'_>, diff: &Diff) -> Vec<&'static str> {
    let mut again = Vec::new();
    // The comments at their heads also tell what is left out.
    let body = |made: Result<String, Vec<Diagnostic>>| {
        let text = made.ok()?;
        Some(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>())
    };
    let config_map = |side: Side<'_>| body(emit::argocd_cm(side.rulebook, &emit::ArgocdCmOptions::default()));
    if config_map(old) != config_map(new) {
        again.push("tidegate emit argocd-cm");
    }
    let resource = |side: Side<'_>| {
        let (name, namespace) = (String::new(), String::new());
        body(emit::argocd_cr(side.rulebook, &emit::ArgocdCrOptions { name, namespace, all: false }))
    };
    if resource(old) != resource(new) {
        again.push("tidegate emit argocd-cr");
    }
    let flux = |side: Side<'_>| body(emit::flux::flux(side.rulebook, &emit::flux::Options::default()));
    if flux(old) != flux(new) {
        again.push("tidegate emit flux");
    }
    if !diff.permissions.is_empty() {
        again.push("tidegate emit rbac");
    }
    if graphs::hooks(old) != graphs::hooks(new) {
        again.push("tidegate emit hooks");
    }
    again
}

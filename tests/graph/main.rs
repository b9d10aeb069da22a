//! The graph: order, cycles, waves, means of blocks, and its four forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../support/mod.rs"]
mod support;

mod any;
mod cycles;
mod forms;
mod means;

use std::fmt::Write as _;

use tidegate::diagnostic::{Code, Sources};
use tidegate::graph::{self, Graph};
use tidegate::manifests::{App, Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{self, Options};

struct Built {
    sources: Sources,
    graph: Graph,
}

/// Rules and manifest streams to a graph; without streams there is no platform.
fn build(rules: &[(&str, &str)], streams: &[(&str, &str)]) -> Built {
    let files = rules.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let compiled = rulebook::load(files, &Options::default());
    let Some(rulebook) = compiled.rulebook else { panic!("{:#?}", compiled.diagnostics) };
    let mut sources = compiled.sources;
    let mut manifests = Manifests::default();
    for (name, text) in streams {
        let file = sources.add(*name, *text);
        read_text(&sources, file, &mut manifests);
    }
    let application =
        rulebook.application.as_ref().map(|a| App { namespace: a.namespace.clone(), name: a.name.clone() });
    let defaults = Defaults { application, namespace: rulebook.namespace.clone() };
    let platform = (!streams.is_empty()).then(|| Platform::new(manifests, &defaults, &sources));
    let graph = graph::build(&rulebook, platform.as_ref());
    Built { sources, graph }
}

/// One finding a paragraph: place, code, message, each further place, help.
/// That a hook is missing is tested where means are; elsewhere the manifests are kept small.
fn findings(built: &Built) -> String {
    let mut out = String::new();
    for d in built.graph.diagnostics.iter().filter(|d| d.code != Code::NO_HOOK) {
        let place = |span| built.sources.place(span);
        writeln!(out, "{} {:?} {}: {}", place(d.span), d.severity, d.code, d.message).unwrap();
        for (span, text) in &d.related {
            writeln!(out, "  {} {text}", place(*span)).unwrap();
        }
        if !d.help.is_empty() {
            writeln!(out, "  help: {}", d.help).unwrap();
        }
    }
    out
}

/// `kind name wave [more]` a line to a stream of objects of application `ml`.
fn objects(list: &str) -> String {
    let mut out = String::new();
    for line in list.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut words = line.splitn(4, ' ');
        let (kind, name, wave) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or("-"));
        let api = match kind {
            "NotebookValidationJob" => "mlops.mlops.dev/v1alpha1",
            "Job" => "batch/v1",
            "InferenceService" => "serving.kserve.io/v1beta1",
            "Application" => "argoproj.io/v1alpha1",
            _ => "v1",
        };
        writeln!(out, "---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}").unwrap();
        let more = words.next().unwrap_or("");
        if wave != "-" || !more.is_empty() {
            writeln!(out, "  annotations:").unwrap();
        }
        if wave != "-" {
            writeln!(out, "    argocd.argoproj.io/sync-wave: \"{wave}\"").unwrap();
        }
        for annotation in more.split(" ; ").filter(|a| !a.is_empty()) {
            writeln!(out, "    {annotation}").unwrap();
        }
    }
    out
}

const HEAD: &str = "application argocd/ml\nnamespace ml\n";

fn check(rules: &str, list: &str) -> String {
    let rules = format!("{HEAD}{rules}");
    findings(&build(&[("r.tide", &rules)], &[("m.yaml", &objects(list))]))
}

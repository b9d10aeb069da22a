//! `lint` of 10,000 objects against a bare parse of the same bytes: the platform of the corpus many times over, each time in another namespace.
//!
//! `TIDEGATE_CORPUS=… cargo bench --bench lint` prints medians and ratios; docs/performance.md holds what came out. `… --bench lint -- write FILE` writes
//! the manifests, to time whole programs on them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod timing;

use std::fmt::Write;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use granit_parser::{Event, Parser};
use serde::Deserialize;
use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::graph::Graph;
use tidegate::lint::{Allows, Subject, allowed, manifests};
use tidegate::manifests::{Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{Options, Rulebook, load};
use timing::{median, ratio, timed};

const OBJECTS: usize = 10_000;
/// Rounds; in each, everything is measured once, so that a slow moment of the machine meets all.
const ROUNDS: usize = 9;

/// Whole copies of the documents of a stream, with namespaces and cluster-wide names of their own.
fn copies(text: &str, objects: usize) -> String {
    let documents: Vec<&str> = text.split("\n---\n").filter(|d| d.contains("\nkind: ")).collect();
    let mut out = String::new();
    for copy in 0..objects.div_ceil(documents.len()) {
        for document in &documents {
            let document = copied(document.trim_start_matches("---\n"), copy);
            writeln!(out, "---\n{document}").unwrap();
        }
    }
    out
}

fn copied(document: &str, copy: usize) -> String {
    let whole = ["kind: Namespace", "kind: ClusterRole"].iter().any(|kind| document.contains(kind));
    let mut lines = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        if !line.starts_with([' ', '#']) {
            inside = line == "metadata:";
        }
        match (inside, line.strip_prefix("  name: "), line.starts_with("  namespace: ")) {
            (true, Some(name), _) if whole => lines.push(format!("  name: {}-{copy}", name.trim())),
            (true, Some(_), _) => lines.push(format!("{line}\n  namespace: platform-{copy}")),
            (true, _, true) if !whole => {}
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Events of the parser that the manifests are read with, and nothing made of them.
fn events(text: &str) -> usize {
    let mut parser = Parser::new_from_str(text);
    let mut count = 0;
    while let Some(event) = parser.next_event() {
        count += usize::from(black_box(event.unwrap()).0 != Event::StreamEnd);
    }
    count
}

/// Values, as a program would read and keep them.
fn values(text: &str) -> Vec<serde_json::Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.filter_map(|document| serde_json::Value::deserialize(document).ok()).collect()
}

/// What the verb does after the file has been read into memory, but for printing. The verb does not free what it has read.
fn lint(text: &str, rulebook: &Rulebook) -> (Platform, Graph, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add("rendered.yaml", text);
    let mut read = Manifests::default();
    read_text(&sources, file, &mut read);
    let platform = Platform::new(read, &Defaults::default(), &sources);
    let graph = tidegate::graph::build(rulebook, Some(&platform));
    let subject = Subject { platform: &platform, rulebook, graph: &graph, sources: &sources };
    let allows = Allows::read(&sources, &[], Some(&platform));
    let found = allowed(manifests(&subject), allows, Some(&platform), rulebook);
    (platform, graph, found)
}

/// The time of a computation without that of freeing what it gives.
fn kept<T>(run: impl FnOnce() -> T) -> Duration {
    let mut kept = None;
    timed(|| kept = Some(run()))
}

/// What each stage of it takes.
fn stages(text: &str, rulebook: &Rulebook) {
    let mut sources = Sources::default();
    let file = sources.add("rendered.yaml", text);
    let mut read = Manifests::default();
    println!("  read {:.1?}", timed(|| read_text(&sources, file, &mut read)));
    let mut platform = Platform::default();
    println!("  platform {:.1?}", timed(|| platform = Platform::new(read, &Defaults::default(), &sources)));
    let mut graph = Graph::default();
    println!("  graph {:.1?}", timed(|| graph = tidegate::graph::build(rulebook, Some(&platform))));
    let subject = Subject { platform: &platform, rulebook, graph: &graph, sources: &sources };
    let mut found = Vec::new();
    println!("  checks {:.1?}", timed(|| found = manifests(&subject)));
    let mut allows = Allows::default();
    println!("  comments {:.1?}", timed(|| allows = Allows::read(&sources, &[], Some(&platform))));
    println!(
        "  silencing {:.1?}",
        timed(|| found = allowed(std::mem::take(&mut found), allows, Some(&platform), rulebook))
    );
    println!("  freeing {:.1?}", timed(|| drop((platform, graph, found))));
}

fn main() {
    let corpus = PathBuf::from(std::env::var_os("TIDEGATE_CORPUS").unwrap_or_default());
    let read = |name: &str| std::fs::read_to_string(corpus.join("platform").join(name)).unwrap();
    let text = copies(&read("rendered.yaml"), OBJECTS);
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if arguments.next().as_deref() == Some("write") {
        return std::fs::write(arguments.next().unwrap(), &text).unwrap();
    }
    let rulebook = load([], &Options::default()).rulebook.unwrap();
    let (platform, _, found) = lint(&text, &rulebook);
    let (objects, size) = (platform.objects.len(), text.len() / 1024);
    println!("{objects} objects, {size} KiB, {} findings; {} events", found.len(), events(&text));
    assert_eq!(values(&text).len(), objects);
    drop(platform);
    stages(&text, &rulebook);
    let [mut bare, mut parsed, mut linted] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        bare.push(timed(|| events(&text)));
        parsed.push(kept(|| values(&text)));
        linted.push(kept(|| lint(&text, &rulebook)));
    }
    let [bare, parsed, linted] = [bare, parsed, linted].map(median);
    println!("events alone {bare:.1?}, values by serde_yaml_ng {parsed:.1?}, lint {linted:.1?}");
    println!("ratio lint / parse to values: {:.2} (target at most 1.5)", ratio(linted, parsed));
    println!("ratio lint / events alone: {:.2}", ratio(linted, bare));
}

//! `check` of many rules against a bare pest parse of the same text, and how it grows.
//!
//! `cargo bench --bench check` prints medians and ratios; docs/performance.md holds what came out.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod timing;

use std::fmt::Write;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use tidegate::rulebook::{Options, load};
use tidegate::syntax::bare_parse;
use timing::{median, ratio, timed};

/// Rules as platforms write them: half one-liners, and blocks with a gate, with selectors, with order and a window.
fn rules(count: usize) -> String {
    let mut text = String::from("application openshift-gitops/platform\nnamespace platform\n\n");
    for i in 0..count {
        match i % 6 {
            0 | 2 | 4 => writeln!(text, "when job train-{i} succeeds then restart isvc model-{i}; block wave 4"),
            1 => writeln!(
                text,
                "rule reload-{i} \"A newly trained model is served\" {{\n  when notebook train-{i} succeeds\n   and \
                 size(notebook.status.results) > 0\n   and notebook.status.results.all(r, r.status == \"Success\")\n  then \
                 restart isvc model-{i}\n       notify validation-success \"{{notebook.metadata.name}} trained\"\n  cooldown \
                 10m\n  retry 5 backoff 30s\n}}"
            ),
            3 => writeln!(
                text,
                "rule page-{i} {{\n  when any notebook with label tier=tier-{i} fails\n  then notify validation-failure \
                 \"{{notebook.metadata.name}}: {{notebook.status.?message.orValue('no message')}}\"\n}}"
            ),
            _ => writeln!(
                text,
                "rule promote-{i} {{\n  when notebook train-{i} as train succeeds\n   and then job validate-{i} as check \
                 succeeds\n   and isvc model-{i} is healthy for 10m\n  within 2h\n  then sync application prod-{i}\n  else \
                 notify promotion-stalled \"not healthy in time\"\n}}"
            ),
        }
        .unwrap();
    }
    text
}

/// Rounds; in each, everything is measured once or a few times, so that a slow moment of the machine meets all.
const ROUNDS: usize = 9;

fn check(text: &str) {
    let compiled = load([("rules.tide".to_owned(), text.to_owned())], &Options::default());
    assert!(black_box(compiled).rulebook.is_some());
}

/// Loads no files: what is loaded at every start. By the clock, since several threads do it, and once a process.
fn built_in() {
    let start = Instant::now();
    assert!(load([], &Options::default()).rulebook.is_some());
    println!("{}", start.elapsed().as_nanos());
}

/// The same, measured in processes of its own.
fn start() -> Duration {
    let run = || {
        let output = Command::new(std::env::current_exe().unwrap()).arg("start").output().unwrap();
        Duration::from_nanos(String::from_utf8(output.stdout).unwrap().trim().parse().unwrap())
    };
    median((0..31).map(|_| run()).collect())
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("start") {
        return built_in();
    }
    println!("all built-in kinds parsed and compiled: {:.2?} (target at most 5 ms)", start());
    let (small, large) = (rules(10_000), rules(100_000));
    let parse = |text: &str| assert!(bare_parse(text).is_some());
    // The first runs also take memory from the system, which the others then use again.
    parse(&large);
    check(&large);
    let [mut bare, mut whole, mut bare_large, mut whole_large] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for _ in 0..3 {
            bare.push(timed(|| parse(&small)));
            whole.push(timed(|| check(&small)));
        }
        bare_large.push(timed(|| parse(&large)));
        whole_large.push(timed(|| check(&large)));
    }
    let [bare, whole, bare_large, whole_large] = [bare, whole, bare_large, whole_large].map(median);
    println!("10,000 rules, {} KiB: bare pest parse {bare:.1?}, check {whole:.1?}", small.len() / 1024);
    println!("ratio check / bare parse: {:.2} (target at most 2.0)", ratio(whole, bare));
    println!("100,000 rules: bare pest parse {bare_large:.1?}, check {whole_large:.1?}");
    println!("growth of the bare parse 10k to 100k: {:.2}", ratio(bare_large, bare));
    println!("growth of check 10k to 100k: {:.2} (target at most 11)", ratio(whole_large, whole));
}

//! `check` of many rules against a bare pest parse of the same text, and how it grows.
//!
//! `cargo bench --bench check` prints medians and ratios; docs/performance.md holds what came out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tidegate::rulebook::{Options, load};
use tidegate::syntax::bare_parse;

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

/// The median of some runs.
fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}

fn check(text: &str) {
    let compiled = load([("rules.tide".to_owned(), text.to_owned())], &Options::default());
    assert!(black_box(compiled).rulebook.is_some());
}

fn main() {
    let (small, large) = (rules(10_000), rules(100_000));
    let bare = median(11, || {
        black_box(bare_parse(&small)).unwrap();
    });
    let whole = median(11, || check(&small));
    let ten_times = median(3, || check(&large));
    let bare_ten_times = median(3, || {
        black_box(bare_parse(&large)).unwrap();
    });
    println!("10,000 rules, {} KiB: bare pest parse {bare:.1?}, check {whole:.1?}", small.len() / 1024);
    println!("ratio check / bare parse: {:.2} (target at most 2.0)", whole.as_secs_f64() / bare.as_secs_f64());
    println!("100,000 rules: bare pest parse {bare_ten_times:.1?}, check {ten_times:.1?}");
    println!("growth of the bare parse 10k to 100k: {:.2}", bare_ten_times.as_secs_f64() / bare.as_secs_f64());
    println!("growth 10k to 100k: {:.2} (target at most 11)", ten_times.as_secs_f64() / whole.as_secs_f64());
}

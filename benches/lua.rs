//! What an emitted script costs in Argo CD's own Lua, against Argo CD's own script for the same kind and against a bare `return {…}`.
//!
//! `cargo bench --profile dev --bench lua` prints the ratios for the first and the largest of Argo CD's cases of each kind; docs/performance.md holds what
//! came out. Needs `TIDEGATE_CORPUS`, and Go to build `tests/tools/oracle`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)]

#[path = "../tests/health/corpus.rs"]
#[allow(dead_code)]
mod corpus;
#[path = "../tests/health/kinds.rs"]
#[allow(dead_code)]
mod kinds;
#[path = "../tests/support/oracle.rs"]
#[allow(dead_code)]
mod oracle;
#[path = "../tests/support/tools.rs"]
#[allow(dead_code)]
mod tools;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

fn main() {
    let Some(corpus) = std::env::var_os("TIDEGATE_CORPUS") else {
        println!("skipped: needs TIDEGATE_CORPUS");
        return;
    };
    let oracle = match oracle::Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => {
            println!("skipped: needs {need}");
            return;
        }
    };
    let book = kinds::book();
    let mut objects: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for case in corpus::cases(Path::new(&corpus)) {
        if let Some(kind) = kinds::kind_of(&book, &case.object) {
            objects.entry(&kind.short).or_default().push(case.object);
        }
    }
    let mut asked = Vec::new();
    for (short, objects) in &objects {
        let kind = book.kinds.iter().find(|kind| &*kind.short == *short).unwrap();
        let script = kinds::script(kind);
        let largest = objects.iter().max_by_key(|object| object.to_string().len()).unwrap();
        for (what, object) in [("first", &objects[0]), ("largest", largest)] {
            let question = json!({"bench": script.text, "openLibs": !script.open_libs.is_empty(), "object": object});
            asked.push((format!("{short}, {what} case"), question));
        }
    }
    let answers = oracle.ask(asked.iter().map(|(_, question)| question.clone()).collect::<Vec<_>>());
    println!("{:40} {:>9} {:>16} {:>16}", "", "µs", "time, theirs", "allocs, theirs");
    let mut ratios = Vec::new();
    for ((name, _), answer) in asked.iter().zip(&answers) {
        let Some(costs) = answer.get("value") else {
            println!("{name:40} {answer}");
            continue;
        };
        let of = |whose: &str, what: &str| costs[whose][what].as_f64();
        let ratio = |whose: &str, what: &str| Some(of("ours", what)? / of(whose, what)?);
        let shown = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}×"));
        println!(
            "{name:40} {:9.0} {:>16} {:>16}   against a bare table: {} time, {} allocations",
            of("ours", "nanoseconds").unwrap_or(0.0) / 1000.0,
            shown(ratio("theirs", "nanoseconds")),
            shown(ratio("theirs", "allocations")),
            shown(ratio("bare", "nanoseconds")),
            shown(ratio("bare", "allocations")),
        );
        ratios.extend(ratio("theirs", "nanoseconds").zip(ratio("theirs", "allocations")));
    }
    let worst = ratios.iter().fold((0.0_f64, 0.0_f64), |worst, ratio| (worst.0.max(ratio.0), worst.1.max(ratio.1)));
    let mean =
        |pick: fn(&(f64, f64)) -> f64| (ratios.iter().map(|r| pick(r).ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!(
        "geometric mean: {:.2}× time, {:.2}× allocations; worst: {:.2}×, {:.2}×",
        mean(|r| r.0),
        mean(|r| r.1),
        worst.0,
        worst.1
    );
}

//! What one event costs the engine: with 10,000 rules and 100,000 objects against 10 rules and 100 objects, and what a projected Job weighs.
//!
//! `cargo bench --bench event` prints medians and the ratio; docs/performance.md holds what came out.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod timing;

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tidegate::engine::{Change, Ledger, Listing, State};
use tidegate::expr::Interner;
use tidegate::facts::{KindFields, Row};
use tidegate::rulebook::{KindIx, Options, load};
use timing::{median, ratio, timed};

/// Events measured in one batch: each finishes a run, which fires one rule.
const EVENTS: usize = 200;
const ROUNDS: usize = 15;

struct Bench {
    ledger: Ledger,
    job: KindIx,
    keep: KindFields,
    interner: Interner,
    rules: usize,
    writes: usize,
    next: usize,
    now: Timestamp,
}

fn object(name: usize, uid: usize, ended: Option<Timestamp>) -> Json {
    let status = match ended {
        None => json!({"active": 1}),
        Some(ended) => {
            json!({"completionTime": ended.to_string(), "conditions": [{"type": "Complete", "status": "True"}]})
        }
    };
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "status": status,
        "metadata": {"name": format!("job-{name}"), "namespace": "ml", "uid": format!("uid-{uid}"), "resourceVersion": uid.to_string(),
            "creationTimestamp": "2026-03-01T08:00:00Z", "labels": {"team": format!("team-{}", name % 100)}},
    })
}

impl Bench {
    /// Half of the rules name a job, a quarter select by label, a quarter wait for two.
    fn new(rules: usize, objects: usize) -> Bench {
        let mut text = String::from("namespace ml\n");
        for i in 0..rules {
            match i % 4 {
                0 | 1 => writeln!(
                    text,
                    "rule r{i} {{ when job job-{i} succeeds; then notify done \"{{job.metadata.name}}\" }}"
                ),
                2 => writeln!(
                    text,
                    "rule r{i} {{ when any job with label team=other-{i} succeeds; then notify done \"x\" }}"
                ),
                _ => writeln!(
                    text,
                    "rule r{i} {{ when job job-{i} succeeds and job other-{i} succeeds; then notify done \"x\" }}"
                ),
            }
            .unwrap();
        }
        let compiled = load([("rules.tide".to_owned(), text)], &Options::default());
        let rulebook = Arc::new(compiled.rulebook.unwrap());
        let job = rulebook.kind_by_short("job").unwrap();
        let mut fields = rulebook.fields();
        let keep = fields.remove(&job).unwrap();
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        let kinds: Vec<KindIx> = rulebook.fields().into_keys().collect();
        let ledger = Ledger::new(rulebook, State::default());
        let mut bench =
            Bench { ledger, job, keep, interner: Interner::default(), rules, writes: 0, next: objects, now };
        for name in 0..objects {
            bench.upsert(&object(name, name, None));
        }
        kinds.into_iter().for_each(|kind| bench.ledger.set_listing(kind, Listing::Listed));
        bench.settle();
        bench
    }

    fn upsert(&mut self, json: &Json) {
        let row = Row::from_json(json, &self.keep, &mut self.interner).unwrap();
        self.ledger.change(Change::Upsert(self.job, Box::new(row)), self.now);
    }

    /// Acts on everything that is due; says how many writes that made.
    fn settle(&mut self) -> usize {
        let mut writes = 0;
        loop {
            let intents = self.ledger.tick(self.now).intents;
            if intents.is_empty() {
                return writes;
            }
            writes += intents.len();
            for intent in black_box(intents) {
                self.ledger.sent(&intent);
                self.ledger.done(&intent, self.now);
            }
        }
    }

    /// A job that a rule names, or not: over the rules of all sorts in the same way whatever their number, and over all that there are, so
    /// that what is not in the processor's cache costs as it would in a cluster.
    fn pick(&self, i: usize) -> usize {
        (i * 7) % 10 + 20 * (self.next * 7919 % (self.rules / 20).max(1))
    }

    /// The time of a batch: runs of jobs end, one after the other, and each is acted on.
    fn batch(&mut self) -> Duration {
        let news: Vec<Json> = (0..EVENTS)
            .map(|i| {
                self.next += 1;
                self.now = self.now.saturating_add(SignedDuration::from_millis(10)).unwrap();
                object(self.pick(i), self.next, Some(self.now))
            })
            .collect();
        timed(|| {
            for json in &news {
                self.upsert(json);
                self.writes += self.settle();
            }
        })
    }
}

fn main() {
    let mut small = Bench::new(10, 100);
    let before = memory();
    let mut large = Bench::new(10_000, 100_000);
    let after = memory();
    // A warm-up, then in turn, so that a slow moment of the machine meets both.
    small.batch();
    large.batch();
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        few.push(small.batch());
        many.push(large.batch());
    }
    let (few, many) = (median(few), median(many));
    let each = |time: Duration| time / u32::try_from(EVENTS).unwrap();
    println!(
        "one event, 10 rules and 100 objects: {:.1?}; 10,000 rules and 100,000 objects: {:.1?}",
        each(few),
        each(many)
    );
    let of_one = |bench: &Bench| bench.writes as f64 / (EVENTS * (ROUNDS + 1)) as f64;
    println!("writes for each event: {:.2} and {:.2}", of_one(&small), of_one(&large));
    println!("ratio of one event, large / small: {:.2} (target at most 1.2)", ratio(many, few));
    if let Some((before, after)) = before.zip(after) {
        println!("memory of 100,000 Jobs and 10,000 rules in the engine: {} MiB", after.saturating_sub(before) / 1024);
    }
}

/// Resident memory in KiB, where the system tells.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

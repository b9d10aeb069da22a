//! Evaluation of compiled expressions, against the `cel` crate on the same expression and object: time, and allocations.
//!
//! `cargo bench --bench expr` prints medians and ratios; docs/performance.md holds what came out. The crate gets its context with the
//! object made beforehand, so that neither side is charged for making the object; both compile once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

mod timing;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cel::objects::{Key, Value as Cel};
use cel::{Context, Env, extensions};
use serde_json::json;
use tidegate::diagnostic::Sources;
use tidegate::expr::{Program, Scope, Value};
use tidegate::syntax::parse_expr;
use timing::{median, ratio, timed};

const ROUNDS: usize = 11;

/// What one measurement takes, about: the system counts a thread's time in steps of milliseconds.
const MEASURED: Duration = Duration::from_millis(60);

/// As rules and kinds have them.
const EXPRESSIONS: &[&str] = &[
    "self.status.phase == \"Succeeded\"",
    "self.status.failed < 3 && self.status.phase != \"Failed\"",
    "self.?status.?phase.orValue(\"\") == \"Succeeded\"",
    "has(self.status.completionTime) && self.metadata.generation == self.status.observedGeneration",
    "self.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\")",
    "size(self.status.results) > 0 && self.status.results.all(r, r.status == \"Success\")",
    "self.metadata.name.startsWith(\"train-\") && self.status.phase in [\"Succeeded\", \"Complete\"]",
    "timestamp(self.status.completionTime) - timestamp(self.status.startTime) < duration(\"2h\")",
    "self.status.results.filter(r, r.status != \"Success\").size() == 0",
];

fn object() -> serde_json::Value {
    let results: Vec<_> = (0..20).map(|cell| json!({"cellIndex": cell, "status": "Success"})).collect();
    json!({
        "metadata": {"name": "train-fraud", "generation": 3, "labels": {"tier": "training"}},
        "spec": {"notebook": {"git": {"url": "https://example.org/x.git", "ref": "main"}}},
        "status": {
            "phase": "Succeeded", "failed": 0, "observedGeneration": 3, "results": results,
            "startTime": "2026-03-01T08:00:00Z", "completionTime": "2026-03-01T09:00:00Z",
            "conditions": [{"type": "Complete", "status": "True"}, {"type": "Ready", "status": "True"}],
        },
    })
}

fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Bool(b) => Cel::Bool(*b),
        Value::Int(i) => Cel::Int(*i),
        Value::Double(d) => Cel::Float(*d),
        Value::String(s) => Cel::String(Arc::new(s.to_string())),
        Value::List(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(map) => {
            let entries: HashMap<Key, Cel> =
                map.iter().map(|(k, v)| (Key::String(Arc::new(k.to_string())), to_cel(v))).collect();
            Cel::Map(entries.into())
        }
        _ => Cel::Null,
    }
}

fn compile(text: &str) -> Program {
    let mut sources = Sources::default();
    let file = sources.add("bench", text);
    let mut found = Vec::new();
    let tree = parse_expr(&sources, file, &mut found).unwrap();
    Program::compile(&tree, &["self"], &mut found).unwrap()
}

/// So many evaluations that they take about [`MEASURED`].
fn fitting(run: &dyn Fn() -> bool) -> u64 {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < MEASURED {
        (0..100).for_each(|_| assert!(black_box(run())));
        count += 100;
    }
    count
}

fn main() {
    let mut env = Env::stdlib().with_optional_support(true);
    env.add_extension(extensions::strings).unwrap();
    let env = Arc::new(env);
    let value = Value::from_json(&object()).unwrap();
    let mut context = Context::with_env(Arc::clone(&env));
    context.add_variable_from_value("self", to_cel(&value));
    let variables = [Some(&value)];
    let mut worst: f64 = 0.0;
    println!("{:>9} {:>9} {:>6}  {:>6} {:>6}", "tidegate", "crate", "ratio", "allocs", "crate");
    for text in EXPRESSIONS {
        let (ours, theirs) = (compile(text), env.compile(text).unwrap());
        let our = || ours.holds(&Scope::new(&variables)).unwrap();
        let their = || matches!(theirs.execute(&context), Ok(Cel::Bool(true)));
        assert!(our() && their(), "{text}");
        let evaluations = fitting(&our);
        let repeat = |run: &dyn Fn() -> bool| timed(|| (0..evaluations).for_each(|_| assert!(black_box(run()))));
        // In turns, so that both see the same machine.
        let (mut us, mut them) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            us.push(repeat(&our));
            them.push(repeat(&their));
        }
        let (us, them) = (median(us), median(them));
        let allocations = |run: &dyn Fn() -> bool| allocation_counter::measure(|| assert!(run())).count_total;
        let each = |time: Duration| time.as_nanos() / u128::from(evaluations);
        let times = ratio(us, them);
        worst = worst.max(times);
        println!(
            "{:>6} ns {:>6} ns {times:>6.2}  {:>6} {:>6}  {text}",
            each(us),
            each(them),
            allocations(&our),
            allocations(&their)
        );
    }
    println!("worst ratio {worst:.2} (target at most 0.5)");
}

//! Evaluating comparisons allocates nothing: fields are borrowed from the object, optionals are looked into, not made.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use serde_json::json;
use tidegate::diagnostic::Sources;
use tidegate::expr::{Lets, Program, Scope, Truth, Value};
use tidegate::syntax;

fn compile(text: &str, lets: &Lets) -> Program {
    let mut sources = Sources::default();
    let file = sources.add("case", text);
    let mut found = Vec::new();
    let expr = syntax::parse_expr(&sources, file, &mut found).unwrap_or_else(|| panic!("{text}: {found:?}"));
    Program::compile_with(&expr, &["self"], lets, &mut found).unwrap_or_else(|| panic!("{text}: {found:?}"))
}

/// Conditions that hold of the object below, and the allocations that each may make.
const CASES: &[(&str, u64)] = &[
    ("self.status.phase == \"Succeeded\"", 0),
    ("self.status.phase != \"Failed\" && self.status.failed < 3", 0),
    ("has(self.status.phase) && !has(self.status.reason)", 0),
    ("self.?status.?phase.orValue(\"\") == \"Succeeded\"", 0),
    ("self.?status.?reason.orValue(\"none\") == \"none\"", 0),
    ("self.?status.?reason.hasValue() || self.?status.?phase.hasValue()", 0),
    ("self.status[\"phase\"].startsWith(\"Succ\")", 0),
    ("self.status.conditions[0].status == \"True\"", 0),
    ("self.metadata.generation == self.status.observedGeneration", 0),
    ("size(self.status.conditions) + 1 == 3", 0),
    ("self.status.phase in [\"Failed\", \"Succeeded\"]", 0),
    ("self.status.message.matches(\"^all [a-z]+$\")", 0),
    ("timestamp(self.status.start) < timestamp(self.status.end)", 0),
    ("self.status.failed > 0 ? false : true", 0),
    // The one is the list of the macro's variables.
    ("self.status.conditions.all(c, c.status == \"True\")", 1),
    ("self.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\")", 1),
    ("self.?status.?conditions.orValue([]).exists(c, c.type == \"Ready\" && c.status == \"True\")", 1),
];

#[test]
fn comparisons_allocate_nothing() {
    let object = Value::from_json(&json!({
        "metadata": {"name": "train", "generation": 3},
        "status": {
            "phase": "Succeeded", "failed": 0, "observedGeneration": 3, "message": "all fine",
            "start": "2026-03-01T08:00:00Z", "end": "2026-03-01T09:00:00Z",
            "conditions": [{"type": "Complete", "status": "True"}, {"type": "Ready", "status": "True"}],
        },
    }))
    .unwrap();
    let mut failures = String::new();
    for (text, allowed) in CASES {
        let program = compile(text, &Lets::new());
        let variables = [Some(&object)];
        let mut truth = Truth::Unknown;
        // Once before: a pattern makes its caches when it is first used.
        assert!(program.truth(&Scope::new(&variables)).is_true(), "{text}");
        let seen = allocation_counter::measure(|| truth = program.truth(&Scope::new(&variables)));
        if seen.count_total > *allowed || truth != Truth::True {
            failures += &format!("{text}: {truth}, {} allocations, {allowed} allowed\n", seen.count_total);
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

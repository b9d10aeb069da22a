//! Expressions: values and errors, case by case; texts; paths and projections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::expr::{Program, Scope, Value};
use tidegate::syntax::{self, tree::Expr};

fn parse(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("case", text);
    let mut diagnostics = Vec::new();
    let expr = syntax::parse_expr(&sources, file, &mut diagnostics);
    expr.filter(|_| diagnostics.is_empty()).ok_or(diagnostics)
}

/// The result as text: a value, `error: …`, or `TG200: …`.
fn run(text: &str, object: &Value) -> String {
    let mut diagnostics = Vec::new();
    let expr = match parse(text) {
        Ok(expr) => expr,
        Err(errors) => return format!("{}: {}", errors[0].code, errors[0].message),
    };
    let program = Program::compile(&expr, &["self"], &mut diagnostics);
    let Some(program) = program else {
        return format!("{}: {}", diagnostics[0].code, diagnostics[0].message);
    };
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    match program.eval(&Scope::new(&[Some(object)])) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn smoke() {
    let object = serde_json::json!({"status": {"phase": "Succeeded", "results": [{"status": "Success"}, {"status": "Success"}]}});
    let object = Value::from_json(&object).unwrap();
    for text in [
        "self.status.phase == \"Succeeded\"",
        "size(self.status.results) > 0",
        "self.status.results.all(r, r.status == \"Success\")",
        "self.?status.?message.orValue('no message')",
        "self.status.message",
        "has(self.status.message)",
        "1 + 'a'",
        "self.status.phase + 1",
        "duration('10m') + duration('90s')",
        "self.status.phase == null",
        "self.status.phase.orValue('x')",
        "slef.x",
        "self.status.results.map(r, r.status).join(',')",
        "self.status.phase.matches('^S[uc]+eeded$')",
    ] {
        println!("{text}\n    {}", run(text, &object));
    }
}

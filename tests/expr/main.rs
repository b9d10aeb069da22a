//! Expressions: values and errors case by case, what is refused, texts, scopes, paths and projections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod cases;
mod differential;
mod generate;
#[path = "../support/oracle.rs"]
#[allow(dead_code)]
mod go;
mod oracle;
mod paths;
mod properties;
mod scopes;
#[path = "../support/skip.rs"]
#[allow(dead_code)]
mod skip;
mod texts;
#[path = "../support/tools.rs"]
#[allow(dead_code)]
mod tools;
mod typed;
mod values;

use serde_json::json;
use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::expr::{Lets, Program, Scope, Value};
use tidegate::syntax::tree::Expr;
use tidegate::syntax::{self, tree};

/// The tree of an expression's text.
fn parse(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("case", text);
    let mut diagnostics = Vec::new();
    let expr = syntax::parse_expr(&sources, file, &mut diagnostics);
    expr.filter(|_| diagnostics.is_empty()).ok_or(diagnostics)
}

/// The program of an expression's text, over variables and bindings.
fn compile_with(text: &str, vars: &[&str], lets: &Lets) -> Result<Program, Vec<Diagnostic>> {
    let expr = parse(text)?;
    let mut diagnostics = Vec::new();
    match Program::compile_with(&expr, vars, lets, &mut diagnostics) {
        Some(program) => {
            assert!(diagnostics.is_empty(), "{text}: compiled, and yet {diagnostics:?}");
            Ok(program)
        }
        None => {
            assert!(!diagnostics.is_empty(), "{text}: refused without a diagnostic");
            Err(diagnostics)
        }
    }
}

/// The program of an expression over `self`.
fn compile(text: &str) -> Program {
    compile_with(text, &["self"], &Lets::new()).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

/// The result over one object as text: a value, or `error: …`.
fn show(program: &Program, object: &Value) -> String {
    match program.eval(&Scope::new(&[Some(object)])) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

fn value(json: serde_json::Value) -> Value {
    Value::from_json(&json).unwrap()
}

/// A notebook that succeeded.
fn notebook() -> Value {
    value(json!({
        "metadata": {"name": "train", "namespace": "ml"},
        "status": {"phase": "Succeeded", "results": [{"cellIndex": 0, "status": "Success"}]},
    }))
}

/// The tree of a text with `{…}` in it.
fn text_tree(text: &str) -> tree::Text {
    let rule = format!("when job a succeeds then notify x {}", serde_json::Value::from(text));
    let mut sources = Sources::default();
    let file = sources.add("case", rule);
    let mut diagnostics = Vec::new();
    let parsed = syntax::parse(&sources, file, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    match parsed.statements.into_iter().next() {
        Some(tree::Statement::Rule(rule)) => match rule.then.into_iter().next().unwrap().verb {
            tree::ActionVerb::Notify { text, .. } => text,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

//! What the fuzz targets run, and `tests/fuzz.rs` with seeded mutations: any bytes at all must leave these assertions standing.

use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::emit::lua;
use tidegate::expr::{Interner, Program, Projection, Scope, Value};
use tidegate::rulebook::{Options, load};
use tidegate::syntax::tree::Statement;
use tidegate::syntax::{format, parse, parse_expr, print_expr};

/// The object of an expression that brings none.
const OBJECT: &str =
    r#"{"a":1,"b":2.5,"s":"größe","t":"2026-03-01T08:00:00Z","list":[1,"x",{"type":"Ready"}],"map":{"k":true}}"#;

/// A rule file: parsing, formatting and compiling never panic; a file without errors keeps its meaning when it is laid out, and its
/// layout is final.
pub fn grammar(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut sources = Sources::default();
    let file = sources.add("fuzz.tide", text.as_ref());
    let mut found = Vec::new();
    let tree = parse(&sources, file, &mut found);
    within(&text, &found);
    for statement in &tree.statements {
        if let Statement::Kind(kind) = statement {
            let _ = lua::script(kind);
        }
    }
    if !found.is_empty() {
        return;
    }
    let compile = |text: &str| load([("fuzz.tide".to_owned(), text.to_owned())], &Options::default());
    let compiled = compile(&text);
    let laid_out = format(&text).expect("what parses can be laid out");
    assert_eq!(format(&laid_out).as_ref(), Ok(&laid_out), "the layout is not final");
    let again = compile(&laid_out);
    assert_eq!(
        again.rulebook.is_some(),
        compiled.rulebook.is_some(),
        "the layout changes whether it compiles:\n{laid_out}"
    );
    if let (Some(one), Some(other)) = (&compiled.rulebook, &again.rulebook) {
        let name = |rule: &std::sync::Arc<tidegate::rulebook::Rule>| (rule.name.to_string(), rule.text.clone());
        let (one, other): (Vec<_>, Vec<_>) =
            (one.rules.iter().map(name).collect(), other.rules.iter().map(name).collect());
        assert_eq!(one, other, "the layout changes a rule");
    }
}

/// An expression, and after a line end the JSON object that it is evaluated over: parsing, compiling and evaluating never panic; printing
/// keeps the expression; evaluating over the projected object gives the same.
pub fn expression(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let (text, object) = input.split_once('\n').unwrap_or((&input, OBJECT));
    let mut sources = Sources::default();
    let file = sources.add("fuzz", text);
    let mut found = Vec::new();
    let tree = parse_expr(&sources, file, &mut found);
    within(text, &found);
    let Some(tree) = tree.filter(|_| found.is_empty()) else { return };
    let printed = print_expr(&tree);
    let file = sources.add("printed", printed.as_str());
    let mut again = Vec::new();
    let reread =
        parse_expr(&sources, file, &mut again).unwrap_or_else(|| panic!("`{printed}` does not parse: {again:?}"));
    assert_eq!(print_expr(&reread), printed);
    let Some(program) = Program::compile(&tree, &["self"], &mut found) else {
        assert!(!found.is_empty(), "refused without a word: {text}");
        return;
    };
    let json = serde_json::from_str(object).unwrap_or(serde_json::Value::Null);
    let Some(value) = Value::from_json(&json) else { return };
    let show = |value: &Value| match program.eval(&Scope::new(&[Some(value)])) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    };
    let mut projection = Projection::default();
    program.paths().iter().for_each(|path| projection.add(path));
    let kept = projection.project(&json, &mut Interner::new()).expect("not null");
    assert_eq!(show(&kept), show(&value), "projecting changes `{text}` over {value}");
}

/// Every finding points at characters that exist.
fn within(text: &str, found: &[Diagnostic]) {
    for one in found {
        for span in one.related.iter().map(|(span, _)| *span).chain([one.span]) {
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{one:?} in {text:?}");
        }
    }
}

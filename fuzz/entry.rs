//! What the fuzz targets run, and `tests/fuzz.rs` with seeded mutations: any bytes at all must leave these assertions standing.

use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::emit::lua;
use tidegate::expr::{Interner, Program, Projection, Scope, Value};
use tidegate::manifests::{Document, DocumentEdit, Manifests, edit, read_text};
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

/// A stream of manifests: setting and taking away an annotation never panics, and what is read afterwards is what was read before with that annotation
/// changed; an edit that is refused changes no byte.
pub fn annotations(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let known = objects(&text);
    let value = (!bytes.len().is_multiple_of(3)).then(|| ["1", "a: b\n", "'", ""][bytes.len() % 4].to_owned());
    for (at, document) in known.iter().enumerate().take(4) {
        let annotations = document.object.pointer("/metadata/annotations").and_then(|a| a.as_object());
        let own = annotations.and_then(|a| a.keys().nth(bytes.len() % 5)).cloned();
        let key = own.unwrap_or_else(|| "argocd.argoproj.io/sync-wave".to_owned());
        let place = document.span.start as usize;
        let change =
            DocumentEdit { place, item: document.item.clone(), annotations: vec![(key.clone(), value.clone())] };
        let edited = edit(&text, &[change]);
        if !edited.refused.is_empty() {
            assert_eq!(edited.text, text, "refused, and changed");
            continue;
        }
        let now = objects(&edited.text);
        assert_eq!(now.len(), known.len(), "{}", edited.text);
        for (n, (was, is)) in known.iter().zip(&now).enumerate() {
            let (mut was, mut is) = (was.object.clone(), is.object.clone());
            if n == at {
                let got = is.pointer("/metadata/annotations").and_then(|a| a.get(&key)).cloned();
                assert_eq!(got, value.clone().map(serde_json::Value::from), "{}", edited.text);
                [&mut was, &mut is].into_iter().for_each(|object| without(object, &key));
            }
            assert_eq!(was, is, "{}", edited.text);
        }
    }
}

fn objects(text: &str) -> Vec<Document> {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.yaml", text);
    let mut manifests = Manifests::default();
    read_text(&sources, file, &mut manifests);
    manifests.documents
}

/// Takes an annotation away, and what is empty without it.
fn without(object: &mut serde_json::Value, key: &str) {
    let Some(metadata) = object.get_mut("metadata").and_then(|m| m.as_object_mut()) else {
        if object.get("metadata").is_some_and(|m| m.is_null()) {
            object.as_object_mut().expect("an object").remove("metadata");
        }
        return;
    };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(|a| a.as_object_mut()) {
        annotations.remove(key);
    }
    if metadata.get("annotations").is_some_and(|a| a.is_null() || a.as_object().is_some_and(|a| a.is_empty())) {
        metadata.remove("annotations");
    }
    if metadata.is_empty() {
        object.as_object_mut().expect("an object").remove("metadata");
    }
}

/// Every finding points at characters that exist.
fn within(text: &str, found: &[Diagnostic]) {
    for one in found {
        for span in one.related.iter().map(|(span, _)| *span).chain([one.span]) {
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{one:?} in {text:?}");
        }
    }
}

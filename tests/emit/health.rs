//! The engine and the emitted Lua say the same of every object.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use serde_json::Value as Json;
use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::emit::lua;
use tidegate::expr::Value;
use tidegate::rulebook::{HealthRule, Kind, LIBRARY, Options, Rulebook, health, load};

use tidegate::syntax::{
    self,
    tree::{KindDecl, Statement},
};

use crate::objects::{Shape, words};
use crate::vm::Vm;

/// Objects a kind.
const OBJECTS: u32 = if cfg!(debug_assertions) { 300 } else { 1_000 };

pub fn book(text: &str) -> Rulebook {
    let compiled = load([("rules.tide".to_owned(), text.to_owned())], &Options::default());
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics.first());
    compiled.rulebook.unwrap()
}

/// The kinds that a text declares.
pub fn kinds(text: &str) -> Result<Vec<KindDecl>, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("rules.tide", text);
    let mut diagnostics = Vec::new();
    let tree = syntax::parse(&sources, file, &mut diagnostics);
    let kinds = tree.statements.into_iter().filter_map(|statement| match statement {
        Statement::Kind(kind) => Some(*kind),
        _ => None,
    });
    if diagnostics.is_empty() { Ok(kinds.collect()) } else { Err(diagnostics) }
}

pub fn script(kind: &Kind) -> lua::Script {
    lua::script(&kind.decl).unwrap_or_else(|errors| panic!("{}: {errors:#?}", kind.short))
}

/// Status and message, by the engine.
pub fn engine(kind: &Kind, object: &Json) -> (String, String) {
    let found = health(kind, &Value::from_json(object).unwrap());
    (found.status.to_string(), found.message)
}

/// An expression of a message that has no value says so. Why it has none, Lua does not know as well as the engine does: it always says
/// `absent`.
pub fn why_not(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, after)) =
        ["<absent: ", "<error: "].iter().filter_map(|mark| rest.split_once(mark)).min_by_key(|(b, _)| b.len())
    {
        let Some((_, tail)) = after.split_once('>') else { break };
        write!(out, "{before}<no value>").unwrap();
        rest = tail;
    }
    out + rest
}

/// The status, if both say the same.
pub fn agree(kind: &Kind, vm: &Vm, object: &Json) -> Result<String, String> {
    let wanted = engine(kind, object);
    let found = vm.health(object).map_err(|e| format!("{}: {e}", kind.short))?;
    let same = wanted.0 == found.0 && why_not(&wanted.1) == why_not(&found.1);
    if same { Ok(wanted.0) } else { Err(format!("{}: engine {wanted:?}, Lua {found:?}, of {object}", kind.short)) }
}

fn agree_on_any_object(kind: &Kind, source: &str) {
    let vm = Vm::new(&script(kind)).unwrap();
    let objects = Shape::of(kind).objects(&words(source), true);
    let config = Config { cases: OBJECTS, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let reached = RefCell::new(BTreeSet::new());
    let result = TestRunner::new_with_rng(config, rng).run(&objects, |object| {
        reached.borrow_mut().insert(health(kind, &Value::from_json(&object).unwrap()).line);
        agree(kind, &vm, &object).map(|_| ()).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}\n{}", script(kind).text);
    }
    let HealthRule::Lines(lines) = &kind.health else { return };
    let reached = reached.into_inner().len();
    assert!(2 * reached >= lines.len(), "{}: the objects reach {reached} of {} lines", kind.short, lines.len());
    println!("{}: {OBJECTS} objects, {reached} of {} lines", kind.short, lines.len());
}

#[test]
fn built_in_kinds_agree_on_any_object() {
    let book = book("");
    for kind in &book.kinds {
        let source = LIBRARY.iter().find(|(name, _)| *name == format!("rules/{}.tide", kind.short)).unwrap().1;
        agree_on_any_object(kind, source);
    }
}

#[test]
fn kinds_without_lines_agree_on_any_object() {
    let book = book("kind widget = example.org/v1 Widget (widgets)\n");
    let kind = book.kind(book.kind_by_short("widget").unwrap()).unwrap();
    agree_on_any_object(kind, "\"Reconciling\" \"Stalled\" \"Ready\"");
}

/// Lines, and the statuses of objects in order: what reads wrong at first sight.
#[test]
fn statuses() {
    let cases = [
        // Absent is an error, not false; an error is not true either way round.
        (
            "healthy \"\" when !(self.status.phase == \"a\")",
            "{} | {status: {phase: b}} | {status: {phase: a}}",
            "- H -",
        ),
        (
            "healthy \"\" when !has(self.status.phase)",
            "{} | {status: {}} | {status: {phase: a}} | {status: 5}",
            "- H - H",
        ),
        (
            "healthy \"\" when self.status.ok || self.status.sure",
            "{status: {sure: true}} | {status: {ok: false}}",
            "H -",
        ),
        (
            "healthy \"\" when !(self.status.ok && self.status.sure)",
            "{status: {sure: false}} | {status: {ok: true}}",
            "H -",
        ),
        // Nothing is in an empty list; everything is so of it.
        (
            "healthy \"\" when self.status.c.all(c, c.ok)",
            "{status: {c: []}} | {status: {}} | {status: {c: [{ok: true}, {}]}}",
            "H - -",
        ),
        (
            "healthy \"\" when !self.status.c.exists(c, c.ok)",
            "{status: {c: [{}]}} | {status: {c: [{ok: false}]}}",
            "- H",
        ),
        // false is a value, not an absence.
        ("healthy \"\" when self.spec.?on.orValue(true) == true", "{spec: {on: false}} | {spec: {}} | {}", "- H -"),
        ("let flag = self.?spec.?on.orValue(true)\n healthy \"{flag}\" when true", "{spec: {on: false}}", "Hfalse"),
        // Numbers as Argo CD's Lua has them, shown as the engine shows them.
        (
            "healthy \"{self.n} {self.n + 1} {self.d}\" when true",
            "{n: 3, d: 1.5} | {n: 1000000, d: 1.0e+30}",
            "H3 4 1.5 H1000000 1000001 1e+30",
        ),
        // Keys of a map come in order.
        ("healthy \"{self.m.map(k, k).join('')}\" when true", "{m: {c: 1, a: 1, b: 1}}", "Habc"),
        (
            "healthy \"{self.m.filter(k, k.startsWith('é')).join('')}\" when true",
            "{m: {éa: 1, e: 1, ê: 1, é: 1}}",
            "Hééa",
        ),
        // What open libraries are for.
        (
            "healthy \"{self.s.split('%').join('|')}\" when self.s.endsWith('.') && self.s.contains('%d')",
            "{s: 'a%d%.'} | {s: 'x.'}",
            "Ha|d|. -",
        ),
    ];
    for (lines, objects, wanted) in cases {
        let text = format!("kind k = example.org/v1 K (ks) {{\n {lines}\n progressing \"\" otherwise\n}}\n");
        let book = book(&text);
        let kind = book.kind(book.kind_by_short("k").unwrap()).unwrap();
        let vm = Vm::new(&script(kind)).unwrap();
        let found = objects.split(" | ").map(|object| {
            let object: Json = serde_yaml::from_str(object).unwrap();
            agree(kind, &vm, &object).unwrap_or_else(|e| panic!("{e}\n{}", script(kind).text));
            match vm.health(&object).unwrap() {
                (status, message) if status == "Healthy" => format!("H{message}"),
                _ => "-".to_owned(),
            }
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), wanted, "{lines}\n{}", script(kind).text);
    }
}

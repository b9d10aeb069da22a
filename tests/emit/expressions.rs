//! Expressions made at random: where a kind's health compiles and Lua can say it, engine and Lua agree.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::Value as Json;
use tidegate::emit::lua;

use crate::health::{agree, book, engine, kinds, script, why_not};
use crate::objects::{Shape, words};
use crate::oracle::{Oracle, health_answer, lua_question};
use crate::skip;
use crate::vm::Vm;

/// Kinds that are tried in one batch (`TIDEGATE_EMIT_BATCHES` of them, one by default), all in a release build, as CI runs them; and objects for each.
const KINDS: usize = if cfg!(debug_assertions) { 100 } else { 250 };
const OBJECTS: usize = 40;

/// So many of them are asked of the real Argo CD too.
const IN_ARGOCD: usize = 4;

/// What the expressions below read.
pub const PATHS: &[&str] = &[
    "kind",
    "metadata.generation",
    "metadata.labels.app",
    "metadata.labels.tier",
    "status.phase",
    "status.a.b",
    "spec.n",
    "spec.flag",
    "spec.list[].type",
    "spec.list[].status",
    "spec.list[].x.y",
    "status.list[].type",
    "status.list[].status",
    "status.list[].x.y",
    "status.pairs[].type",
    "status.pairs[].status",
    "status.pairs[].x.y",
];

fn of(items: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(items).prop_map(str::to_owned).boxed()
}

/// A plain field; in a macro also one of its variable.
fn field(var: bool) -> BoxedStrategy<String> {
    let of_self = of(&[
        "self.status.phase",
        "self.status.a.b",
        "self.spec.n",
        "self.spec.list[0].type",
        "self.status.list[1]",
        "self.spec.flag",
        "self.metadata.generation",
        "self.metadata.labels['app']",
        "self.status.list[self.spec.n]",
        "self.kind",
    ]);
    let of_var = of(&["c.type", "c.status", "c.x.y", "c"]);
    if var { prop_oneof![1 => of_self, 3 => of_var].boxed() } else { of_self }
}

fn optional(var: bool) -> BoxedStrategy<String> {
    let of_self = of(&[
        "self.?status.?phase",
        "self.status.?phase",
        "self.?status.a.b",
        "self.?spec.?list[0].?type",
        "self.?spec.list[?1]",
        "self.status.?a.or(self.spec.?n)",
        "self.?spec.?n.optMap(v, v + 1)",
        "self.?status.?a.optMap(v, v.b)",
        "optional.of(self.spec.n)",
        "optional.none()",
    ]);
    let of_var = of(&["c.?type", "c.?x.?y", "c.x.?y"]);
    if var { prop_oneof![1 => of_self, 2 => of_var].boxed() } else { of_self }
}

fn literal() -> BoxedStrategy<String> {
    of(&["\"Ready\"", "\"True\"", "\"\"", "\"Succ\"", "0", "1", "2", "true", "false"])
}

fn list() -> BoxedStrategy<String> {
    of(&[
        "self.status.list",
        "self.spec.list",
        "self.?spec.?list.orValue([])",
        "self.?status.?list.orValue([])",
        "[1, 2]",
        "self.status.pairs",
        "self.spec.list.filter(c, c.type == \"Ready\")",
        "self.metadata.labels",
        "self.spec.list + self.status.list",
    ])
}

fn value(var: bool) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        6 => field(var),
        2 => literal(),
        3 => (optional(var), literal()).prop_map(|(o, l)| format!("{o}.orValue({l})")),
    ];
    leaf.prop_recursive(2, 8, 2, move |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            2 => (inner.clone(), inner.clone(), of(&["-", "*"])).prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            3 => (field(var), literal(), inner.clone(), inner.clone())
                .prop_map(|(f, l, a, b)| format!("({f} == {l} ? {a} : {b})")),
            2 => list().prop_map(|l| format!("size({l})")),
            2 => inner.clone().prop_map(|a| format!("string({a})")),
            2 => (list(), of(&["c.type", "string(c)", "c.?x.?y.orValue('-')", "'a' + c.status"]))
                .prop_map(|(l, e)| format!("{l}.map(c, {e}).join(', ')")),
            1 => Just("self.status.phase.split('c').join('+')".to_owned()),
            3 => (field(var), of(&[
                "replace('e', 'é')", "replace('c', 'xy', 1)", "lowerAscii()", "upperAscii()", "trim()", "substring(1)",
                "substring(1, 3)", "charAt(2)", "indexOf('e')", "lastIndexOf('c')", "substring(self.spec.n)",
            ])).prop_map(|(f, m)| format!("{f}.{m}")),
            2 => (of(&["int", "double", "uint", "bool"]), field(var)).prop_map(|(c, f)| format!("{c}({f})")),
            1 => (field(var), literal()).prop_map(|(f, l)| format!("optional.ofNonZeroValue({f}).orValue({l})")),
        ]
    })
    .boxed()
}

fn test(var: bool, depth: u32) -> BoxedStrategy<String> {
    let compare = of(&["==", "!=", "<", "<=", ">", ">=", "==", "=="]);
    let leaf = prop_oneof![
        6 => (value(var), compare, value(var)).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => field(var).prop_filter("has asks for a field", |f| !f.ends_with(']') && f != "c").prop_map(|f| format!("has({f})")),
        2 => optional(var).prop_map(|o| format!("{o}.hasValue()")),
        1 => field(var),
        2 => (field(var), of(&["startsWith", "endsWith", "contains"]), of(&["'S'", "'e'", "''", "self.status.phase"]))
            .prop_map(|(f, m, p)| format!("{f}.{m}({p})")),
        2 => (value(var), of(&["['Ready', 'True', 1]", "self.status.list", "self.metadata.labels", "self.status.pairs"]))
            .prop_map(|(a, l)| format!("{a} in {l}")),
    ];
    let macros = of(&["exists", "all", "exists_one", "exists", "all"]);
    leaf.prop_recursive(depth, 24, 3, move |inner| {
        let body =
            if var { of(&["c.type == \"Ready\"", "c.?x.hasValue()", "has(c.y)", "c != 'x'"]) } else { test(true, 1) };
        prop_oneof![
            (inner.clone(), inner.clone(), of(&["&&", "||"])).prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("(({c}) ? ({a}) : ({b}))")),
            (list(), macros.clone(), body).prop_map(|(l, m, b)| format!("{l}.{m}(c, {b})")),
        ]
    })
    .boxed()
}

/// A kind whose three lines show when a condition is true, when it is false, and that it is an error.
pub fn kind() -> BoxedStrategy<String> {
    (value(false), test(false, 2), value(false), value(false), prop::bool::ANY)
        .prop_map(|(given, when, a, b, uses)| {
            let (name, test) = if uses { ("given", "holds") } else { ("unused", "(WHEN)") };
            let test = test.replace("WHEN", &when);
            format!(
                "let {name} = {given}\n  let holds = {when}\n  healthy \"{{{a}}} ok\" when {test}\n  \
                 degraded \"no {{{b}}}\" when !{test}\n  suspended \"error {{{name}}}\" otherwise\n"
            )
        })
        .boxed()
}

pub fn declared(at: usize, body: &str) -> String {
    format!("kind t{at} = test.example/v1 T{at} (t{at}s) {{\n  {body}}}\n").replace("'", "'")
}

#[test]
fn random_expressions_agree() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let batches = std::env::var("TIDEGATE_EMIT_BATCHES").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for _ in 0..batches {
        batch(&mut runner);
    }
}

/// One rulebook full of kinds.
fn batch(runner: &mut TestRunner) {
    let mut text = String::new();
    let (mut tried, mut kept, mut refused) = (0, 0, 0);
    while kept < KINDS {
        tried += 1;
        assert!(tried < 50 * KINDS, "only {kept} of {tried} kinds compile");
        let body = kind().new_tree(runner).unwrap().current();
        let one = declared(kept, &body);
        let Ok(parsed) = kinds(&one) else { continue };
        if !compiles(&parsed[0]) {
            continue;
        }
        match lua::script(&parsed[0]) {
            Ok(_) => {
                text += &one;
                kept += 1;
            }
            Err(_) => refused += 1,
        }
    }
    println!("{kept} kinds, {refused} refused by Lua, {} that do not compile", tried - kept - refused);
    let book = book(&text);
    let words =
        words("\"Succeeded\" \"Ready\" \"Succ\" \"Error\" \"7\" \"-3\" \"+010\" \" pad \" \"1.50\" \"2e3\" \"t\"");
    let mut statuses = std::collections::BTreeMap::new();
    let mut asked = Vec::new();
    for kind in book.kinds.iter().filter(|kind| !kind.builtin) {
        let script = script(kind);
        let vm = Vm::new(&script).unwrap();
        // Lua counts a string's bytes.
        let objects = Shape::of_paths(PATHS).objects(&words, false);
        for n in 0..OBJECTS {
            let object = objects.new_tree(runner).unwrap().current();
            if n < IN_ARGOCD {
                let question = lua_question(&script.text, !script.open_libs.is_empty(), &object);
                asked.push((engine(kind, &object), question, kind.short.to_string()));
            }
            let status = agree(kind, &vm, &object)
                .unwrap_or_else(|e| panic!("{e}\n{}\n{}", text_of(&text, &kind.short), script.text));
            *statuses.entry(status).or_insert(0) += 1;
        }
    }
    println!("{statuses:?}");
    in_argocd(&text, asked);
    for status in ["Healthy", "Degraded", "Suspended"] {
        assert!(statuses[status] > KINDS * OBJECTS / 50, "{statuses:?}");
    }
}

/// Argo CD says of the objects what the engine says.
fn in_argocd(text: &str, asked: Vec<((String, String), Json, String)>) {
    let oracle = match Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => return skip::skipped("random_expressions_agree", &need),
    };
    let answers = oracle.ask(asked.iter().map(|(_, question, _)| question.clone()).collect::<Vec<_>>());
    for ((ours, question, short), answer) in asked.iter().zip(&answers) {
        let same = |found: &(String, String)| found.0 == ours.0 && why_not(&found.1) == why_not(&ours.1);
        let found = health_answer(answer);
        let (object, lua) = (&question["object"], question["lua"].as_str().unwrap());
        assert!(
            found.as_ref().is_ok_and(same),
            "engine {ours:?}, Argo CD {found:?} of {object}\n{}\n{lua}",
            text_of(text, short)
        );
    }
}

/// Whether the types fit.
pub fn compiles(kind: &tidegate::syntax::tree::KindDecl) -> bool {
    use tidegate::expr::{Lets, Program, Template};
    use tidegate::syntax::tree::KindLine;
    let mut lets = Lets::new();
    let mut errors = Vec::new();
    for line in &kind.lines {
        match line {
            KindLine::Let(name, expr) => {
                let Some(program) = Program::compile_with(expr, &["self"], &lets, &mut errors) else { return false };
                lets.push(name.node.as_str(), program);
            }
            KindLine::Health { message, when, .. } => {
                if let Some(program) =
                    when.as_ref().and_then(|w| Program::compile_with(w, &["self"], &lets, &mut errors))
                {
                    program.expect_bool(&mut errors);
                }
                let _ = Template::compile(message, &["self"], &lets, &mut errors);
            }
            KindLine::Completion(_) => {}
        }
    }
    errors.is_empty()
}

pub fn text_of<'t>(text: &'t str, short: &str) -> &'t str {
    let start = text.find(&format!("kind {short} ")).unwrap();
    &text[start..start + text[start..].find("\n}\n").unwrap()]
}

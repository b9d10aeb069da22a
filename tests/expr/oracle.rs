//! The `cel` crate as an oracle: what tidegate accepts, CEL accepts with the same value.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Value as Cel};
use cel::{Context, Env, extensions};
use tidegate::expr::{Lets, Value};

use super::generate::{Dice, expression, object};
use super::{cases, compile_with, show};

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(true);
    env.add_extension(extensions::strings).unwrap();
    Arc::new(env)
});

/// What CEL says: a value as tidegate displays it, `error`, `refused`, or `?` for what cannot be shown.
fn oracle(text: &str, object: &serde_json::Value) -> String {
    Asked::new(text).answer(&Value::from_json(object).unwrap())
}

/// An expression that the crate has compiled, for several objects.
pub struct Asked {
    program: Option<cel::Program>,
}

impl Asked {
    pub fn new(text: &str) -> Asked {
        Asked { program: ENV.compile(text).ok() }
    }

    /// As [`oracle`].
    pub fn answer(&self, object: &Value) -> String {
        let Some(program) = &self.program else { return "refused".to_owned() };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.add_variable_from_value("self", to_cel(object));
        match program.execute(&context) {
            Ok(value) => from_cel(&value).map_or_else(|| "?".to_owned(), |v| v.to_string()),
            Err(_) => "error".to_owned(),
        }
    }
}

/// By hand, since the crate's own conversion makes whole numbers of JSON unsigned.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Bool(b) => Cel::Bool(*b),
        Value::Int(i) => Cel::Int(*i),
        Value::Uint(u) => Cel::UInt(*u),
        Value::Double(d) => Cel::Float(*d),
        Value::String(s) => Cel::String(Arc::new(s.to_string())),
        Value::List(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(map) => {
            let entries: HashMap<Key, Cel> =
                map.iter().map(|(k, v)| (Key::String(Arc::new(k.to_string())), to_cel(v))).collect();
            Cel::Map(entries.into())
        }
        other => panic!("not in JSON: {other}"),
    }
}

fn from_cel(value: &Cel) -> Option<Value> {
    Some(match value {
        Cel::List(items) => Value::List(items.iter().map(from_cel).collect::<Option<_>>()?),
        Cel::Map(map) => {
            let entry = |(key, value): (&Key, &Cel)| match key {
                Key::String(key) => Some((key.as_str().to_owned(), from_cel(value)?)),
                _ => None,
            };
            Value::Map(map.map.iter().map(entry).collect::<Option<Vec<_>>>()?.into_iter().collect())
        }
        Cel::Int(i) => Value::Int(*i),
        Cel::UInt(u) => Value::Uint(*u),
        Cel::Float(d) => Value::Double(*d),
        Cel::String(s) => Value::string(s.as_str()),
        Cel::Bool(b) => Value::Bool(*b),
        Cel::Duration(d) => Value::Duration(jiff::SignedDuration::from_nanos(d.num_nanoseconds()?)),
        Cel::Timestamp(t) => Value::Timestamp(t.to_rfc3339().parse().ok()?),
        _ => return None,
    })
}

/// Ours and the oracle's; `None` where tidegate refuses, or the oracle's cannot be shown.
fn both(text: &str, object: &serde_json::Value) -> Option<(String, String)> {
    let program = compile_with(text, &["self"], &Lets::new()).ok()?;
    let ours = show(&program, &Value::from_json(object)?);
    let theirs = oracle(text, object);
    (theirs != "?").then_some((ours, theirs))
}

pub fn agree(ours: &str, theirs: &str) -> bool {
    ours == theirs || ours.starts_with("error: ") && theirs == "error"
}

/// The crate runs over a map in the order of its hashes.
pub fn may_depend_on_order(text: &str) -> bool {
    text.contains(".map(") || text.contains(".filter(")
}

#[test]
fn the_cases_agree_with_cel() {
    let known: BTreeSet<String> = cases::of_the_crate().into_iter().collect();
    let mut found = BTreeSet::new();
    let mut failures = String::new();
    let mut compared = 0;
    for (text, object) in cases::all() {
        let Some((ours, theirs)) = both(&text, &object) else { continue };
        compared += 1;
        if agree(&ours, &theirs) || may_depend_on_order(&text) {
            continue;
        }
        if !known.contains(&text) {
            failures += &format!("{text}\n  ours   {ours}\n  theirs {theirs}\n");
        }
        found.insert(text);
    }
    assert!(failures.is_empty(), "\n{failures}");
    let gone: Vec<&String> = known.iter().filter(|text| !found.contains(*text)).collect();
    assert!(gone.is_empty(), "no longer different, or no longer a case: {gone:#?}");
    assert!(compared > 400, "only {compared} cases were compared");
}

/// What the crate does otherwise (see `tests/expressions/differences.md`), as it shows in random expressions.
fn is_known(text: &str, ours: &str, theirs: &str) -> bool {
    let eager = text.contains(".or(") || text.contains(".orValue(");
    let adds_maps = ours.contains("list + map") || ours.contains("map + list");
    let fields_of_lists = text.contains(".?") && ours.starts_with("error: no such overload: list.");
    theirs == "error" && (text.contains("has(") || eager)
        || text.contains("string(")
        || fields_of_lists
        || adds_maps
        || may_depend_on_order(text)
}

#[test]
fn random_expressions_agree_with_cel() {
    let (mut compared, mut skipped, mut values) = (0, 0, 0);
    let mut failures = String::new();
    for seed in 0..2000 {
        let mut dice = Dice::new(seed);
        let text = expression(&mut dice, 3);
        let object = object(&mut dice, 2);
        let Some((ours, theirs)) = both(&text, &object) else { continue };
        compared += 1;
        values += usize::from(!ours.starts_with("error"));
        if agree(&ours, &theirs) {
            continue;
        }
        skipped += 1;
        if !is_known(&text, &ours, &theirs) {
            failures += &format!("seed {seed}: {text}\n  {object}\n  ours   {ours}\n  theirs {theirs}\n");
        }
    }
    println!("{compared} compared, {values} values, {skipped} known to differ");
    assert!(failures.is_empty(), "\n{failures}");
    assert!(compared > 1000 && values > 300 && skipped * 20 < compared, "{compared}, {values}, {skipped}");
}

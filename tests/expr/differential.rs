//! Generated expressions over generated objects, by tidegate and by the `cel` crate; and by cel-go where the two differ, for a share
//! of the others, and for every case of `tests/expressions`.

use std::fmt::Write as _;

use serde_json::Value as Json;
use tidegate::expr::{Lets, Value};

use super::generate::{self, Dice};
use super::go::{Oracle, cel_answer, cel_question};
use super::oracle::{Asked, agree, may_depend_on_order};
use super::skip::skipped;
use super::typed::{expression, object};
use super::{cases, compile_with, show};

/// Pairs that the crate answers, at least: all of them in a release build, as CI runs this. `TIDEGATE_PAIRS` asks for more or fewer.
const PAIRS: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
/// Tests that share them, so that they run beside each other.
const PARTS: usize = 4;
/// Objects for each expression.
const OBJECTS: usize = 10;
/// One pair in so many is asked of cel-go too.
const SHARE: usize = 8;

fn pairs() -> usize {
    std::env::var("TIDEGATE_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(PAIRS)
}

/// A difference: its name, and whether a pair shows it.
type Known = (&'static str, fn(&Pair) -> bool);

/// Where cel-go and the specification part, or tidegate refuses what cel-go has.
const NOT_AS_CEL_GO: &[Known] = &[
    // A timestamp is a point in time, without a zone; cel-go keeps the zone in which it was written, and shows that.
    ("a timestamp as a string is in UTC", |pair| {
        pair.text.contains("string(") && (pair.text.contains("+01:00") || pair.object.to_string().contains("+01:00"))
    }),
    ("a key that is twice in a map is an error", |pair| pair.ours.contains("is there twice")),
    ("a pattern with `\\B` is refused", |pair| pair.ours.contains("no escape `\\B`")),
];

/// An expression over an object, with what tidegate says.
struct Pair {
    text: String,
    object: Json,
    ours: String,
}

/// Every pair gets the same answer from tidegate and the crate, or the one that cel-go gives: where the crate and CEL differ, CEL is
/// right (`tests/expressions/differences.md` says in what).
fn generated_pairs(part: usize) {
    let wanted = pairs() / PARTS;
    let (mut compared, mut values, mut refused, mut seed) = (0, 0, 0, part as u64);
    let mut differing: Vec<(Pair, String)> = Vec::new();
    let mut share: Vec<Pair> = Vec::new();
    while compared < wanted {
        seed += PARTS as u64;
        let mut dice = Dice::new(seed);
        let text = expression(&mut dice);
        let Ok(program) = compile_with(&text, &["self"], &Lets::new()) else {
            refused += 1;
            continue;
        };
        let asked = Asked::new(&text);
        for _ in 0..OBJECTS {
            let object = object(&mut dice);
            let value = Value::from_json(&object).unwrap();
            let pair = Pair { text: text.clone(), ours: show(&program, &value), object };
            let theirs = asked.answer(&value);
            if theirs == "?" {
                continue;
            }
            compared += 1;
            values += usize::from(!pair.ours.starts_with("error: "));
            if !agree(&pair.ours, &theirs) {
                differing.push((pair, theirs));
            } else if compared % SHARE == 0 {
                share.push(pair);
            }
        }
    }
    println!(
        "{compared} pairs with the crate: {values} values, {} differ; {refused} expressions refused",
        differing.len()
    );
    assert!(values * 2 > compared && values < compared, "{values} values of {compared}");
    assert!(refused * OBJECTS * 20 < compared, "{refused} refused");
    assert!(
        differing.len() * 200 < compared,
        "{} of {compared} differ: too many to be what is listed",
        differing.len()
    );
    let Some(oracle) = found() else { return };
    let mut asked: Vec<Pair> = share;
    let said: Vec<String> = differing.iter().map(|(_, theirs)| format!("the crate says {theirs}")).collect();
    let first = asked.len();
    asked.extend(differing.into_iter().map(|(pair, _)| pair));
    let note = |at: usize| at.checked_sub(first).and_then(|at| said.get(at)).cloned().unwrap_or_default();
    println!("{} pairs with cel-go", asked.len());
    compare(&oracle, &asked, note);
}

fn found() -> Option<Oracle> {
    match Oracle::find() {
        Ok(oracle) => Some(oracle),
        Err(missing) => {
            skipped("expressions_by_cel_go", &missing);
            None
        }
    }
}

/// Asks cel-go for each, and fails where it says something else.
fn compare(oracle: &Oracle, pairs: &[Pair], note: impl Fn(usize) -> String) {
    let answers = oracle.ask(pairs.iter().map(|pair| cel_question(&pair.text, &without_nulls(&pair.object))));
    let mut failures = String::new();
    for (at, (pair, answer)) in pairs.iter().zip(answers).enumerate() {
        let theirs = cel_answer(&answer);
        let known = || NOT_AS_CEL_GO.iter().any(|(_, is)| is(pair));
        if theirs != "?" && !agree(&pair.ours, &theirs) && !known() && failures.len() < 20_000 {
            let Pair { text, object, ours } = pair;
            writeln!(failures, "{text}\n  {object}\n  ours   {ours}\n  cel-go {theirs} {answer}\n  {}", note(at))
                .unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// What is null is absent, as facts have it.
fn without_nulls(json: &Json) -> Json {
    Value::from_json(json).unwrap().to_json()
}

#[test]
fn generated_pairs_agree_1() {
    generated_pairs(0);
}

#[test]
fn generated_pairs_agree_2() {
    generated_pairs(1);
}

#[test]
fn generated_pairs_agree_3() {
    generated_pairs(2);
}

#[test]
fn generated_pairs_agree_4() {
    generated_pairs(3);
}

fn pair(text: String, object: Json) -> Option<Pair> {
    let program = compile_with(&text, &["self"], &Lets::new()).ok()?;
    let ours = show(&program, &Value::from_json(&object).unwrap());
    Some(Pair { text, object, ours })
}

#[test]
fn the_cases_agree_with_cel_go() {
    let Some(oracle) = found() else { return };
    let cases = cases::all().into_iter().filter(|(text, _)| !may_depend_on_order(text));
    let pairs: Vec<Pair> = cases.filter_map(|(text, object)| pair(text, object)).collect();
    assert!(pairs.len() > 450, "{} cases", pairs.len());
    compare(&oracle, &pairs, |_| String::new());
}

/// Expressions that make less sense: of any type anywhere.
#[test]
fn wild_expressions_agree_with_cel_go() {
    let Some(oracle) = found() else { return };
    let made = (0..6000).map(|seed| {
        let mut dice = Dice::new(seed);
        let text = generate::expression(&mut dice, 3);
        (text, generate::object(&mut dice, 2))
    });
    let made = made.filter(|(text, _)| !may_depend_on_order(text));
    let pairs: Vec<Pair> = made.filter_map(|(text, object)| pair(text, object)).collect();
    println!("{} wild pairs with cel-go", pairs.len());
    assert!(pairs.len() > 2000, "{}", pairs.len());
    compare(&oracle, &pairs, |_| String::new());
}

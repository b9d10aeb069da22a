//! The engine and the emitted Lua say the same of every object.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;
use tidegate::rulebook::{HealthRule, Kind};

use crate::dice::Dice;
use crate::kinds::{Verdict, book, engine, kind_of, same, script, verdict};
use crate::oracle::{Oracle, health_answer, lua_question};
use crate::shape::Maker;
use crate::vm::Vm;
use crate::{corpus, skip};

/// Objects a kind: a thousand in a release build, as CI runs this.
const OBJECTS: usize = if cfg!(debug_assertions) { 300 } else { 1_000 };

/// One object in so many is asked of the real Argo CD too.
const IN_ARGOCD: usize = 20;

/// What came of one kind.
struct Found {
    /// For people.
    summary: String,
    /// What the engine says of objects, and what to ask Argo CD of them.
    asked: Vec<(Verdict, Json)>,
}

/// Of a kind, or the first object on which the machines part.
fn agree(kind: &Kind, examples: &[Json]) -> Result<Found, String> {
    let script = script(kind);
    let vm = Vm::new(&script)?;
    let maker = Maker::new(kind);
    // What there is to change: the examples, and later the first object that reached each line.
    let mut known = examples.to_vec();
    let mut dice = Dice::new(&kind.short);
    let mut reached = BTreeSet::new();
    let mut asked = Vec::new();
    for n in 0..OBJECTS {
        let object = match examples.get(n / 4) {
            // Each example as it is; then half of the objects are examples that were changed.
            Some(example) if n % 4 == 0 => example.clone(),
            _ if n % 2 == 0 && !known.is_empty() => {
                let at = dice.below(known.len());
                maker.changed(&mut dice, &known[at])
            }
            _ => maker.object(&mut dice),
        };
        let ours = engine(kind, &object);
        if reached.insert(ours.line) {
            known.push(object.clone());
        }
        let ours = verdict(&ours);
        let theirs = vm.health(&object).map_err(|e| format!("{}: {e}\nof {object}\n{}", kind.short, script.text))?;
        if !same(&ours, &theirs) {
            return Err(format!("{}: engine {ours:?}\nLua {theirs:?}\nof {object}\n{}", kind.short, script.text));
        }
        if n % IN_ARGOCD == 0 {
            asked.push((ours, lua_question(&script.text, !script.open_libs.is_empty(), &object)));
        }
    }
    let HealthRule::Lines(lines) = &kind.health else {
        return Ok(Found { summary: format!("{}: kstatus", kind.short), asked });
    };
    let missed: Vec<String> =
        (0..lines.len()).filter(|line| !reached.contains(&Some(*line))).map(|line| (line + 1).to_string()).collect();
    if 2 * missed.len() > lines.len() {
        return Err(format!("{}: the objects do not reach lines {}", kind.short, missed.join(", ")));
    }
    let missed = if missed.is_empty() { "all".to_owned() } else { format!("all but {}", missed.join(", ")) };
    Ok(Found { summary: format!("{}: {} lines, {missed} reached", kind.short, lines.len()), asked })
}

/// By as many threads as there are processors.
fn each_kind(kinds: &[&Kind], examples: &BTreeMap<&str, Vec<Json>>) -> Vec<Result<Found, String>> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let of = |kind: &Kind| examples.get(&*kind.short).map_or(&[][..], Vec::as_slice);
    std::thread::scope(|threads| {
        let chunks = kinds.chunks(kinds.len().div_ceil(workers).max(1));
        let work = |chunk: &[&Kind]| chunk.iter().map(|kind| agree(kind, of(kind))).collect::<Vec<_>>();
        let running: Vec<_> = chunks.map(|chunk| threads.spawn(move || work(chunk))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// `HEALTH_KIND=isvc` tries one kind alone.
#[test]
fn engine_and_lua_agree_on_generated_objects() {
    let test = "engine_and_lua_agree_on_generated_objects";
    let Some(corpus) = skip::corpus(test) else { return };
    let book = book();
    let mut examples: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let own = ["kinds", "kinds_community"].map(|folder| corpus::cases_in(&tests.join(folder)));
    for case in corpus::cases(&corpus).into_iter().chain(own.into_iter().flatten()) {
        if let Some(kind) = kind_of(&book, &case.object) {
            examples.entry(&kind.short).or_default().push(case.object);
        }
    }
    let only = std::env::var("HEALTH_KIND").ok();
    let kinds = book.kinds.iter().filter(|kind| only.as_deref().is_none_or(|only| *kind.short == *only));
    let kinds: Vec<&Kind> = kinds.collect();
    let (mut asked, mut wrong) = (Vec::new(), Vec::new());
    for found in each_kind(&kinds, &examples) {
        match found {
            Ok(found) => {
                println!("{}", found.summary);
                asked.extend(found.asked);
            }
            Err(why) => wrong.push(why),
        }
    }
    println!("{} kinds, {OBJECTS} objects each", kinds.len());
    match Oracle::find() {
        Ok(oracle) => in_argocd(&oracle, asked, &mut wrong),
        Err(need) => skip::skipped(test, &need),
    }
    assert!(wrong.is_empty(), "{} findings; the first:\n{}", wrong.len(), wrong[0]);
}

fn in_argocd(oracle: &Oracle, asked: Vec<(Verdict, Json)>, wrong: &mut Vec<String>) {
    let (ours, questions): (Vec<Verdict>, Vec<Json>) = asked.into_iter().unzip();
    let answers = oracle.ask(questions.clone());
    for ((ours, question), answer) in ours.iter().zip(&questions).zip(&answers) {
        match health_answer(answer) {
            Ok(theirs) if same(ours, &theirs) => {}
            theirs => {
                let (object, script) = (&question["object"], question["lua"].as_str().unwrap());
                wrong.push(format!("engine {ours:?}\nArgo CD {theirs:?}\nof {object}\n{script}"));
            }
        }
    }
    println!("{} of them in Argo CD", answers.len());
}

//! The engine and the emitted Lua say the same of every object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use tidegate::rulebook::{HealthRule, Kind};

use crate::dice::Dice;
use crate::kinds::{book, engine, kind_of, same, script, verdict};
use crate::shape::Maker;
use crate::vm::Vm;
use crate::{corpus, skip};

/// Objects a kind.
const OBJECTS: usize = 1000;

/// The lines that were reached, or the first object on which they part.
fn agree(kind: &Kind, examples: &[Json]) -> Result<String, String> {
    let script = script(kind);
    let vm = Vm::new(&script)?;
    let maker = Maker::new(kind);
    // What there is to change: the examples, and later the first object that reached each line.
    let mut known = examples.to_vec();
    let mut dice = Dice::new(&kind.short);
    let mut reached = BTreeSet::new();
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
    }
    let HealthRule::Lines(lines) = &kind.health else { return Ok(format!("{}: kstatus", kind.short)) };
    let missed: Vec<String> =
        (0..lines.len()).filter(|line| !reached.contains(&Some(*line))).map(|line| (line + 1).to_string()).collect();
    if 2 * missed.len() > lines.len() {
        return Err(format!("{}: the objects do not reach lines {}", kind.short, missed.join(", ")));
    }
    let missed = if missed.is_empty() { "all".to_owned() } else { format!("all but {}", missed.join(", ")) };
    Ok(format!("{}: {} lines, {missed} reached", kind.short, lines.len()))
}

#[test]
fn engine_and_lua_agree_on_generated_objects() {
    let Some(corpus) = skip::corpus("engine_and_lua_agree_on_generated_objects") else { return };
    let book = book();
    let mut examples: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for case in corpus::cases(&corpus) {
        if let Some(kind) = kind_of(&book, &case.object) {
            examples.entry(&kind.short).or_default().push(case.object);
        }
    }
    let only = std::env::var("HEALTH_KIND").ok();
    let kinds: Vec<&Kind> =
        book.kinds.iter().filter(|kind| only.as_deref().is_none_or(|only| *kind.short == *only)).collect();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let results: Vec<Result<String, String>> = std::thread::scope(|threads| {
        let chunks = kinds.chunks(kinds.len().div_ceil(workers).max(1));
        let work = |chunk: &[&Kind]| -> Vec<Result<String, String>> {
            let of = |kind: &&Kind| examples.get(&*kind.short).map_or(&[][..], Vec::as_slice);
            chunk.iter().map(|kind| agree(kind, of(kind))).collect()
        };
        let running: Vec<_> = chunks.map(|chunk| threads.spawn(move || work(chunk))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<&String> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    results.iter().flatten().for_each(|line| println!("{line}"));
    println!("{} kinds, {OBJECTS} objects each", results.len());
    assert!(failed.is_empty(), "{} kinds differ; the first:\n{}", failed.len(), failed[0]);
}

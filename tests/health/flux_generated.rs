//! Generated objects: what Flux says of them is what the rules say, or an error for which it waits. The errors have the reasons that the
//! emitted text gives, and none else.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;
use tidegate::expr::Value;
use tidegate::rulebook::{Kind, Rulebook};

use crate::dice::Dice;
use crate::flux::{Flux, as_in_a_cluster, by_rules, flux_answer, kinds, unobserved};
use crate::kinds::{book, kind_of};
use crate::oracle::Oracle;
use crate::shape::Maker;
use crate::{corpus, skip};

/// Objects a kind. The `cel` crate reads each; Flux reads those on which that is not what the rules say, and a share of the others.
const OBJECTS: usize = 60;
const IN_FLUX: usize = 20;

/// Why Flux has no value, by the end of its message: a field at the top that is absent, a condition without type or status, a value of a type that
/// the rules do not expect. A field that is absent further down is none of them: that the text asks for.
const ERRORS: &[(&str, &str)] = &[
    ("no such attribute(s): s", "a field at the top is absent"),
    ("no such key: type", "a condition without type or status"),
    ("no such key: status", "a condition without type or status"),
    ("no such overload", "a type that is not expected"),
    ("unsupported index type", "a type that is not expected"),
    ("invalid qualifier type", "a type that is not expected"),
    ("index out of bounds", "a type that is not expected"),
    ("got 'types.", "a type that is not expected"),
];

struct Asked<'b> {
    kind: &'b Kind,
    flux: &'b Flux,
    object: Json,
}

#[test]
fn generated_objects_are_read_by_flux_as_by_the_rules() {
    let test = "generated_objects_are_read_by_flux_as_by_the_rules";
    let Some(corpus) = skip::corpus(test) else { return };
    let oracle = match Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => return skip::skipped(test, &need),
    };
    let book = book();
    let flux = kinds(&book);
    let examples = examples(&book, &corpus);
    let (mut objects, mut by_crate, mut asked) = (0, 0, Vec::new());
    for (short, flux) in &flux {
        let kind = book.kind(book.kind_by_short(short).unwrap()).unwrap();
        let maker = Maker::new(kind);
        let mut dice = Dice::new(short);
        for n in 0..OBJECTS {
            let examples = &examples[short];
            let object = match n % 2 {
                0 if !examples.is_empty() => {
                    let example = dice.below(examples.len());
                    maker.changed(&mut dice, &examples[example])
                }
                _ => maker.object(&mut dice),
            };
            let object = as_in_a_cluster(&object);
            let found = flux.in_crate(&object);
            let same = found.as_ref().is_ok_and(|found| *found == by_rules(kind, &object));
            objects += 1;
            by_crate += usize::from(same);
            // Of many objects without a status it is enough to ask a few.
            let plain = same || found.is_err() && object.get("status").is_none();
            if !plain || n % IN_FLUX == 0 {
                asked.push(Asked { kind, flux, object });
            }
        }
    }
    println!("{objects} objects of {} kinds: the crate says of {by_crate} what the rules say", flux.len());
    let (counts, wrong) = in_flux(&oracle, &asked);
    println!("{} of them in Flux: {counts:#?}", asked.len());
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    assert!(2 * by_crate > objects && counts["as the rules"] > flux.len() * OBJECTS / IN_FLUX / 4, "{counts:?}");
}

fn examples<'b>(book: &'b Rulebook, corpus: &Path) -> BTreeMap<&'b str, Vec<Json>> {
    let mut examples: BTreeMap<&str, Vec<Json>> = book.kinds.iter().map(|kind| (&*kind.short, Vec::new())).collect();
    for case in corpus::cases(corpus) {
        if let Some(kind) = kind_of(book, &case.object) {
            examples.entry(&kind.short).or_default().push(case.object);
        }
    }
    examples
}

/// How often Flux said what; and what it may not say.
fn in_flux(oracle: &Oracle, asked: &[Asked<'_>]) -> (BTreeMap<&'static str, usize>, Vec<String>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut wrong, mut nulls) = (Vec::new(), Vec::new());
    let answers = oracle.ask(asked.iter().map(|a| a.flux.question(&a.object)).collect::<Vec<_>>());
    for (Asked { kind, flux, object }, answer) in asked.iter().zip(&answers) {
        let (ours, theirs) = (by_rules(kind, object), flux_answer(answer));
        let without_nulls = Value::from_json(object).unwrap().to_json();
        let what = match &theirs {
            Ok(theirs) if theirs == ours => "as the rules",
            Ok(theirs) if unobserved(object) && theirs == "InProgress" => "waits for the generation",
            _ if without_nulls != *object => {
                nulls.push(Asked { kind, flux, object: without_nulls });
                "has a null"
            }
            Err(error) => why(error),
            Ok(_) => "?",
        };
        if what == "?" {
            let text = serde_json::to_string(&flux.check.current).unwrap();
            wrong.push(format!("{}: rules {ours}, Flux {theirs:?} of {object}\n{text}", kind.short));
        }
        *counts.entry(what).or_default() += 1;
    }
    // The nulls are all that was in the way.
    if !nulls.is_empty() {
        let (rest, more) = in_flux(oracle, &nulls);
        for (what, count) in rest {
            *counts
                .entry(match what {
                    "as the rules" => "has a null; without it as the rules",
                    _ => "has a null; without it an error",
                })
                .or_default() += count;
        }
        wrong.extend(more);
    }
    (counts, wrong)
}

/// Why Flux has no value; `?` if nothing that is listed.
fn why(error: &str) -> &'static str {
    let end = error.rsplit_once("': ").map_or(error, |(_, end)| end);
    ERRORS.iter().find(|(start, _)| end.starts_with(start)).map_or("?", |(_, why)| why)
}

//! All cases, as Flux reads them: its own evaluator, and the `cel` crate with the same text, say what the engine says.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;
use tidegate::rulebook::{Kind, Rulebook};

use crate::corpus::{Case, cases, cases_in};
use crate::flux::{Flux, as_in_a_cluster, by_rules, flux_answer, kinds, unobserved};
use crate::flux_otherwise::{NEW, OTHERWISE, REFUSED};
use crate::kinds::{book, kind_of, loaded};
use crate::oracle::Oracle;
use crate::skip;

/// How many of the corpus' cases Flux agrees on, at least: all whose kinds it can read, but those that are listed.
const CORPUS_MIN: usize = 689;

/// What the `cel` crate does otherwise than Flux, whose evaluator is cel-go.
const NOT_IN_THE_CRATE: &[(&str, &str)] = &[(
    "corpus/solr.apache.org_SolrCloud/testdata/provisioning.yaml",
    "asking null for a field is an error, not false",
)];

/// What came of cases.
#[derive(Default)]
struct Found {
    cases: usize,
    agree: usize,
    new: usize,
    /// Those that are listed and came out as listed.
    listed: BTreeSet<String>,
    wrong: Vec<String>,
}

/// One case, its kind's conditions and what the rules say.
struct Asked<'b> {
    name: String,
    kind: &'b Kind,
    flux: &'b Flux,
    object: Json,
}

impl Found {
    fn run(&mut self, set: &str, book: &Rulebook, cases: Vec<Case>, oracle: &Oracle) {
        let flux = kinds(book);
        let mut asked = Vec::new();
        for case in cases {
            let Some(kind) = kind_of(book, &case.object) else { continue };
            let Some(flux) = flux.get(&*kind.short) else { continue };
            let name = format!("{set}/{}", case.name);
            asked.push(Asked { name, kind, flux, object: as_in_a_cluster(&case.object) });
        }
        let answers = oracle.ask(asked.iter().map(|a| a.flux.question(&a.object)).collect::<Vec<_>>());
        for (asked, answer) in asked.iter().zip(&answers) {
            self.compare(asked, &flux_answer(answer));
        }
    }

    fn compare(&mut self, asked: &Asked<'_>, theirs: &Result<String, String>) {
        let Asked { name, kind, flux, object } = asked;
        let ours = by_rules(kind, object);
        self.cases += 1;
        let listed = OTHERWISE.iter().any(|(other, _)| other == name);
        if NEW.contains(&name.as_str()) {
            let error = theirs.as_ref().is_err_and(|e| e.contains("no such attribute(s): status"));
            if error && object.get("status").is_none() && ours == "InProgress" {
                self.new += 1;
                self.listed.insert(name.clone());
            } else {
                self.wrong.push(format!("{name} is listed as new: rules {ours}, Flux {theirs:?}"));
            }
        } else if theirs.as_ref().is_ok_and(|theirs| theirs == ours) {
            self.agree += 1;
            let deleted = object["metadata"].get("deletionTimestamp").is_some();
            match flux.holding(object) {
                Some(1) | None => {}
                Some(2) if deleted => {}
                holding => self.wrong.push(format!("{name}: {holding:?} of the conditions hold")),
            }
        } else if listed {
            self.listed.insert(name.clone());
        } else {
            self.wrong.push(format!("{name}:\n  rules {ours}\n  Flux  {theirs:?}"));
        }
        let in_crate = flux.in_crate(object);
        let same = match (&in_crate, theirs) {
            (Ok(found), Ok(theirs)) => found == theirs,
            (found, theirs) => found.is_err() == theirs.is_err(),
        };
        if !same && !NOT_IN_THE_CRATE.iter().any(|(other, _)| other == name) {
            self.wrong.push(format!("{name}:\n  crate {in_crate:?}\n  Flux  {theirs:?}"));
        }
        if unobserved(object) && theirs.as_deref() != Ok("InProgress") {
            self.wrong.push(format!("{name}: Flux does not wait for its generation: {theirs:?}"));
        }
    }

    fn say(&self, what: &str) {
        let others = self.listed.len() - self.new;
        println!(
            "{what}: Flux has {} cases, and agrees on {}; {} have no status yet, {others} are listed",
            self.cases, self.agree, self.new
        );
    }
}

/// Cases of Argo CD, and those by hand.
#[test]
fn cases_are_read_by_flux_as_by_the_rules() {
    let test = "cases_are_read_by_flux_as_by_the_rules";
    let Some(corpus) = skip::corpus(test) else { return };
    let oracle = match Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => return skip::skipped(test, &need),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let book = book();
    let mut found = Found::default();
    found.run("corpus", &book, cases(&corpus), &oracle);
    found.say("Argo CD's cases");
    let of_corpus = found.agree;
    for set in ["kinds", "kinds_community"] {
        found.run(set, &book, cases_in(&root.join("tests").join(set)), &oracle);
    }
    for entry in std::fs::read_dir(root.join("rules/strict")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let book = loaded(vec![(format!("rules/strict/{name}.tide"), text)]);
        found.run("kinds_strict", &book, cases_in(&root.join("tests/kinds_strict").join(&name)), &oracle);
    }
    found.say("with those by hand");
    let wrong = &found.wrong;
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    let gone = NEW.iter().chain(OTHERWISE.iter().map(|(name, _)| name)).filter(|name| !found.listed.contains(**name));
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<&&str>::new(), "listed, and no case or no longer different");
    assert!(of_corpus >= CORPUS_MIN, "{of_corpus} of Argo CD's cases agree, it were {CORPUS_MIN}");
}

/// Every kind can be read, but for a few, with the reason in the error.
#[test]
fn kinds_that_flux_cannot_read_are_listed() {
    let book = book();
    let refused: Vec<(String, String)> =
        book.kinds.iter().filter_map(|kind| Some((kind.short.to_string(), Flux::of(kind).err()?))).collect();
    let listed: Vec<(String, String)> =
        REFUSED.iter().map(|(kind, why)| ((*kind).to_owned(), (*why).to_owned())).collect();
    assert_eq!(refused, listed);
    println!("Flux can read {} of {} kinds", book.kinds.len() - refused.len(), book.kinds.len());
}

/// kstatus is Flux's own: there is nothing to emit.
#[test]
fn a_kind_without_lines_is_left_to_flux() {
    let book = loaded(vec![("w.tide".to_owned(), "kind widget = example.org/v1 Widget (widgets)\n".to_owned())]);
    let kind = book.kind(book.kind_by_short("widget").unwrap()).unwrap();
    assert!(Flux::of(kind).unwrap().is_none());
}

//! The cases of `tests/kinds`: for kinds that Argo CD has no cases for, in the same layout, each three times like those of the corpus.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tidegate::rulebook::{Kind, Rulebook};

use crate::kinds::{book, engine, kind_of, loaded, same, script, verdict};
use crate::oracle::{Oracle, health_answer, lua_question};
use crate::vm::Vm;
use crate::{corpus, skip};

/// Cases a kind, at least, where Argo CD has none.
const CASES_MIN: usize = 6;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs the cases below a folder in the engine, in Lua and in Argo CD; gives how many there are of each kind.
fn check<'b>(test: &str, book: &'b Rulebook, folder: &Path) -> BTreeMap<&'b str, usize> {
    let (mut counts, mut wrong, mut asked) = (BTreeMap::new(), Vec::new(), Vec::new());
    for case in corpus::cases_in(folder) {
        let kind: &Kind = kind_of(book, &case.object).unwrap_or_else(|| panic!("{} has no kind", case.name));
        *counts.entry(&*kind.short).or_default() += 1;
        let ours = verdict(&engine(kind, &case.object));
        if ours != case.wanted {
            wrong.push(format!("{}:\n  wanted {:?}\n  found  {ours:?}", case.name, case.wanted));
        }
        let script = script(kind);
        match Vm::new(&script).unwrap().health(&case.object) {
            Ok(lua) if same(&ours, &lua) => {}
            lua => wrong.push(format!("{}:\n  engine {ours:?}\n  Lua    {lua:?}", case.name)),
        }
        let question = lua_question(&script.text, !script.open_libs.is_empty(), &case.object);
        asked.push((case.name, ours, question));
    }
    match Oracle::find() {
        Ok(oracle) => {
            let answers = oracle.ask(asked.iter().map(|(_, _, question)| question.clone()).collect::<Vec<_>>());
            for ((name, ours, _), answer) in asked.iter().zip(answers) {
                match health_answer(&answer) {
                    Ok(theirs) if same(ours, &theirs) => {}
                    theirs => wrong.push(format!("{name}:\n  engine  {ours:?}\n  Argo CD {theirs:?}")),
                }
            }
        }
        Err(need) => skip::skipped(test, &need),
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    counts
}

#[test]
fn kinds_without_cases_of_argocd_have_their_own() {
    let test = "kinds_without_cases_of_argocd_have_their_own";
    let book = loaded(Vec::new());
    let counts = check(test, &book, &folder("tests/kinds"));
    println!("{} cases of {} kinds", counts.values().sum::<usize>(), counts.len());
    // Every kind has cases: Argo CD's, these, or both.
    let Some(theirs) = skip::corpus(test) else { return };
    let theirs = corpus::cases(&theirs);
    for kind in &book.kinds {
        let has = theirs.iter().any(|case| kind_of(&book, &case.object).is_some_and(|found| found.short == kind.short));
        let own = counts.get(&*kind.short).copied().unwrap_or_default();
        assert!(has || own >= CASES_MIN, "{} has {own} cases, fewer than {CASES_MIN}", kind.short);
    }
}

/// And those of `rules/community` that Argo CD's cases leave out.
#[test]
fn community_kinds_without_cases_of_argocd_have_their_own() {
    let test = "community_kinds_without_cases_of_argocd_have_their_own";
    let book = book();
    let counts = check(test, &book, &folder("tests/kinds_community"));
    let Some(theirs) = skip::corpus(test) else { return };
    let theirs = corpus::cases(&theirs);
    for kind in book.kinds.iter().filter(|kind| !kind.builtin) {
        let has = theirs.iter().any(|case| kind_of(&book, &case.object).is_some_and(|found| found.short == kind.short));
        let own = counts.get(&*kind.short).copied().unwrap_or_default();
        assert!(has || own >= CASES_MIN, "{} has {own} cases, fewer than {CASES_MIN}", kind.short);
    }
}

/// Each file of `rules/strict` takes the place of a built-in kind, and has cases where it says something else.
#[test]
fn strict_kinds_take_the_place_of_built_in_ones() {
    let test = "strict_kinds_take_the_place_of_built_in_ones";
    let mut seen = 0;
    for entry in std::fs::read_dir(folder("rules/strict")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let book = loaded(vec![(format!("rules/strict/{name}.tide"), text)]);
        let kind = book.kind(book.kind_by_short(&name).unwrap()).unwrap();
        assert!(!kind.builtin, "{name} is no longer built in");
        let counts = check(test, &book, &folder("tests/kinds_strict").join(&name));
        assert!(counts[&*name] >= CASES_MIN, "{name}: {counts:?}");
        seen += 1;
    }
    assert!(seen >= 2, "{seen} strict kinds");
}

/// A kind without lines is read as kstatus reads any object.
#[test]
fn kinds_without_lines_are_read_as_kstatus_reads_any_object() {
    let test = "kinds_without_lines_are_read_as_kstatus_reads_any_object";
    let rules = "kind widget = example.org/v1 Widget (widgets)\n";
    let book = loaded(vec![("widget.tide".to_owned(), rules.to_owned())]);
    let counts = check(test, &book, &folder("tests/kinds_kstatus"));
    assert!(counts["widget"] >= 15, "{counts:?}");
}

//! All of Argo CD's cases, three times: the engine, the emitted Lua here, and the emitted Lua in the real Argo CD.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tidegate::emit::lua::Script;
use tidegate::rulebook::Kind;

use crate::kinds::{Verdict, book, engine, kind_of, same, script, verdict};
use crate::oracle::{Oracle, health_answer, lua_question};
use crate::vm::Vm;
use crate::{corpus, skip};

/// How many cases agree exactly, at least: all but those of `OTHERWISE`.
const EXACT_MIN: usize = 786;

/// All cases there are.
const CASES: usize = 790;

/// Cases that a kind reads otherwise than Argo CD does, and why that is meant.
const OTHERWISE: &[(&str, &str)] = &[
    ("core.humio.com_HumioAlert/testdata/notfound.yaml", NOT_FOUND),
    ("core.humio.com_HumioParser/testdata/notfound.yaml", NOT_FOUND),
    ("core.humio.com_HumioRepository/testdata/notfound.yaml", NOT_FOUND),
    ("core.humio.com_HumioView/testdata/notfound.yaml", NOT_FOUND),
];

const NOT_FOUND: &str = "Argo CD says Missing of an object that is there; no line of a kind can, so it is Unknown";

/// What a kind's machines are made of.
struct Machines {
    script: Script,
    vm: Vm,
}

/// Counts of how cases came out.
#[derive(Default)]
struct Counts {
    with_kind: usize,
    exact: usize,
    status_only: usize,
}

#[test]
fn cases_of_argocd_are_read_as_argocd_reads_them() {
    let test = "cases_of_argocd_are_read_as_argocd_reads_them";
    let Some(corpus) = skip::corpus(test) else { return };
    let book = book();
    let cases = corpus::cases(&corpus);
    assert_eq!(cases.len(), CASES);
    let mut machines: BTreeMap<&str, Machines> = BTreeMap::new();
    let (mut counts, mut wrong, mut questions) = (Counts::default(), Vec::new(), Vec::new());
    for case in &cases {
        let Some(kind) = kind_of(&book, &case.object) else { continue };
        counts.with_kind += 1;
        let machine = machines.entry(&kind.short).or_insert_with(|| machines_of(kind));
        let ours = verdict(&engine(kind, &case.object));
        match (ours == case.wanted, ours.0 == case.wanted.0) {
            (true, _) => counts.exact += 1,
            (_, true) => counts.status_only += 1,
            _ => {}
        }
        if ours != case.wanted && !OTHERWISE.iter().any(|(name, _)| *name == case.name) {
            wrong.push(format!("{} ({}):\n  wanted {:?}\n  found  {ours:?}", case.name, kind.short, case.wanted));
        }
        match machine.vm.health(&case.object) {
            Ok(lua) if same(&ours, &lua) => {}
            lua => wrong.push(format!("{} ({}):\n  engine {ours:?}\n  Lua    {lua:?}", case.name, kind.short)),
        }
        questions.push((case.name.clone(), ours, question(machine, &case.object)));
    }
    println!(
        "{} cases: {} have a kind, {} agree exactly, {} only in status",
        cases.len(),
        counts.with_kind,
        counts.exact,
        counts.status_only
    );
    match Oracle::find() {
        Ok(oracle) => in_argocd(&oracle, questions, &mut wrong),
        Err(need) => skip::skipped(test, &need),
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.exact >= EXACT_MIN, "{} cases agree exactly, it were {EXACT_MIN}", counts.exact);
}

fn machines_of(kind: &Kind) -> Machines {
    let script = script(kind);
    let vm = Vm::new(&script).unwrap();
    Machines { script, vm }
}

fn question(machines: &Machines, object: &Json) -> Json {
    lua_question(&machines.script.text, !machines.script.open_libs.is_empty(), object)
}

/// The same in the real Argo CD.
fn in_argocd(oracle: &Oracle, asked: Vec<(String, Verdict, Json)>, wrong: &mut Vec<String>) {
    let (expected, questions): (Vec<_>, Vec<_>) = asked.into_iter().map(|(name, ours, q)| ((name, ours), q)).unzip();
    for ((name, ours), answer) in expected.iter().zip(oracle.ask(questions)) {
        match health_answer(&answer) {
            Ok(theirs) if same(ours, &theirs) => {}
            theirs => wrong.push(format!("{name}:\n  engine  {ours:?}\n  Argo CD {theirs:?}")),
        }
    }
    println!("{} of them in Argo CD", expected.len());
}

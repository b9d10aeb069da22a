//! Rehearsals: every example, what the stand-ins do, what is said when it comes otherwise, and that a run can be repeated.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "support/skip.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod skip;

#[path = "support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod program;

use program::{Ran, root, tidegate};

use tidegate::rehearse::{Entry, Played, Rehearsal, Who, rehearse};
use tidegate::rulebook::{Options, load};

/// `tidegate rehearse ARGUMENTS` in the repository: exit status, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Ran { code, out, err } = tidegate(&root(), &[&["rehearse"], arguments].concat());
    (code, out, err)
}

/// Plays a path; its exit status must be this, and its timeline that of the snapshot.
fn check(path: &str, status: i32) {
    let (code, timeline, errors) = run(&[path, "--format", "plain"]);
    let name = path.rsplit('/').next().unwrap().trim_end_matches(".tide");
    assert_eq!((code, errors.as_str()), (status, ""), "{path}:\n{timeline}");
    insta::assert_snapshot!(name, timeline);
}

fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The examples that are platforms.
fn examples() -> Vec<String> {
    let mut names = names("examples");
    names.retain(|name| root().join("examples").join(name).join("rules.tide").exists());
    names
}

#[test]
fn every_example_comes_as_its_scenarios_expect() {
    let names = examples();
    assert!(names.len() >= 6, "{names:?}");
    for name in names.iter().filter(|name| *name != "platform") {
        check(&format!("examples/{name}"), 0);
    }
}

/// The rules are here, the manifests in the corpus; so there is no snapshot, but the scenario's own expectations.
#[test]
fn the_platform_of_the_corpus() {
    let Some(corpus) = skip::corpus("the_platform_of_the_corpus") else { return };
    let manifests = |name: &str| corpus.join("platform").join(name).display().to_string();
    let (rendered, application) = (manifests("rendered.yaml"), manifests("application.yaml"));
    let arguments = ["examples/platform", "--manifests", &rendered, "--manifests", &application, "--format", "plain"];
    let (code, timeline, errors) = run(&arguments);
    assert_eq!((code, errors.as_str()), (0, ""), "{timeline}");
    let restarts = timeline.lines().filter(|line| line.contains("tidegate   restart isvc")).count();
    assert_eq!(restarts, 2, "{timeline}");
    assert!(timeline.contains("33 of 33 notebooks succeeded, 0 failed, 0 running"), "{timeline}");
}

#[test]
fn stand_ins_and_actions() {
    for name in ["actions", "hooks", "annotations", "reopened", "missing"] {
        check(&format!("tests/rehearse/{name}.tide"), 0);
    }
}

#[test]
fn what_is_said_when_it_comes_otherwise() {
    check("tests/rehearse/unexpected.tide", 1);
}

#[test]
fn the_same_seed_gives_the_same_timeline_and_others_the_same_actions() {
    let json = |seed: &str| run(&["examples/failing-tier", "--format", "json", "--seed", seed]).1;
    assert_eq!(json("7"), json("7"));
    let lines = |seed: &str| {
        let value: serde_json::Value = serde_json::from_str(&json(seed)).unwrap();
        assert_eq!(value["version"], 1);
        assert_eq!(value["scenarios"][0]["problems"], 0);
        let entries = value["scenarios"][0]["timeline"].as_array().unwrap().clone();
        let mut texts: Vec<String> =
            entries.iter().map(|entry| format!("{} {}", entry["who"], entry["what"])).collect();
        // Jitter decides what comes first within a moment.
        texts.sort();
        texts
    };
    for seed in ["1", "2", "3"] {
        assert_eq!(lines(seed), lines("0"), "seed {seed}");
    }
}

/// What a library caller gets for one scenario over the first example's manifests.
fn play(scenario: &str) -> Result<Vec<Played>, Vec<(String, String, String)>> {
    let text = format!(
        "application argocd/fraud\nnamespace ml\nwhen job train-fraud succeeds then restart isvc fraud; block wave 4\n\nscenario \"s\" {{\n{scenario}\n}}\n"
    );
    let file = root().join("examples/first-deploy/case.tide").display().to_string();
    let mut compiled = load([(file, text)], &Options::default());
    let played = rehearse(&mut compiled, &Rehearsal::default()).unwrap();
    if compiled.diagnostics.is_empty() {
        return Ok(played);
    }
    let (sources, found) = (&compiled.sources, &compiled.diagnostics);
    Err(found.iter().map(|d| (d.message.clone(), sources.words(d.span).to_owned(), d.help.clone())).collect())
}

#[test]
fn scenarios_that_cannot_be_played_are_refused_with_their_place() {
    let cases = [
        ("start at \"yesterday\"", "`yesterday` is not a time", "\"yesterday\"", "write date, time and zone"),
        ("manifests nowhere", "cannot read", "nowhere", "relative to the rule file"),
        ("at 1m apply nothing.yaml", "cannot read", "nothing.yaml", "relative to the rule file"),
        (
            "at 2m sync application fraud\nat 1m expect nothing",
            "this comes before the step above it",
            "1m",
            "in the order of time",
        ),
        ("at 1m isvc fraud succeeds", "`isvc` does not run to completion", "succeeds", "`is healthy`"),
        ("at 1m isvc fraud is missing", "nothing can be made so", "is missing", "`delete KIND NAME`"),
        ("at 1m expect suspend cronjob nightly", "is not built yet", "suspend cronjob nightly", ""),
        ("at 1m sync application fruad/x/y", "", "", ""),
        ("at 1m nothebook x succeeds", "there is no kind `nothebook`", "nothebook", "did you mean `notebook`?"),
    ];
    for (scenario, message, words, help) in cases {
        let found = play(scenario).expect_err(scenario);
        let fits = |(m, w, h): &(String, String, String)| m.contains(message) && w.contains(words) && h.contains(help);
        assert!(found.iter().any(fits), "{scenario}: {found:?}");
    }
}

#[test]
fn without_a_scenario_there_is_nothing_to_rehearse() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.tide"), "when job a succeeds then restart isvc b\n").unwrap();
    let (code, out, errors) = run(&[&folder.path().display().to_string()]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(errors.contains("no scenario"), "{errors}");
}

/// A scenario over a quiet day: the controller wakes, and nothing is written.
#[test]
fn a_quiet_day_has_no_lines() {
    let played = play("manifests manifests\nat 0s sync application fraud\nat 10m job train-fraud succeeds\nat 1h expect isvc fraud is healthy\nat 24h expect nothing").unwrap();
    let [played] = played.as_slice() else { panic!("one scenario") };
    assert_eq!(played.problems, 0);
    let late = |entry: &&Entry| matches!(entry, Entry::Happened { at, who: Who::Tidegate, .. } if at.as_secs() > 3600);
    assert_eq!(played.timeline.entries.iter().filter(late).count(), 0);
}

/// Manifests of examples and cases are read without findings.
#[test]
fn manifests_of_examples_are_clean() {
    for name in examples().iter().filter(|name| *name != "platform") {
        let folder = root().join("examples").join(name).join("manifests");
        let mut sources = tidegate::diagnostic::Sources::default();
        let manifests = tidegate::manifests::read(&[folder], &mut sources).unwrap();
        assert_eq!(manifests.diagnostics, [], "{name}");
        assert!(root().join("examples").join(name).join("README.md").exists(), "{name} has no README.md");
    }
}

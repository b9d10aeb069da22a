//! Plans over manifests: of every example, and of small cases where a plan could say the wrong thing.
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

/// `tidegate plan ARGUMENTS` in the repository: exit status, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Ran { code, out, err } = tidegate(&root(), &[&["plan"], arguments].concat());
    (code, out, err)
}

/// The plan of some rules must be that of the snapshot, without a finding, and there must be something to do.
fn check(name: &str, rules: &str, manifests: &str) {
    let (code, plan, findings) = run(&[rules, "--manifests", manifests, "--detailed-exitcode", "--format", "plain"]);
    assert_eq!((code, findings.as_str()), (2, ""), "{rules}:\n{plan}");
    insta::assert_snapshot!(name, plan);
}

#[test]
fn every_example() {
    for folder in std::fs::read_dir(root().join("examples")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let rules = format!("examples/{name}");
        if root().join(&rules).join("manifests").is_dir() {
            check(&format!("example-{name}"), &rules, &format!("{rules}/manifests"));
        }
    }
}

#[test]
fn every_case() {
    let mut count = 0;
    for file in std::fs::read_dir(root().join("tests/plan")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".tide") else { continue };
        check(name, &format!("tests/plan/{file}"), "tests/plan/manifests.yaml");
        count += 1;
    }
    assert!(count >= 6, "{count} cases");
}

/// The platform of the corpus: what a pull request of its rules would show.
#[test]
fn the_platform_of_the_corpus() {
    let Some(corpus) = skip::corpus("plan::the_platform_of_the_corpus") else { return };
    let manifests = corpus.join("platform/rendered.yaml");
    let (code, plan, _) = run(&["examples/platform", "--manifests", manifests.to_str().unwrap(), "--format", "plain"]);
    assert_eq!(code, 0, "{plan}");
    insta::assert_snapshot!("platform", plan);
}

/// With the flag 2 means that there is something to do, so what could not be planned is 1.
#[test]
fn what_cannot_be_planned_is_never_something_to_do() {
    let rules = "tests/plan/texts.tide";
    for arguments in [
        [rules, "--manifests", "no/such/file"],
        ["no/such/rules", "--manifests", "tests/plan/manifests.yaml"],
        ["tests/plan/manifests.yaml", "--manifests", "tests/plan/manifests.yaml"],
    ] {
        let (code, plan, said) = run(&[&arguments[..], &["--detailed-exitcode"]].concat());
        assert_eq!((code, plan.as_str()), (1, ""), "{arguments:?}");
        assert!(!said.is_empty(), "{arguments:?}");
    }
}

/// What the examples hold their waves with is what `emit hooks` prints for them.
#[test]
fn hooks_of_the_examples_are_up_to_date() {
    let mut count = 0;
    for folder in std::fs::read_dir(root().join("examples")).unwrap() {
        let rules = format!("examples/{}", folder.unwrap().file_name().into_string().unwrap());
        let Ok(hooks) = std::fs::read_to_string(root().join(&rules).join("manifests/hooks.yaml")) else { continue };
        let ran = tidegate(&root(), &["emit", "hooks", &rules, "--manifests", &format!("{rules}/manifests")]);
        assert_eq!(ran.out, hooks, "{rules}");
        count += 1;
    }
    assert!(count >= 2, "{count} examples with hooks");
}

//! The tree keeps its own rules: rooms know only what they may, files stay short, output has one door, pages made from tables are up to date.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A room, the rooms that it may know, and whether it may know the outside: kube and tokio.
const ROOMS: &[(&str, &[&str], bool)] = &[
    ("diagnostic", &[], false),
    ("syntax", &["diagnostic"], false),
    ("expr", &["diagnostic", "syntax"], false),
    ("facts", &["expr"], false),
    ("rulebook", &["diagnostic", "expr", "facts", "syntax"], false),
    ("manifests", &["diagnostic"], false),
    ("graph", &["diagnostic", "expr", "facts", "manifests", "rulebook", "syntax"], false),
    ("engine", &["diagnostic", "expr", "facts", "rulebook", "syntax"], false),
    ("emit", &["diagnostic", "expr", "graph", "rulebook", "syntax"], false),
    ("lint", &["diagnostic", "emit", "expr", "graph", "manifests", "rulebook", "syntax"], false),
    ("diff", &["diagnostic", "emit", "engine", "expr", "graph", "manifests", "rulebook", "syntax"], false),
    ("cluster", &["diagnostic", "engine", "expr", "facts", "rulebook"], true),
    ("rehearse", &["cluster", "diagnostic", "engine", "expr", "facts", "manifests", "rulebook", "syntax"], true),
    (
        "cli",
        &[
            "cluster",
            "diagnostic",
            "diff",
            "emit",
            "engine",
            "expr",
            "facts",
            "graph",
            "lint",
            "manifests",
            "rehearse",
            "rulebook",
            "syntax",
        ],
        true,
    ),
];

/// Lines of a file, at most.
const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn check(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// The code of a file without comments, and without the tests at its end.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("\n#[cfg(test)]").next().unwrap_or("").to_owned();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_room_knows_only_what_it_may() {
    let mut findings = Vec::new();
    for (room, may_know, outside) in ROOMS {
        let folder = root().join("src").join(room);
        if !folder.exists() {
            continue;
        }
        for file in files(&folder, ".rs") {
            let code = code(&file);
            for (at, _) in code.match_indices("crate::") {
                let name: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_room = ROOMS.iter().any(|(other, ..)| *other == name);
                if is_room && name != *room && !may_know.contains(&name.as_str()) {
                    findings.push(format!("{}: {room} may not know {name}", file.display()));
                }
            }
            for foreign in ["kube::", "k8s_openapi::", "tokio::", "notify::", "axum::"] {
                if !outside && code.contains(foreign) {
                    findings.push(format!("{}: {room} may not know {foreign}", file.display()));
                }
            }
        }
    }
    check(&findings);
}

#[test]
fn every_room_says_what_comes_in_what_goes_out_and_what_it_may_not_know() {
    let mut findings = Vec::new();
    for (room, ..) in ROOMS {
        let page = root().join("src").join(room).join("mod.rs");
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for word in ["In:", "Out:", "ay not know"] {
            let known = head.contains(word) || (*room == "cli" && head.contains("ay know"));
            if page.exists() && !known {
                findings.push(format!("{}: the first lines lack `{word}`", page.display()));
            }
        }
    }
    check(&findings);
}

/// Invariant 11: one door for the outside. Only there is the clock read, the environment, or chance.
#[test]
fn invariant_11_one_door_for_the_outside() {
    let doors = ["src/cluster/env.rs", "src/cli/"];
    let mut findings = Vec::new();
    for file in files(&root().join("src"), ".rs") {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if doors.iter().any(|door| name.starts_with(door)) {
            continue;
        }
        let code = code(&file);
        for word in ["Timestamp::now", "SystemTime", "std::time::Instant", "env::var", "thread_rng", "RandomState"] {
            if code.contains(word) {
                findings.push(format!("{name}: `{word}`"));
            }
        }
        let pure = ["src/engine", "src/rulebook", "src/graph", "src/emit", "src/expr", "src/facts", "src/syntax"];
        if pure.iter().any(|room| name.starts_with(room)) && code.contains("std::fs") {
            findings.push(format!("{name}: `std::fs`"));
        }
    }
    check(&findings);
}

/// Invariant 4: one writer. Requests that change a cluster are built in one file, which says who may call it.
#[test]
fn invariant_4_one_writer() {
    let mut findings = Vec::new();
    for file in files(&root().join("src"), ".rs") {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if name == "src/cluster/send.rs" || name.starts_with("src/rehearse/apiserver") {
            continue;
        }
        let code = code(&file);
        for word in [
            "Method::",
            "Request::p",
            "Request::delete",
            "PostParams",
            "PatchParams",
            "DeleteParams",
            "kube::api::Patch",
        ] {
            if code.contains(word) {
                findings.push(format!("{name}: `{word}`"));
            }
        }
        let may_send = ["src/cluster/writer.rs", "src/cluster/lease.rs"].contains(&name.as_str());
        if code.contains("send::") && code.contains("super::send") && !may_send {
            findings.push(format!("{name}: `send`"));
        }
    }
    check(&findings);
}

#[test]
fn files_stay_short() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for file in files(&root().join(folder), ".rs") {
            let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            if lines > LINES_MAX {
                findings.push(format!("{name}: {lines} lines, more than {LINES_MAX}"));
            }
        }
    }
    check(&findings);
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    let mut findings = Vec::new();
    let mut all = Vec::new();
    for folder in ["src", "tests", "docs", "rules", "grammar", "examples", "deploy", "benches"] {
        for ending in [".rs", ".md", ".tide", ".yaml", ".pest", ".sh", ".toml"] {
            all.extend(files(&root().join(folder), ending));
        }
    }
    all.push(root().join("README.md"));
    for file in all {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let own = file.ends_with("tests/tidy.rs");
        for word in ["/work/", "/root/", "../shared"] {
            if !own && text.contains(word) {
                findings.push(format!("{}: `{word}`", file.display()));
            }
        }
    }
    check(&findings);
}

#[test]
fn the_page_of_errors_is_up_to_date() {
    let mut page = String::from(
        "# Errors\n\nEach finding has a stable code. A code never changes its meaning and is never used again.\n\n| code | name | what it says |\n|---|---|---|\n",
    );
    for info in tidegate::diagnostic::CODES {
        writeln!(page, "| {} | {} | {} |", info.code, info.name, info.meaning).unwrap();
    }
    let path = root().join("docs/errors.md");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page, "run `TIDEGATE_BLESS=1 cargo test --test tidy`");
}

#[test]
fn codes_are_in_order_and_used_once() {
    let codes: Vec<u16> = tidegate::diagnostic::CODES.iter().map(|info| info.code.0).collect();
    assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    let names: BTreeSet<&str> = tidegate::diagnostic::CODES.iter().map(|info| info.name).collect();
    assert_eq!(names.len(), codes.len());
}

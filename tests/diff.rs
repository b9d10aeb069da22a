//! `diff OLD NEW`: the cases of tests/diff in every form, what is no difference, exit statuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod program;

use std::path::{Path, PathBuf};

use program::{Ran, root, tidegate, tidegate_with};

use tidegate::rulebook::{Options, load};

/// `tidegate diff ARGUMENTS` in a folder, with some standard input.
fn diff(folder: &Path, arguments: &[&str], stdin: &str) -> Ran {
    tidegate_with(folder, &[&["diff"], arguments].concat(), stdin)
}

/// One case: `old.tide` and `new.tide`, over `manifests.yaml` if it is there, give `expected.txt`, `expected.md` and `expected.json`.
fn check(case: &Path) {
    let mut arguments = vec!["old.tide", "new.tide", "--detailed-exitcode"];
    if case.join("manifests.yaml").exists() {
        arguments.extend(["--manifests", "manifests.yaml"]);
    }
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let mut statuses = Vec::new();
    for (format, file) in [("plain", "expected.txt"), ("markdown", "expected.md"), ("json", "expected.json")] {
        let ran = diff(case, &[&arguments[..], &["--format", format]].concat(), "");
        statuses.push(ran.code);
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            std::fs::write(case.join(file), &ran.out).unwrap();
        }
        let expected = std::fs::read_to_string(case.join(file)).unwrap_or_default();
        let differences = similar::TextDiff::from_lines(&expected, &ran.out).unified_diff().to_string();
        assert!(differences.is_empty(), "{name}/{file}:\n{differences}{}", ran.err);
        if format == "json" {
            json(&name, &ran.out, ran.code);
        }
    }
    let expected = match name.as_str() {
        "nothing" => 0,
        // The new order has errors.
        "cannot" | "waves" => 1,
        _ => 2,
    };
    assert_eq!(statuses, [expected; 3], "{name}");
}

/// The JSON says of itself what it is, and whether there is anything in it.
fn json(name: &str, text: &str, status: i32) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["version"], "tidegate.dev/diff/v1");
    let lists = value.as_object().unwrap().iter().filter(|(key, _)| *key != "permissions").map(|(_, list)| list);
    let rights = value["permissions"].as_object().unwrap().values();
    let filled = lists.chain(rights).filter_map(|list| list.as_array()).any(|list| !list.is_empty());
    assert_eq!(value["changes"], filled, "{name}");
    assert_eq!(status == 0, !filled, "{name}");
}

#[test]
fn every_case() {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(root().join("tests/diff")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases.iter().for_each(|case| check(case));
    assert!(cases.len() >= 9, "{} cases", cases.len());
}

/// The statements of a rule file in the reverse order. A statement ends where the next one begins.
fn reversed(name: &str, text: &str) -> String {
    let compiled = load([(name.to_owned(), text.to_owned())], &Options::default());
    assert!(compiled.rulebook.is_some(), "{name}: {:?}", compiled.diagnostics);
    // What a span is of may begin after the statement's first word.
    let line = |at: u32| text[..at as usize].rfind('\n').map_or(0, |end| end + 1);
    let spans = compiled.trees[0].statements.iter().map(statement_span);
    let mut starts: Vec<usize> = spans.map(|span| line(span.start)).collect();
    starts.sort_unstable();
    let mut pieces: Vec<&str> = Vec::new();
    for (at, start) in starts.iter().enumerate() {
        pieces.push(&text[*start..starts.get(at + 1).copied().unwrap_or(text.len())]);
    }
    pieces.reverse();
    pieces.iter().map(|piece| format!("{}\n", piece.trim_end())).collect()
}

fn statement_span(statement: &tidegate::syntax::tree::Statement) -> tidegate::diagnostic::Span {
    use tidegate::syntax::tree::Statement;
    match statement {
        Statement::Rule(decl) => decl.span,
        Statement::After(decl) => decl.span,
        Statement::Report(decl) => decl.span,
        Statement::Allow(decl) => decl.span,
        Statement::Honour(said) => said.span,
        Statement::Scenario(decl) => decl.span,
        Statement::Application(name) => name.span,
        Statement::Namespace(name) => name.span,
        Statement::Kind(decl) => decl.span,
        Statement::Model(decl) => decl.span,
    }
}

/// Comments, blanks and line ends elsewhere: not what `fmt` writes.
fn unformatted(text: &str) -> String {
    let line = |line: &str| format!("  {}   # said\r\n", line.trim_end());
    text.lines().filter(|line| !line.trim().is_empty() && !line.contains('#')).map(line).collect()
}

/// Layout and order are no difference, of every example and every case.
#[test]
fn reformatting_and_reordering_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        files.push(entry.unwrap().path().join("rules.tide"));
    }
    for entry in std::fs::read_dir(root().join("tests/diff")).unwrap() {
        let case = entry.unwrap().path();
        files.extend([case.join("old.tide"), case.join("new.tide")]);
    }
    let mut seen = 0;
    for file in files.iter().filter(|file| file.exists()) {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.display().to_string();
        let formatted = folder.path().join("formatted.tide");
        std::fs::write(&formatted, unformatted(&text)).unwrap();
        let fmt = tidegate(folder.path(), &["fmt", "formatted.tide"]);
        assert_eq!(fmt.code, 0, "{name}: {}", fmt.err);
        for (what, new) in [
            ("reversed", reversed(&name, &text)),
            ("laid out otherwise", unformatted(&text)),
            ("formatted", std::fs::read_to_string(&formatted).unwrap()),
        ] {
            assert!(new != text || text.lines().count() < 3, "{name} {what} is the same text");
            let path = folder.path().join("new.tide");
            std::fs::write(&path, &new).unwrap();
            let ran = diff(&root(), &[&name, path.to_str().unwrap(), "--detailed-exitcode", "--format", "plain"], "");
            assert_eq!((ran.code, ran.out.as_str()), (0, "nothing changes in effect\n"), "{name} {what}\n{new}");
        }
        seen += 1;
    }
    assert!(seen >= 15, "{seen} files");
}

/// Each line of an example that is taken away makes a difference, unless it is layout or a comment, or the rest no longer compiles: nothing is overlooked.
#[test]
fn every_line_that_is_taken_away_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let file = entry.unwrap().path().join("rules.tide");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            if lines[at].trim().is_empty() || lines[at].trim_start().starts_with('#') {
                continue;
            }
            let rest: String =
                lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, l)| format!("{l}\n")).collect();
            if load([("rules.tide".to_owned(), rest.clone())], &Options::default()).rulebook.is_none() {
                continue;
            }
            let path = folder.path().join("new.tide");
            std::fs::write(&path, &rest).unwrap();
            let file = file.to_str().unwrap();
            let ran = diff(&root(), &[file, path.to_str().unwrap(), "--detailed-exitcode", "--format", "plain"], "");
            assert_eq!(ran.code, 2, "{file} without `{}`: {}{}", lines[at], ran.out, ran.err);
            told += 1;
        }
    }
    assert!(told >= 30, "{told} lines");
}

#[test]
fn exit_statuses() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("one.tide", "namespace ml\nwhen job a succeeds then restart isvc b\n");
    write("two.tide", "namespace ml\nwhen job a succeeds then restart isvc c\n");
    write("bad.tide", "namespace ml\nwhen job a succeeds then rstart isvc c\n");
    write("odd.yaml", "kind: [\n");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let cases = [
        ("one.tide one.tide", 0, "nothing changes", ""),
        ("one.tide one.tide --detailed-exitcode", 0, "nothing changes", ""),
        ("one.tide two.tide", 0, "- then restart isvc b", ""),
        ("one.tide two.tide --detailed-exitcode", 2, "+ then restart isvc c", ""),
        ("one.tide bad.tide", 1, "", "bad.tide:2"),
        ("bad.tide one.tide --detailed-exitcode", 1, "", "bad.tide:2"),
        ("bad.tide bad.tide", 1, "", "bad.tide:2"),
        ("one.tide bad.tide --format json", 1, "\"errors\": [", "bad.tide:2"),
        ("bad.tide one.tide --format json", 1, "\"file\": \"bad.tide\"", "bad.tide:2"),
        (
            "one.tide bad.tide --format markdown",
            1,
            "<!-- tidegate diff -->\n### tidegate: the rules do not compile",
            "bad.tide:2",
        ),
        ("one.tide none.tide", 2, "", "none.tide"),
        ("one.tide none.tide --detailed-exitcode", 1, "", "none.tide"),
        ("one.tide empty", 2, "", "no `.tide` file"),
        ("one.tide", 2, "", "NEW"),
        ("/dev/null one.tide", 0, "rule added", ""),
        ("one.tide /dev/null --detailed-exitcode", 2, "rule removed", ""),
        ("one.tide two.tide --manifests odd.yaml", 1, "restart isvc c", "odd.yaml"),
        ("one.tide two.tide --manifests none.yaml", 2, "", "none.yaml"),
        ("one.tide two.tide --format svg", 2, "", "markdown"),
    ];
    for (arguments, status, stdout, stderr) in cases {
        let words: Vec<&str> = arguments.split(' ').collect();
        let ran = diff(folder.path(), &words, "");
        assert_eq!(ran.code, status, "`{arguments}`\n{}{}", ran.out, ran.err);
        for (got, wanted) in [(&ran.out, stdout), (&ran.err, stderr)] {
            assert!(if wanted.is_empty() { got.is_empty() } else { got.contains(wanted) }, "`{arguments}`: {got}");
        }
    }
}

/// What a changed kind gives other text is to be made again, whichever system reads it.
#[test]
fn each_command_of_other_output_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, phase) in [("old.tide", "Ready"), ("new.tide", "Done")] {
        let kind = format!(
            "kind k = example.org/v1 K (ks) {{\n  healthy \"\" when self.?status.?phase.orValue(\"\") == \"{phase}\"\n  progressing \"\" otherwise\n}}\n"
        );
        let rule = "namespace ml\nwhen k a is healthy then restart isvc b\n";
        std::fs::write(folder.path().join(name), kind + rule).unwrap();
    }
    let ran = diff(folder.path(), &["old.tide", "new.tide", "--format", "json"], "");
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let told = ["argocd-cm", "argocd-cr", "flux"].map(|target| format!("tidegate emit {target}"));
    assert_eq!(value["followUp"], serde_json::json!(told), "{}{}", ran.out, ran.err);
}

/// Rules in a folder, manifests from standard input: the same as from files.
#[test]
fn folders_and_standard_input() {
    let case = root().join("tests/diff/waves");
    let folder = tempfile::tempdir().unwrap();
    for side in ["old", "new"] {
        let text = std::fs::read_to_string(case.join(format!("{side}.tide"))).unwrap();
        let (head, rules) = text.split_once("\n\n").unwrap();
        std::fs::create_dir(folder.path().join(side)).unwrap();
        for (at, rule) in rules.split("\n\n").enumerate() {
            let file = folder.path().join(side).join(format!("{at}.tide"));
            std::fs::write(file, format!("{head}\n\n{rule}\n")).unwrap();
        }
    }
    let manifests = std::fs::read_to_string(case.join("manifests.yaml")).unwrap();
    let ran = diff(folder.path(), &["old", "new", "--manifests", "-", "--format", "json"], &manifests);
    let plain = |text: &str| -> serde_json::Value {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        without_places(&mut value);
        value
    };
    assert_eq!(plain(&ran.out), plain(&std::fs::read_to_string(case.join("expected.json")).unwrap()));
}

fn without_places(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("place");
            map.values_mut().for_each(without_places);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_places),
        _ => {}
    }
}

/// A long difference is folded away, and one that no comment can hold is cut.
#[test]
fn markdown_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let rules = |count: usize| -> String {
        let rule =
            |n: usize| format!("rule r{n} {{\n  when job j{n} succeeds\n  then notify t \"{}\"\n}}\n", "x".repeat(200));
        (0..count).map(rule).collect()
    };
    for (count, folded, cut) in [(3, false, false), (30, true, false), (400, false, true)] {
        std::fs::write(folder.path().join("new.tide"), rules(count)).unwrap();
        let ran = diff(folder.path(), &["/dev/null", "new.tide", "--format", "markdown"], "");
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.len() < 65_536, "{count}: {} bytes", ran.out.len());
        assert_eq!(ran.out.contains("<details>"), folded, "{count}");
        assert_eq!(ran.out.contains("too many to show"), cut, "{count}");
        assert_eq!(ran.out.contains("more"), count > 40, "{count}");
    }
}

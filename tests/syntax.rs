//! Parsing: every form of the language gives its tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "syntax/dump.rs"]
mod dump;

use dump::without_spans;
use tidegate::diagnostic::Sources;
use tidegate::syntax::{parse, parse_condition, print_condition};

#[test]
fn language_page() {
    let mut sources = Sources::default();
    let file = sources.add("aiops.tide", include_str!("syntax/aiops.tide"));
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, file, &mut diagnostics);
    for d in &diagnostics {
        println!("{} {}", sources.place(d.span), d.message);
    }
    assert!(diagnostics.is_empty());
    assert_eq!(tree.statements.len(), 14);
}

/// `written` is a condition; its canonical text is `printed`, which parses to the same tree.
fn check_condition(written: &str, printed: &str) {
    let once = |condition: &str| {
        let mut sources = Sources::default();
        let file = sources.add("x.tide", condition);
        let mut diagnostics = Vec::new();
        let tree = parse_condition(&sources, file, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{condition}\n{diagnostics:#?}");
        let tree = tree.unwrap();
        (print_condition(&tree), without_spans(&format!("{tree:?}")))
    };
    let (text, tree) = once(written);
    assert_eq!(text, printed);
    assert_eq!(once(&text), (text.clone(), tree), "{written}");
}

#[test]
fn conditions_print_and_parse_back() {
    for (written, printed) in [
        ("job a succeeds", ""),
        ("job team/a succeeds and not isvc b is healthy for 10m", ""),
        ("job a fails and then job b succeeds and isvc c is degraded for 1h30m", ""),
        ("job a succeeds and job b succeeds and then job c succeeds", ""),
        ("job a succeeds and (job b succeeds and then job c succeeds)", ""),
        ("(job a succeeds and job b succeeds) or job c succeeds", ""),
        ("((job a succeeds))", "job a succeeds"),
        ("not not (job a has failed or job b has succeeded)", ""),
        ("any notebook with label example.org/tier=\"a b\" in wave -3 as n fails", ""),
        (
            "any job as j of cronjob nightly in namespace ml succeeds",
            "any job of cronjob nightly in namespace ml as j succeeds",
        ),
        ("every notebook of application gitops/platform in wave 3 succeeds", ""),
        (
            "any pod owned by job train where (pod.status.phase == 'Failed') fails",
            "any pod owned by job train where (pod.status.phase == \"Failed\") fails",
        ),
        ("job \"wave\" succeeds and job not-ready succeeds and job and-more succeeds", ""),
        ("job 7up succeeds", ""),
        ("job of cronjob x succeeds", ""),
        ("isvc a is stale for 90s", "isvc a is stale for 1m30s"),
        ("(a == 1) and b", "a == 1 and b"),
        ("(a + b) * c > 3 and (x || y).z", ""),
        ("((((x) == 1) == 2) == 3)", "((x == 1) == 2) == 3"),
        ("a && b || c", "(a && b) || c"),
        ("(a || b) && c", ""),
        ("a - (b - c) - d", ""),
        ("-(1) - -1 + -a.b + - 3", "-(1) - -1 + -a.b + -3"),
        ("(-1).x() + --1", ""),
        ("-9223372036854775808 < 0x10 + 5u * 1.0 / 1e300 % .5", "-9223372036854775808 < 16 + 5u * 1.0 / 1e300 % 0.5"),
        ("a ? b : c ? d : e", ""),
        ("(a ? b : c) ? (d ? e : f) : g", ""),
        ("!a.b && !(a || b) && !!c", ""),
        ("a.?b[?'x'].?c.orValue(\"d\")[0]['it\\'s']", "a.?b[?\"x\"].?c.orValue(\"d\")[0][\"it's\"]"),
        (
            "x.all(r, r.status == 'S') && y.map(a, a > 1, a * 2).exists_one(i, i in [1, 2, 3,]) && has(a.b.c)",
            "x.all(r, r.status == \"S\") && y.map(a, a > 1, a * 2).exists_one(i, i in [1, 2, 3]) && has(a.b.c)",
        ),
        ("{'a': 1, \"b\": [2]}.a == null", "{\"a\": 1, \"b\": [2]}.a == null"),
        (
            "r'\\d+' == \"\\\\d+\" || 'say \"x\"' != '\\u00e9\\n\\x41\\101'",
            "\"\\\\d+\" == \"\\\\d+\" || 'say \"x\"' != \"é\\nAA\"",
        ),
        ("size(\n  a # why\n) > 0", "size(a) > 0"),
        ("duration(\"10m\") > timestamp(x) - y", ""),
        ("a == b == c", "(a == b) == c"),
        ("index in things and isvc_1 == 2", ""),
    ] {
        check_condition(written, if printed.is_empty() { written } else { printed });
    }
}

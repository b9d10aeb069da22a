//! Texts set in an object of a file: what is set, and that nothing else changes.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tidegate::manifests::overlay::{Done, Wanted, objects, overlay};

fn map(entries: &[(&str, &str)]) -> Wanted {
    let one = |(key, value): &(&str, &str)| ((*key).to_owned(), Wanted::Text((*value).to_owned()));
    Wanted::Map(entries.iter().map(one).collect())
}

fn data(entries: &[(&str, &str)]) -> Wanted {
    Wanted::Map(vec![("data".to_owned(), map(entries))])
}

/// The last object of the text is edited.
fn set(text: &str, wanted: &Wanted) -> Result<String, String> {
    let objects = objects(text).map_err(|error| error.message)?;
    overlay(text, objects.last().unwrap(), wanted)
        .map(|done| done.text)
        .map_err(|error| format!("{} at `{}`", error.message, &text[error.bytes]))
}

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\n";

/// What stands behind the head, the same after `b` is set to a script of two lines and `t` to `true`, or the refusal.
const CASES: &[(&str, &str)] = &[
    ("data:\n  a: x\n", "data:\n  a: x\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n"),
    // No line end at the end stays none.
    ("data:\n  a: x", "data:\n  a: x\n  b: |\n    one\n\n    two # no comment\n  t: \"true\""),
    // Replaced in its place: plain, quoted, blocks with all their marks; comments and blank lines stay.
    (
        "data: # all\n  # first\n  b: old # why\n\n  a: |-   # more\n    text\n  t: 'false'  # off\n# end\n",
        "data: # all\n  # first\n  b: | # why\n    one\n\n    two # no comment\n\n  a: |-   # more\n    text\n  t: \"true\"  # off\n# end\n",
    ),
    (
        "data:\n    b: |2+ # c\n        old\n      x\n\n    t: \"true\"\n",
        "data:\n    b: | # c\n      one\n\n      two # no comment\n\n    t: \"true\"\n",
    ),
    (
        "data:\n  b: >-\n    old\n    lines\n# here\n  t: true\n",
        "data:\n  b: |\n    one\n\n    two # no comment\n# here\n  t: \"true\"\n",
    ),
    (
        "data:\n  \"b\": \"old\n    folded\" # c\n  't': |\n   true\nz: 1\n",
        "data:\n  \"b\": | # c\n    one\n\n    two # no comment\n  't': |\n   true\nz: 1\n",
    ),
    ("data:\n  b:\n  a: x\n", "data:\n  b: |\n    one\n\n    two # no comment\n  a: x\n  t: \"true\"\n"),
    // No map yet.
    ("data:\n", "data:\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n"),
    ("data: # c\nz: 1\n", "data: # c\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\nz: 1\n"),
    ("data: {} # c\nz: 1\n", "data: # c\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\nz: 1\n"),
    ("data: null\n", "data:\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n"),
    ("z: 1\n\n# end\n", "z: 1\ndata:\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n\n# end\n"),
    // The last value keeps its blank lines.
    (
        "data:\n  a: |+\n    x\n\n\n",
        "data:\n  a: |+\n    x\n\n\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n",
    ),
    (
        "data:\n  a: |\n    x\n\n\n# c\n",
        "data:\n  a: |\n    x\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n\n\n# c\n",
    ),
    (
        "data:\n  a: x\n  # of a\n\nz: 1\n",
        "data:\n  a: x\n  # of a\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n\nz: 1\n",
    ),
    // Flow style.
    ("data: {a: x, t: 'no'}\n", "data: {a: x, t: \"true\", \"b\": \"one\\n\\ntwo # no comment\\n\"}\n"),
    (
        "data: {\n  a: x, # c\n  b: y,\n}\n",
        "data: {\n  a: x, # c\n  b: \"one\\n\\ntwo # no comment\\n\",\n  \"t\": \"true\",\n}\n",
    ),
    // Aliases are written out, anchors stay.
    (
        "x: &x old\ndata:\n  b: *x\n  t: \"true\"\n",
        "x: &x old\ndata:\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n",
    ),
    (
        "x: &x {t: \"true\"}\ndata:\n  <<: *x\n  a: x\n",
        "x: &x {t: \"true\"}\ndata:\n  <<: *x\n  a: x\n  b: |\n    one\n\n    two # no comment\n  t: \"true\"\n",
    ),
    (
        "data:\n  b: &x old\n  a: *x\n",
        "! has an anchor, which aliases may name; write them out to have it edited at `old`",
    ),
    ("x: &x {a: b}\ndata: *x\n", "! comes by an alias; write it out to have it edited at `*x`"),
    ("data:\n  b: x\n  b: y\n", "! the key `b` stands twice; remove one at `b`"),
    ("data: [a]\n", "! expected a map here at `[a]`"),
    ("data:\n  b: {c: d}\n", "! expected a text here at `{c: d}`"),
    (
        "data:\n  b:\n    # why\n    old\n",
        "! a comment stands between key and value; move it to have the value edited at `old`",
    ),
    ("data:\n  ? b\n  : old\n", "! expected `:` right behind the key at `b`"),
];

#[test]
fn what_is_set_and_what_stays() {
    let wanted = data(&[("b", "one\n\ntwo # no comment\n"), ("t", "true")]);
    let mut failures = String::new();
    for (before, after) in CASES {
        for (head, eol) in [(HEAD, "\n"), (HEAD, "\r\n"), ("\u{feff}# bom\nkind: X\n---\nkind: A\n", "\n")] {
            let text = |part: &str| format!("{head}{part}").replace('\n', eol);
            let expected = match after.strip_prefix("! ") {
                Some(refusal) => Err(refusal.to_owned()),
                None => Ok(text(after)),
            };
            let found = set(&text(before), &wanted);
            // A line end at the end of a refused value is of the value.
            if found != expected {
                failures += &format!("{before}\n  expected {expected:?}\n  found    {found:?}\n");
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn json_and_lists_of_objects() {
    let wanted = data(&[("b", "x\u{85}é\n")]);
    assert_eq!(
        set("{\"kind\": \"ConfigMap\",\n  \"data\": {\n    \"a\": \"1\"\n  }\n}\n", &wanted).unwrap(),
        "{\"kind\": \"ConfigMap\",\n  \"data\": {\n    \"a\": \"1\",\n    \"b\": \"x\\u0085é\\n\"\n  }\n}\n"
    );
    assert_eq!(set("{\"kind\": \"A\"}", &wanted).unwrap(), "{\"kind\": \"A\", \"data\": {\"b\": \"x\\u0085é\\n\"}}");
    let list = "kind: List\nitems:\n- kind: A\n- kind: B # b\n  data:\n    a: x\n";
    let found = objects(list).unwrap();
    assert_eq!(found.iter().map(|o| o.value["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["A", "B"]);
    let first = overlay(list, &found[0], &data(&[("b", "y\n")])).unwrap();
    assert_eq!(
        first.text,
        "kind: List\nitems:\n- kind: A\n  data:\n    b: |\n      y\n- kind: B # b\n  data:\n    a: x\n"
    );
    assert_eq!(first.done, [(vec!["data".to_owned(), "b".to_owned()], Done::Added)]);
    let second = overlay(list, &found[1], &data(&[("a", "x"), ("b", "y")])).unwrap();
    assert_eq!(second.text, "kind: List\nitems:\n- kind: A\n- kind: B # b\n  data:\n    a: x\n    b: \"y\"\n");
    assert_eq!(second.done.iter().map(|(_, done)| *done).collect::<Vec<_>>(), [Done::Same, Done::Added]);
}

#[test]
fn items_are_known_by_their_keys() {
    let item = |group: &str, kind: &str, check: &str| {
        let all = [("group", group), ("kind", kind), ("check", check)];
        map(&all.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
    };
    let checks = |items: Vec<Wanted>| {
        let list = Wanted::List { by: &["group", "kind"], items };
        let spec = vec![("checks".to_owned(), list), ("extra".to_owned(), map(&[("k", "true")]))];
        Wanted::Map(vec![("spec".to_owned(), Wanted::Map(spec))])
    };
    let wanted = checks(vec![item("g", "A", "one\n"), item("", "Pod", "two\n"), item("g", "B", "three\n")]);
    let cases = [
        (
            "spec:\n  checks:\n  - kind: Pod\n    check: |\n      old\n  # of g\n  - {group: g, kind: A, check: old}\n  - group: h\n    kind: A\n    check: keep\n  other: 1\n",
            "spec:\n  checks:\n  - kind: Pod\n    check: |\n      two\n  # of g\n  - {group: g, kind: A, check: \"one\\n\"}\n  - group: h\n    kind: A\n    check: keep\n  - group: g\n    kind: B\n    check: |\n      three\n  other: 1\n  extra:\n    k: \"true\"\n",
        ),
        (
            "spec:\n    checks: [] # none\n",
            "spec:\n    checks: # none\n      - group: g\n        kind: A\n        check: |\n          one\n      - kind: Pod\n        check: |\n          two\n      - group: g\n        kind: B\n        check: |\n          three\n    extra:\n      k: \"true\"\n",
        ),
        (
            "spec:\n  extra: {k: 'true'}\n  checks:\n    -   kind: Pod\n        group: \"\"\n        check: two\n",
            "spec:\n  extra: {k: 'true'}\n  checks:\n    -   kind: Pod\n        group: \"\"\n        check: two\n    - group: g\n      kind: A\n      check: |\n        one\n    - group: g\n      kind: B\n      check: |\n        three\n",
        ),
        (
            "spec: {checks: [{kind: Pod, check: two}]}\n",
            "spec: {checks: [{kind: Pod, check: two}, {\"group\": \"g\", \"kind\": \"A\", \"check\": \"one\\n\"}, {\"group\": \"g\", \"kind\": \"B\", \"check\": \"three\\n\"}], \"extra\": {\"k\": \"true\"}}\n",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(set(before, &wanted).as_deref(), Ok(after), "{before}");
        assert_eq!(set(after, &wanted).as_deref(), Ok(after), "a second time changes nothing: {after}");
    }
    let twice = "spec:\n  checks:\n  - {kind: Pod}\n  - {kind: Pod}\n";
    assert_eq!(set(twice, &wanted), Err("`/Pod` stands twice; remove one at `{kind: Pod}`".to_owned()));
}

/// A map in one of many layouts, and what it says.
fn layouts() -> impl Strategy<Value = (String, Vec<(String, String)>)> {
    let value = prop_oneof![
        Just((" x".to_owned(), "x")),
        Just((" 'it''s' # c".to_owned(), "it's")),
        Just((" \"q\\n\"".to_owned(), "q\n")),
        Just((" |\nI  l1\nI   l2\n\n".to_owned(), "l1\n l2\n")),
        Just((" |+ # k\nI  l1\n\n\n".to_owned(), "l1\n\n\n")),
        Just((" |1-\nI   l1\n\nI l2".to_owned(), "  l1\n\nl2")),
        Just((" >\nI    a\nI    b".to_owned(), "a b\n")),
        Just(("\nI  plain\nI  folded   # c".to_owned(), "plain folded")),
        Just((" &a w".to_owned(), "w")),
        Just((" !!str 5".to_owned(), "5")),
    ];
    let between = prop_oneof![Just(""), Just("\n"), Just("# left\n"), Just("I# here\n"), Just("\n")];
    let entries = proptest::collection::vec((value, between), 1..6);
    (entries, 1usize..5, any::<bool>(), any::<bool>()).prop_map(|(entries, indent, crlf, ends)| {
        let blanks = " ".repeat(indent);
        let mut text = "# top\nkind: A\ndata:\n".to_owned();
        let mut says = Vec::new();
        for (n, ((value, is), between)) in entries.iter().enumerate() {
            let keep = if value.contains("|+") { "" } else { "\n" };
            text += &format!("I\"k{n}\":{value}{keep}{between}");
            says.push((format!("k{n}"), (*is).to_owned()));
        }
        text = text.replace('I', &blanks);
        if ends {
            text += "z: 1\n";
        }
        (if crlf { text.replace('\n', "\r\n") } else { text }, says)
    })
}

/// More in a release build, as CI runs them.
const LAYOUTS: u32 = if cfg!(debug_assertions) { 200 } else { 5_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: LAYOUTS, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the layout: the new value is what was asked for, and only lines of the keys that were set differ.
    #[test]
    fn only_what_is_wanted_changes((text, says) in layouts(), at in 0usize..8, new in "[a-zé:# -]{0,6}\n?[a-z\u{85}\"]{0,5}\n?") {
        let key = format!("k{at}");
        let wanted = data(&[(&key, &new)]);
        let parse = |text: &str| objects(text).unwrap().remove(0).value;
        let before = parse(&text);
        for (key, is) in &says {
            prop_assert_eq!(before["data"][key].as_str().map(|s| s.trim_end_matches('\n')), Some(is.trim_end_matches('\n')), "{}", text);
        }
        match set(&text, &wanted) {
            Ok(after) => {
                let mut expected: Json = before;
                let trimmed = |v: &Json| v.as_str().unwrap().trim_end_matches('\n').to_owned();
                let found = parse(&after);
                prop_assert_eq!(trimmed(&found["data"][&key]), new.trim_end_matches('\n'));
                expected["data"][&key] = found["data"][&key].clone();
                prop_assert_eq!(&found, &expected);
                // A new key leaves every line; another value those of the other keys, and the comments.
                let own = format!("\"{key}\"");
                let stays = |line: &&str| at >= says.len() || (line.contains("\"k") && !line.contains(&own)) || line.trim_start().starts_with('#');
                let mut lines = after.lines();
                let lost: Vec<&str> = text.lines().filter(stays).filter(|line| !lines.any(|kept| kept == *line)).collect();
                prop_assert!(lost.is_empty(), "{:?}\n{}\n{}", lost, text, after);
                prop_assert_eq!(after.contains("\r\n"), text.contains("\r\n"));
                prop_assert_eq!(after.matches('#').count(), text.matches('#').count() + new.matches('#').count());
            }
            Err(why) => prop_assert!(why.contains("anchor") && text.contains("&a"), "{why}\n{text}"),
        }
    }
}

#[test]
fn a_text_that_is_there_is_left_as_it_is() {
    for text in ["data:\n  b: |-\n    one\n", "data: {b: one}\n", "data:\n  b: \"one\\n\" # c"] {
        assert_eq!(set(text, &data(&[("b", "one\n")])).as_deref(), Ok(text));
    }
    assert_eq!(set("data:\n  b: 1\n", &data(&[("b", "1")])).as_deref(), Ok("data:\n  b: \"1\"\n"));
    assert_eq!(json!(1), objects("data: 1\n").unwrap()[0].value["data"]);
}

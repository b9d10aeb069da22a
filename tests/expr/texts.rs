//! Texts with expressions in them.

use serde_json::json;
use tidegate::diagnostic::Code;
use tidegate::expr::{Lets, Scope, TEXT_BYTES_MAX, Template, cut};

use super::{compile, notebook, text_tree, value};

fn template(text: &str) -> Template {
    let mut diagnostics = Vec::new();
    let template = Template::compile(&text_tree(text), &["self", "isvc"], &Lets::new(), &mut diagnostics);
    template.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"))
}

#[test]
fn values_and_errors_are_shown_in_their_places() {
    let object = value(json!({
        "metadata": {"name": "train"},
        "status": {"phase": "Succeeded", "n": 3, "d": 2.0, "e": 2.5, "big": 1_500_000.0, "t": true, "list": [1], "map": {}},
    }));
    for (text, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("{self.metadata.name} trained", "train trained"),
        ("a {{literal}} brace", "a {literal} brace"),
        ("{self.status.n} {self.status.t} {self.status.d} {self.status.e}", "3 true 2 2.5"),
        ("{self.status.big}", "1.5e+06"),
        ("{self.status.?message.orValue('no message')}", "no message"),
        ("Phase: {self.status.message}.", "Phase: <absent: status.message>."),
        ("{isvc.metadata.name}", "<absent: isvc>"),
        ("{self.status.n / 0}", "<error: divide by zero>"),
        ("{self.status.phase + 1}", "<error: no such overload: string + int>"),
        ("{self.status.list}", "<error: a list in a text>"),
        ("{self.status.map}", "<error: a map in a text>"),
        ("{self.status.list.size()} of {size(self.status.list)}", "1 of 1"),
    ] {
        let variables = [Some(&object), None];
        assert_eq!(template(text).render(&Scope::new(&variables)), expected, "{text}");
    }
}

#[test]
fn what_can_never_be_shown_is_refused() {
    for (text, help) in [
        ("{[1, 2]}", "say how many there are with `size(…)`, or name a part of it"),
        ("{['a']}", "join it: `.join(\", \")`"),
        ("{self.?status}", "take the value out: `.orValue(…)`"),
        ("{duration('1h')}", "write `string(…)`"),
        ("{timestamp(self.x)}", "write `string(…)`"),
    ] {
        let mut diagnostics = Vec::new();
        let template = Template::compile(&text_tree(text), &["self"], &Lets::new(), &mut diagnostics);
        assert!(template.is_none(), "{text}");
        assert_eq!((diagnostics[0].code, diagnostics[0].help.as_str()), (Code::EXPRESSION_TYPE, help), "{text}");
    }
}

#[test]
fn texts_are_cut_between_characters() {
    for (text, limit, expected) in [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab…"),
        ("äöüß", 8, "äöüß"),
        ("äöüß", 7, "äö…"),
        ("äöüß", 6, "ä…"),
        ("äöüß", 3, "…"),
        ("äöüß", 2, ""),
        ("äöüß", 0, ""),
    ] {
        assert_eq!(cut(text.to_owned(), limit), expected, "{text} to {limit}");
    }
    let object = value(json!({"message": "ü".repeat(TEXT_BYTES_MAX)}));
    let variables = [Some(&object)];
    let scope = Scope::new(&variables);
    let long = template("{self.message}{self.message}").render(&scope);
    assert!(long.len() <= TEXT_BYTES_MAX && long.len() > TEXT_BYTES_MAX - 4 && long.ends_with('…'));
    assert_eq!(template("x: {self.message}").render_max(&scope, 10), "x: üü…");
}

#[test]
fn a_text_without_expressions_is_a_literal() {
    assert_eq!(template("plain {{x}}").literal().as_deref(), Some("plain {x}"));
    assert_eq!(template("{self.x}").literal(), None);
    let paths: Vec<String> =
        template("{self.a.b} {isvc.c}").programs().flat_map(|p| p.paths()).map(|p| p.to_string()).collect();
    assert_eq!(paths, ["0.a.b", "1.c"]);
}

#[test]
fn programs_and_scopes_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&compile("self.x.matches('a') && self.y == 1"));
    shared(&template("{self.x}"));
    shared(&notebook());
}

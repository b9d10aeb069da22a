//! What Argo CD's Lua cannot say is an error at the expression.

use tidegate::diagnostic::{Code, Sources};
use tidegate::emit::lua;
use tidegate::syntax::tree::Statement;

/// The underlined words and the message for a kind with this line.
fn check(line: &str, words: &str, message: &str) {
    let text = format!("kind k = example.org/v1 K (ks) {{\n  {line}\n  progressing \"\" otherwise\n}}\n");
    let mut sources = Sources::default();
    let file = sources.add("k.tide", text.as_str());
    let mut diagnostics = Vec::new();
    let tree = tidegate::syntax::parse(&sources, file, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let Statement::Kind(kind) = &tree.statements[0] else { panic!("{text}") };
    let errors = lua::script(kind).expect_err(line);
    assert_eq!(errors.len(), 1, "{line}: {errors:#?}");
    assert_eq!(errors[0].code, Code::NOT_IN_LUA);
    assert_eq!((sources.words(errors[0].span), errors[0].message.as_str()), (words, message), "{line}");
}

#[test]
fn not_in_lua() {
    let cases = [
        ("healthy \"\" when self.a.matches('x+')", "self.a.matches('x+')", "Argo CD's Lua has no regular expressions"),
        (
            "healthy \"\" when timestamp(self.a) < timestamp(self.b)",
            "timestamp(self.a)",
            "Argo CD's Lua has no `timestamp`",
        ),
        ("healthy \"\" when duration('1m') < duration(self.b)", "duration('1m')", "Argo CD's Lua has no `duration`"),
        ("healthy \"\" when self.a / 2 == 1", "self.a / 2", "`/` and `%` have no Lua"),
        ("healthy \"{self.a % 2}\" when true", "self.a % 2", "`/` and `%` have no Lua"),
        ("healthy \"\" when self.a + 1.5 > 2.0", "self.a + 1.5", "Lua cannot tell whole numbers from others"),
        ("healthy \"\" when self.a == []", "[]", "Lua cannot tell `{}` from `[]`"),
        ("healthy \"\" when {} != self.a", "{}", "Lua cannot tell `{}` from `[]`"),
        ("healthy \"\" when self.a == 9007199254740993", "9007199254740993", "Lua's numbers are exact up to 2^53 only"),
        (
            "healthy \"\" when size('é' + self.a) > 2",
            "'é' + self.a",
            "Lua counts the bytes of a string, not its characters",
        ),
        (
            "healthy \"{self.a.replace(self.b, 'b')}\" when true",
            "self.b",
            "in health, this takes a quoted string that is not empty",
        ),
        (
            "healthy \"\" when self.a.indexOf('x', 1) == 2",
            "self.a.indexOf('x', 1)",
            "`indexOf` from an offset has no Lua",
        ),
        (
            "healthy \"{self.a.split('').join('-')}\" when true",
            "self.a.split('')",
            "Lua cannot split a string into its characters",
        ),
    ];
    for (line, words, message) in cases {
        check(line, words, message);
    }
}

/// All errors of a kind in one go, once each, in the order of the text; also those in lines that can never be reached.
#[test]
fn all_at_once() {
    let text = "kind k = example.org/v1 K (ks) {\n  let a = self.a / 2\n  healthy \"\" when true\n  degraded \"{self.b % 2}\" when a == 1\n  \
                degraded \"{a}\" when self.c.matches('x')\n  progressing \"\" otherwise\n}\n";
    let kinds = crate::health::kinds(text).unwrap();
    let errors = lua::script(&kinds[0]).unwrap_err();
    let messages: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
    let divides = "`/` and `%` have no Lua";
    assert_eq!(messages, [divides, divides, "Argo CD's Lua has no regular expressions"]);
}

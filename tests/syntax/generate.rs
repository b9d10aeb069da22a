//! Rule files made up by proptest: every form of the language, with blanks, newlines and comments put in wherever they may stand.
//!
//! Strategies give text with marks in it; [`realise`] turns the marks into blanks, newlines, `;` and comments.

use proptest::prelude::*;
use proptest::strategy::Union;

/// A blank; within brackets it may become newlines and comments.
const GLUE: char = '\u{1}';
/// Between the lines of a block: newlines or `;`.
const SEPARATOR: char = '\u{2}';
/// Before `and`, `then` …: a blank or newlines.
const CONTINUE: char = '\u{3}';
/// In the one-line form: `;`, perhaps with newlines after it.
const SEMICOLON: char = '\u{4}';
/// A bracket opens, a bracket closes.
const OPEN: char = '\u{5}';
const CLOSE: char = '\u{6}';
/// A newline at the top of a file.
const END: char = '\u{7}';

fn words(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn list(item: impl Strategy<Value = String>, most: usize, separator: char) -> impl Strategy<Value = String> {
    prop::collection::vec(item, 1..=most).prop_map(move |items| items.join(&separator.to_string()))
}

fn maybe(item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::option::of(item).prop_map(Option::unwrap_or_default)
}

fn name() -> impl Strategy<Value = String> + Clone {
    words(&[
        "train",
        "fraud-model",
        "not-ready",
        "\"wave\"",
        "a.b",
        "7up",
        "'then'",
        "\"x y\"",
        "_x",
        "Reload",
        "\"é\\\"\\n\"",
    ])
}

fn resource_name() -> impl Strategy<Value = String> {
    (name(), prop::option::weighted(0.3, name())).prop_map(|(name, namespace)| match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    })
}

fn kind_word() -> impl Strategy<Value = String> {
    words(&["job", "notebook", "isvc", "application", "my_kind"])
}

fn target() -> impl Strategy<Value = String> {
    (kind_word(), resource_name()).prop_map(|(kind, name)| format!("{kind}{GLUE}{name}"))
}

fn duration() -> impl Strategy<Value = String> {
    words(&["0s", "90s", "10m", "1h30m", "7d", "1d1s", "007m"])
}

fn key() -> impl Strategy<Value = String> {
    words(&["tier", "example.org/tier", "\"a b\"", "k_1"])
}

fn brackets(inner: impl Strategy<Value = String>, open: char, close: char) -> impl Strategy<Value = String> {
    inner.prop_map(move |inner| format!("{open}{OPEN}{GLUE}{inner}{GLUE}{CLOSE}{close}"))
}

/// An expression without `? :` outside of brackets.
fn operation() -> impl Strategy<Value = String> {
    let leaf = words(&[
        "job",
        "x",
        "self.status.phase",
        "1",
        "-1",
        "0x1F",
        "42u",
        "1.50",
        ".5",
        "1e3",
        "\"Success\"",
        "'it\\'s'",
        "\"say 'x'\"",
        "'say \"x\"'",
        "r'\\d'",
        "\"# {no}\"",
        "null",
        "true",
        "has(a.b)",
        "job.?status.?phase.orValue('')",
    ]);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let inner = inner.boxed();
        let full = Union::new(vec![
            inner.clone(),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("{a}{GLUE}?{GLUE}{b}{GLUE}:{GLUE}{c}"))
                .boxed(),
        ])
        .boxed();
        let op = words(&["==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%"]);
        let tight = (inner.clone(), op, inner.clone(), any::<bool>()).prop_map(|(a, op, b, blank)| {
            let glue = if blank { GLUE.to_string() } else { String::new() };
            format!("{a}{glue}{op}{glue}{b}")
        });
        let arguments = list(full.clone(), 3, ',').boxed();
        prop_oneof![
            3 => tight,
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{GLUE}in{GLUE}{b}")),
            2 => brackets(full.clone(), '(', ')'),
            1 => brackets(full.clone(), '(', ')').prop_flat_map(|on| {
                words(&[".size()", ".a", ".?b", "[0]", "[?\"k\"]", ".all(r, r.ok)", ".map(r, r > 1, r * 2)", ".f(1, 'x')"])
                    .prop_map(move |postfix| format!("{on}{postfix}"))
            }),
            1 => (words(&["!", "-", "!!", "--", "- "]), brackets(full.clone(), '(', ')')).prop_map(|(op, a)| format!("{op}{a}")),
            1 => (words(&["!", "-", "- "]), words(&["x", "1", "a.b", "f(1)"])).prop_map(|(op, a)| format!("{op}{a}")),
            1 => brackets(arguments.clone(), '(', ')').prop_map(|a| format!("size{a}")),
            1 => brackets(arguments, '[', ']'),
            1 => brackets((full.clone(), full).prop_map(|(k, v)| format!("{k}{GLUE}:{GLUE}{v}")), '{', '}'),
        ]
    })
}

fn expr() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => operation(),
        1 => (operation(), operation(), operation()).prop_map(|(a, b, c)| format!("{a}{GLUE}?{GLUE}{b}{GLUE}:{GLUE}{c}")),
    ]
}

/// A text; within its quotes there are no newlines and no comments.
fn text() -> impl Strategy<Value = String> {
    let hole = expr().prop_map(|e| {
        let flat = e.replace(GLUE, " ").replace([OPEN, CLOSE], "");
        // A map begins with `{`, and `{{` is the character.
        format!("{{ {flat} }}")
    });
    let literal = words(&["done", " # not a comment ", "{{", "}}", "\\n", "\\u00e9", "é", "'", " "]);
    prop::collection::vec(prop_oneof![literal, hole], 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn selector() -> impl Strategy<Value = String> {
    prop_oneof![
        (key(), words(&["training", "\"a b\"", "\"\"", "1:2"]))
            .prop_map(|(k, v)| format!("with{GLUE}label{GLUE}{k}={v}")),
        (-5..9i64).prop_map(|n| format!("in{GLUE}wave{GLUE}{n}")),
        name().prop_map(|n| format!("in{GLUE}namespace{GLUE}{n}")),
        resource_name().prop_map(|n| format!("of{GLUE}application{GLUE}{n}")),
        resource_name().prop_map(|n| format!("of{GLUE}cronjob{GLUE}{n}")),
        resource_name().prop_map(|n| format!("owned{GLUE}by{GLUE}job{GLUE}{n}")),
        brackets(expr(), '(', ')').prop_map(|e| format!("where{GLUE}{e}")),
    ]
}

fn resource() -> impl Strategy<Value = String> {
    let selectors = prop::collection::vec(selector(), 0..3).boxed();
    let one = (kind_word(), resource_name(), selectors.clone())
        .prop_map(|(kind, name, selectors)| (format!("{kind}{GLUE}{name}"), selectors));
    let many = (words(&["any", "every"]), kind_word(), selectors)
        .prop_map(|(word, kind, selectors)| (format!("{word}{GLUE}{kind}"), selectors));
    (prop_oneof![one, many], prop::option::weighted(0.2, words(&["t", "check"]))).prop_map(
        |((mut text, selectors), alias)| {
            for selector in selectors {
                text.push(GLUE);
                text.push_str(&selector);
            }
            if let Some(alias) = alias {
                text.push_str(&format!("{GLUE}as{GLUE}{alias}"));
            }
            text
        },
    )
}

fn resource_clause() -> impl Strategy<Value = String> {
    let event = words(&["succeeds", "fails"]);
    let state = (
        words(&["has succeeded", "has failed", "is healthy", "is  stale", "is missing"]),
        maybe(duration().prop_map(|d| format!("{GLUE}for{GLUE}{d}"))),
    )
        .prop_map(|(state, lasting)| format!("{state}{lasting}"));
    (resource(), prop_oneof![event, state]).prop_map(|(resource, predicate)| format!("{resource}{GLUE}{predicate}"))
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => resource_clause(), 2 => expr()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let inner = inner.boxed();
        let clause = Union::new(vec![inner.clone(), brackets(inner.clone(), '(', ')').boxed()]).boxed();
        // A list in a list stands in brackets.
        let member = brackets(inner.clone(), '(', ')').boxed();
        let joined = move |word: &'static [&'static str]| {
            (member.clone(), prop::collection::vec((words(word), member.clone()), 1..3)).prop_map(|(first, rest)| {
                rest.into_iter().fold(first, |text, (word, next)| format!("{text}{CONTINUE}{word}{GLUE}{next}"))
            })
        };
        prop_oneof![
            joined(&["and", "and then"]),
            joined(&["or"]),
            brackets(clause, '(', ')').prop_map(|c| format!("not{GLUE}{c}")),
        ]
    })
}

fn action() -> impl Strategy<Value = String> {
    prop_oneof![
        (
            words(&["restart", "sync", "refresh", "rollback", "promote", "abort", "rerun", "suspend", "resume"]),
            target()
        )
            .prop_map(|(verb, target)| format!("{verb}{GLUE}{target}")),
        target().prop_map(|t| format!("restart{GLUE}{t}{GLUE}by{GLUE}deleting{GLUE}pods")),
        target().prop_map(|t| format!("refresh{GLUE}{t}{GLUE}hard")),
        (
            words(&["annotate", "label"]),
            target(),
            key(),
            prop_oneof![words(&["trained", "2026-01-01T00:00:00Z"]), text()]
        )
            .prop_map(|(verb, t, k, v)| format!("{verb}{GLUE}{t}{GLUE}{k}={v}")),
        (words(&["job", "workflow"]), maybe(words(&["template ", "cronjob "])), resource_name())
            .prop_map(|(kind, word, name)| format!("run{GLUE}{kind}{GLUE}from{GLUE}{word}{name}")),
        (name(), text(), maybe(resource_name().prop_map(|a| format!("{GLUE}on{GLUE}application{GLUE}{a}"))))
            .prop_map(|(kind, text, on)| format!("notify{GLUE}{kind}{GLUE}{text}{on}")),
    ]
}

fn block() -> impl Strategy<Value = String> {
    (-3..9i64, maybe(resource_name().prop_map(|a| format!("{GLUE}of{GLUE}application{GLUE}{a}"))))
        .prop_map(|(n, of)| format!("block{GLUE}wave{GLUE}{n}{of}"))
}

fn modifier() -> impl Strategy<Value = String> {
    prop_oneof![
        block(),
        duration().prop_map(|d| format!("cooldown{GLUE}{d}")),
        (0..9u8).prop_map(|n| format!("at{GLUE}most{GLUE}{n}{GLUE}at{GLUE}a{GLUE}time")),
        (1..9u8, duration()).prop_map(|(n, d)| format!("at{GLUE}most{GLUE}{n}{GLUE}per{GLUE}{d}")),
        (1..9u8, maybe(duration().prop_map(|d| format!("{GLUE}backoff{GLUE}{d}"))))
            .prop_map(|(n, d)| format!("retry{GLUE}{n}{d}")),
        Just(format!("catch{GLUE}up")),
        Just("observe".to_owned()),
    ]
}

/// The part of a rule from `when` on, with the separator of its form.
fn body(separator: char) -> impl Strategy<Value = String> {
    let then = list(action(), 3, separator).prop_map(|a| format!("{CONTINUE}then{GLUE}{a}"));
    let otherwise = maybe(list(action(), 2, separator).prop_map(|a| format!("{CONTINUE}else{GLUE}{a}")));
    let modifiers = prop::collection::vec(modifier(), 0..3).boxed();
    let effect = prop_oneof![
        4 => (then, otherwise, modifiers.clone()).prop_map(|(then, otherwise, modifiers)| (format!("{then}{otherwise}"), modifiers)),
        1 => (block(), modifiers).prop_map(|(block, mut modifiers)| { modifiers.insert(0, block); (String::new(), modifiers) }),
    ];
    (condition(), maybe(duration().prop_map(|d| format!("{CONTINUE}within{GLUE}{d}"))), effect).prop_map(
        move |(when, within, (effect, modifiers))| {
            let modifiers: String = modifiers.iter().map(|m| format!("{separator}{m}")).collect();
            format!("when{GLUE}{when}{within}{effect}{modifiers}")
        },
    )
}

fn in_braces(lines: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    lines.prop_map(|lines| format!("{{{SEPARATOR}{lines}{SEPARATOR}}}"))
}

fn rule() -> impl Strategy<Value = String> {
    (name(), maybe(words(&[" \"A title\"", " 'it\\'s'"])), in_braces(body(SEPARATOR)))
        .prop_map(|(name, title, body)| format!("rule{GLUE}{name}{title}{GLUE}{body}"))
}

fn kind() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        (words(&["phase", "x"]), expr()).prop_map(|(n, e)| format!("let{GLUE}{n}{GLUE}={GLUE}{e}")),
        expr().prop_map(|e| format!("completion{GLUE}{e}")),
        (
            words(&["healthy", "progressing", "degraded", "suspended", "unknown"]),
            text(),
            prop_oneof![expr().prop_map(|e| format!("when{GLUE}{e}")), Just("otherwise".to_owned())],
            maybe(expr().prop_map(|e| format!("{GLUE}since{GLUE}{e}")))
        )
            .prop_map(|(status, text, when, since)| format!("{status}{GLUE}{text}{GLUE}{when}{since}")),
    ];
    let header = (
        words(&[
            "v1 Pod (pods)",
            "batch/v1 Job (jobs)",
            "mlops.mlops.dev/v1alpha1 NotebookValidationJob (notebookvalidationjobs)",
        ]),
        maybe(words(&[" cluster-scoped"])),
        maybe(words(&[" runs to completion"])),
    );
    (header, maybe(in_braces(list(line, 4, SEPARATOR)).prop_map(|b| format!("{GLUE}{b}"))))
        .prop_map(|((id, scope, runs), body)| format!("kind{GLUE}my_kind{GLUE}={GLUE}{id}{scope}{runs}{body}"))
}

fn model() -> impl Strategy<Value = String> {
    let lines = (
        target(),
        maybe(
            (words(&["copied", "validated"]), target())
                .prop_map(|(word, t)| format!("{word}{GLUE}by{GLUE}{t}{SEPARATOR}")),
        ),
        target(),
        maybe(Just(format!("{SEPARATOR}reload{GLUE}on{GLUE}retrain"))),
        maybe(duration().prop_map(|d| format!("{SEPARATOR}stale{GLUE}after{GLUE}{d}"))),
        any::<bool>(),
    )
        .prop_map(|(trained, step, served, reload, stale, swap)| {
            let (trained, served) =
                (format!("trained{GLUE}by{GLUE}{trained}"), format!("served{GLUE}by{GLUE}{served}"));
            let (first, last) = if swap { (served, trained) } else { (trained, served) };
            format!("{first}{SEPARATOR}{step}{last}{reload}{stale}")
        });
    (name(), in_braces(lines)).prop_map(|(name, body)| format!("model{GLUE}{name}{GLUE}{body}"))
}

fn scenario() -> impl Strategy<Value = String> {
    let expectation = || {
        prop_oneof![
            action(),
            action().prop_map(|a| format!("no{GLUE}{a}")),
            (-2..5i64, words(&["opens", "is held", "is open"]))
                .prop_map(|(n, word)| format!("wave{GLUE}{n}{GLUE}{word}")),
            resource_clause(),
            words(&["nothing", "nothing more"]),
        ]
    };
    let expect = move || list(expectation(), 3, ',').prop_map(|e| format!("expect{GLUE}{e}"));
    let json =
        words(&["{ \"a\": [1, -2.5e3, {\"b\": null}], \"c\": \"# x \\\" }\" }", "{}", "{\n    \"a\": true\n  }"]);
    let step = prop_oneof![
        target().prop_map(|t| format!("sync{GLUE}{t}")),
        (
            target(),
            words(&["succeeds", "has failed", "is healthy"]),
            maybe(json.prop_map(|j| format!("{GLUE}with{GLUE}{j}")))
        )
            .prop_map(|(t, p, j)| format!("{t}{GLUE}{p}{j}")),
        words(&["apply ./more.yaml", "apply \"a b\"", "tidegate restarts", "tidegate  stops"]),
        target().prop_map(|t| format!("delete{GLUE}{t}")),
        expect(),
    ];
    let line = prop_oneof![
        4 => (duration(), step).prop_map(|(at, step)| format!("at{GLUE}{at}{GLUE}{step}")),
        1 => expect(),
        1 => words(&["manifests ./platform", "manifests '../a b'"]),
    ];
    let start = maybe(Just(format!("start at \"2026-03-01T08:00:00Z\"{SEPARATOR}")));
    (words(&["\"a story\"", "'x'"]), start, list(line, 4, SEPARATOR))
        .prop_map(|(name, start, lines)| format!("scenario{GLUE}{name}{GLUE}{{{SEPARATOR}{start}{lines}{SEPARATOR}}}"))
}

/// A file with marks in it.
pub fn file() -> impl Strategy<Value = String> {
    let statement = prop_oneof![
        4 => rule(),
        3 => body(SEMICOLON),
        2 => kind(),
        1 => model(),
        2 => scenario(),
        1 => (target(), list(target(), 6, ',')).prop_map(|(subject, after)| format!("{subject}{GLUE}after{GLUE}{after}")),
        1 => (resource(), resource_name()).prop_map(|(r, a)| format!("report{GLUE}{r}{GLUE}to{GLUE}application{GLUE}{a}")),
        1 => (name(), name()).prop_map(|(a, b)| format!("allow{GLUE}triggers{GLUE}from{GLUE}namespace{GLUE}{a}{GLUE}to{GLUE}namespace{GLUE}{b}")),
        1 => words(&["honour annotations always", "honour  annotations never"]),
        1 => resource_name().prop_map(|n| format!("application{GLUE}{n}")),
        1 => name().prop_map(|n| format!("namespace{GLUE}{n}")),
    ];
    prop::collection::vec(statement, 0..6)
        .prop_map(|statements| statements.iter().map(|s| format!("{s}{END}")).collect())
}

/// Chooses by a stream of bytes; when it runs dry, always the plain way.
struct Choices<'c> {
    bytes: std::slice::Iter<'c, u8>,
    comments: Vec<String>,
}

impl Choices<'_> {
    fn pick(&mut self, ways: u8) -> u8 {
        self.bytes.next().map_or(0, |byte| byte % ways)
    }

    fn comment(&mut self) -> String {
        let comment = format!("# comment {}.", self.comments.len());
        self.comments.push(comment.clone());
        comment
    }

    /// A newline, perhaps with comments and blank lines.
    fn newline(&mut self) -> String {
        let mut out = String::new();
        if self.pick(4) == 1 {
            out = format!(" {}", self.comment());
        }
        out.push('\n');
        for _ in 0..self.pick(3) {
            match self.pick(3) {
                0 => out.push('\n'),
                1 => out.push_str("  \t\n"),
                _ => out.push_str(&format!("    {}\n", self.comment())),
            }
        }
        out
    }
}

/// The file as text, and the comments in it.
pub fn realise(file: &str, choices: &[u8]) -> (String, Vec<String>) {
    let mut choices = Choices { bytes: choices.iter(), comments: Vec::new() };
    let mut out = String::new();
    let mut depth = 0;
    for c in file.chars() {
        match c {
            OPEN => depth += 1,
            CLOSE => depth -= 1,
            GLUE => match choices.pick(6) {
                1 if depth > 0 => out.push_str(&format!(" {} ", choices.newline())),
                2 => out.push_str("  "),
                3 => out.push('\t'),
                _ => out.push(' '),
            },
            CONTINUE => match choices.pick(3) {
                0 => out.push(' '),
                _ => out.push_str(&format!("{}  ", choices.newline())),
            },
            SEPARATOR => match choices.pick(5) {
                1 => out.push_str("; "),
                _ => out.push_str(&choices.newline()),
            },
            SEMICOLON => match choices.pick(3) {
                1 => out.push_str(&format!(";{}", choices.newline())),
                _ => out.push_str("; "),
            },
            END => out.push_str(&choices.newline()),
            c => out.push(c),
        }
    }
    (out, choices.comments)
}

//! Hints for how statements begin, and for braces and brackets that do not match.

use super::clause::is_predicate;
use super::doing::{ACTIONS, MODIFIERS, is_action, is_modifier};
use super::{Cx, closest, is_name, shown};
use crate::diagnostic::Diagnostic;
use crate::syntax::grammar::Rule;
use crate::syntax::recover::STATEMENT_WORDS;

/// Other words for those that begin statements.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("if", "when"),
    ("on", "when"),
    ("once", "when"),
    ("whenever", "when"),
    ("after", "when"),
    ("honor", "honour"),
    ("rules", "rule"),
    ("policy", "rule"),
    ("resource", "kind"),
    ("health", "kind"),
    ("test", "scenario"),
    ("app", "application"),
    ("ns", "namespace"),
    ("permit", "allow"),
];

/// Said wherever a part of a rule stands without its rule.
const JOIN_HELP: &str =
    "in one line join it with `;`: `when … then …; block wave 4`; over several lines write `rule NAME { … }`";

pub(super) fn hint(cx: &Cx<'_>) -> Option<Diagnostic> {
    if let Some(d) = missing_name(cx).or_else(|| second_statement(cx)) {
        return Some(d);
    }
    let head = head_of(cx).filter(|head| cx.token(*head).is_some())?;
    let word = cx.word(head);
    if STATEMENT_WORDS.contains(&word) {
        return None;
    }
    let near_after = cx.expects(Rule::k_after) && closest(cx.found(), &["after"]).is_some();
    if near_after && closest(word, STATEMENT_WORDS).is_none() {
        return Some(cx.missing("`after`").help("did you mean `after`?"));
    }
    let place = cx.span(head);
    if word == "}" {
        return Some(cx.error(place, "`}` closes nothing").help("leave it out, or check the braces above"));
    }
    if let Some(d) = part_of_rule(cx, head) {
        return Some(d);
    }
    let nearest = closest(word, STATEMENT_WORDS);
    let other = OTHER_WORDS.iter().find(|(wrong, _)| word.eq_ignore_ascii_case(wrong)).map(|(_, right)| *right);
    if let Some(right) = other.or(nearest) {
        return Some(
            cx.error(place, format!("`{}` begins no statement", shown(word))).help(format!("did you mean `{right}`?")),
        );
    }
    let condition = matches!(word, "any" | "every" | "not") || is_predicate(cx.found());
    if condition {
        return Some(cx.error(place, "a condition stands without `when`").help("write `when … then …`"));
    }
    if cx.expects(Rule::k_after) && is_name(cx.token(head)) {
        let message = format!("`{}` begins no statement", shown(word));
        let help = "statements begin with `when`, `rule`, `kind`, `model`, `scenario`, `report`, `allow`, `honour`, `application` or \
                    `namespace`; order alone is `KIND NAME after KIND NAME`";
        return Some(cx.error(place, message).help(help));
    }
    let message = format!("expected a statement, found `{}`", shown(word));
    Some(
        cx.error(place, message)
            .help("statements begin with `when`, `rule`, `kind`, `model`, `report` …; comments begin with `#`"),
    )
}

/// Where the statement begins that the grammar took for `KIND NAME after …`, or could not take at all.
fn head_of(cx: &Cx<'_>) -> Option<isize> {
    let at_start = cx.token(0).is_some_and(|t| t.first) && !cx.ended();
    if depth(cx) > 0 {
        return None;
    }
    if cx.expects(Rule::file) || (cx.expected == [Rule::EOI] && at_start) {
        return Some(0);
    }
    if cx.expected == [Rule::kind_word] || cx.expected == [Rule::name] || !cx.expects(Rule::k_after) {
        // `block wave 4` and `"x"`: nothing that a statement could begin with.
        let alone = cx.expects(Rule::EOI) && !cx.ended() && (cx.word(-1) == ";" || at_start) && cx.expected.len() <= 2;
        // `restart isvc/x` fails after its first word, before `after` is looked for.
        let lone_kind = cx.expected == [Rule::name]
            && (cx.index == 1 || cx.word(-2) == ";" || cx.token(-1).is_some_and(|t| t.first));
        let outside = !STATEMENT_WORDS.contains(&cx.word(-1));
        return if alone {
            Some(0)
        } else if lone_kind && outside {
            Some(-1)
        } else {
            None
        };
    }
    Some(if cx.word(-2) == "/" { -4 } else { -2 })
}

/// Braces open before the place.
fn depth(cx: &Cx<'_>) -> usize {
    let before = cx.tokens.iter().take(cx.index);
    before.fold(0, |depth: usize, t| match t.text {
        "{" => depth + 1,
        "}" => depth.saturating_sub(1),
        _ => depth,
    })
}

/// An action, a modifier, `then` and so on, where a statement should begin.
fn part_of_rule(cx: &Cx<'_>, head: isize) -> Option<Diagnostic> {
    let word = cx.word(head);
    let place = cx.span(head);
    let continues = cx.word(head - 1) == ";" && !cx.token(head).is_some_and(|t| t.first);
    if is_action(word) {
        // `; notify` after `; cooldown 10m`: an action could not go on here, so a modifier came before it.
        if continues && cx.tokens.iter().take(cx.index).any(|t| t.text == "then") {
            return Some(after_modifiers(cx, head));
        }
        return Some(
            cx.error(place, format!("`{word}` stands outside of a rule"))
                .help(format!("say when: `when KIND NAME succeeds then {word} …`; {JOIN_HELP}")),
        );
    }
    if is_modifier(word) || matches!(word, "then" | "else" | "and" | "or" | "within") {
        return Some(cx.error(place, format!("`{word}` stands outside of a rule")).help(JOIN_HELP));
    }
    if continues {
        let words: Vec<&str> = ACTIONS.iter().chain(MODIFIERS).copied().chain(["catchup"]).collect();
        if let Some(right) = closest(word, &words) {
            let right = if right.starts_with("catch") { "catch up" } else { right };
            return Some(
                cx.error(place, format!("`{}` is no action and no modifier", shown(word)))
                    .help(format!("did you mean `{right}`?")),
            );
        }
    }
    None
}

/// An action or `else` that comes after a modifier.
pub(super) fn after_modifiers(cx: &Cx<'_>, at: isize) -> Diagnostic {
    let word = cx.word(at);
    let message = format!("`{word}` comes after a modifier");
    cx.error(cx.span(at), message)
        .help("write the actions first, then `else`, then `block`, `cooldown`, `retry` and the like")
}

/// Two statements in one line.
fn second_statement(cx: &Cx<'_>) -> Option<Diagnostic> {
    let ends = cx.expects(Rule::EOI) || cx.expects(Rule::line_end);
    if !ends || cx.ended() || cx.index == 0 || cx.word(-1) == ";" || cx.token(0).is_some_and(|t| t.first) {
        return None;
    }
    let found = cx.found();
    if !STATEMENT_WORDS.contains(&found) {
        return None;
    }
    Some(
        cx.error(cx.span(0), format!("`{found}` begins a new statement"))
            .help("begin it on a new line, or write `;` before it"),
    )
}

/// `rule {`, `model {`, `kind =`
fn missing_name(cx: &Cx<'_>) -> Option<Diagnostic> {
    let statement = cx.word(-1);
    if !cx.expects(Rule::name) || !matches!(statement, "rule" | "model" | "kind" | "scenario" | "namespace") {
        return None;
    }
    let article = |noun: &str| format!("a {noun} needs a name");
    let d = cx.error(cx.span(-1), article(statement));
    Some(match statement {
        "rule" => d.help("write `rule NAME { … }`; without a name, a rule is one line: `when … then …`"),
        "scenario" => d.help("write `scenario \"what happens\" { … }`"),
        "kind" => d.help("write `kind NAME = GROUP/VERSION KIND (PLURAL)`"),
        _ => d.help(format!("write `{statement} NAME`")),
    })
}

/// The text ends before a `}`.
pub(super) fn open_brace(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::r_brace) || cx.token(0).is_some() {
        return None;
    }
    let (open, _) = unclosed(cx, &["{"])?;
    let span = cx.tokens.get(open).map(|t| cx.range(t.start, t.end))?;
    Some(cx.error(span, "this `{` is not closed").help("add `}` on a line of its own where it ends"))
}

/// Braces and brackets that are not closed, or close nothing.
pub(super) fn brackets(cx: &Cx<'_>) -> Option<Diagnostic> {
    let round = cx.expects(Rule::r_paren) || cx.expects(Rule::r_square) || cx.expects(Rule::r_curly);
    let foreign = cx.ended() || matches!(cx.found(), "then" | "block" | "else" | "within" | "}" | ")" | "]" | ";");
    if round && foreign {
        let (open, close) = unclosed(cx, &["(", "[", "{"])?;
        let text = cx.tokens.get(open)?.text;
        let span = cx.tokens.get(open).map(|t| cx.range(t.start, t.end))?;
        let d = cx.error(span, format!("this `{text}` is not closed"));
        return Some(d.help(format!("add `{close}`")).related(cx.place(), "it should be closed before this"));
    }
    if matches!(cx.found(), "}" | ")" | "]") && unclosed(cx, &["{", "(", "["]).is_none() {
        return Some(cx.error(cx.span(0), format!("`{}` closes nothing", cx.found())).help("leave it out"));
    }
    if cx.expects(Rule::l_brace) {
        let help = "the lines of a rule, kind, model or scenario stand in braces: `rule NAME { … }`";
        return Some(cx.missing("`{`").help(help));
    }
    None
}

/// The innermost bracket before the place that is still open, and what would close it.
fn unclosed(cx: &Cx<'_>, wanted: &[&str]) -> Option<(usize, &'static str)> {
    let mut open = Vec::new();
    for (i, token) in cx.tokens.iter().enumerate().take(cx.index) {
        match token.text {
            "{" => open.push((i, "}")),
            "(" => open.push((i, ")")),
            "[" => open.push((i, "]")),
            "}" | ")" | "]" => {
                open.pop();
            }
            _ => {}
        }
    }
    let fits = |(i, _): &(usize, &str)| cx.tokens.get(*i).is_some_and(|t| wanted.contains(&t.text));
    open.into_iter().rev().find(fits)
}

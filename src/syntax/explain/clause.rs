//! Hints for conditions: what is asked of a resource, selectors, connectives.

use super::doing::{ACTIONS, is_action, is_modifier};
use super::{Cx, closest, is_name, shown};
use crate::diagnostic::Diagnostic;
use crate::syntax::grammar::Rule;
use crate::syntax::print::RESERVED;

const CLAUSE_HELP: &str = "such as `job NAME succeeds`, `isvc NAME is healthy` or `size(job.status.results) > 0`";
const PREDICATE_HELP: &str = "ask with `succeeds`, `fails`, `has succeeded`, `has failed` or `is healthy` (`progressing`, `degraded`, `suspended`, `missing`, `stale`)";

/// Other words for an outcome or a state, and how the language says it.
const OTHER_PREDICATES: &[(&str, &str)] = &[
    ("succeed", "succeeds"),
    ("succeeded", "has succeeded"),
    ("success", "has succeeded"),
    ("successful", "has succeeded"),
    ("completes", "succeeds"),
    ("complete", "has succeeded"),
    ("completed", "has succeeded"),
    ("finishes", "succeeds"),
    ("finished", "has succeeded"),
    ("passes", "succeeds"),
    ("passed", "has succeeded"),
    ("done", "has succeeded"),
    ("fail", "fails"),
    ("failed", "has failed"),
    ("failing", "has failed"),
    ("failure", "has failed"),
    ("errors", "fails"),
    ("error", "is degraded"),
    ("crashes", "fails"),
    ("ready", "is healthy"),
    ("available", "is healthy"),
    ("up", "is healthy"),
    ("ok", "is healthy"),
    ("healthy", "is healthy"),
    ("running", "is progressing"),
    ("progressing", "is progressing"),
    ("pending", "is progressing"),
    ("starting", "is progressing"),
    ("degraded", "is degraded"),
    ("unhealthy", "is degraded"),
    ("broken", "is degraded"),
    ("down", "is degraded"),
    ("stopped", "is suspended"),
    ("paused", "is suspended"),
    ("suspended", "is suspended"),
    ("absent", "is missing"),
    ("gone", "is missing"),
    ("deleted", "is missing"),
    ("missing", "is missing"),
    ("stale", "is stale"),
    ("outdated", "is stale"),
    ("old", "is stale"),
];

/// Whether a word begins what is asked of a resource.
pub(super) fn is_predicate(word: &str) -> bool {
    matches!(word, "succeeds" | "fails" | "has" | "is")
}

fn other(word: &str) -> Option<&'static str> {
    let same = |(wrong, right): &(&str, &'static str)| word.eq_ignore_ascii_case(wrong).then_some(*right);
    OTHER_PREDICATES.iter().find_map(same)
}

pub(super) fn hint(cx: &Cx<'_>) -> Option<Diagnostic> {
    let hints = [clause_missing, which_resource, predicate, state, outcome, selector, connective];
    hints.iter().find_map(|hint| hint(cx))
}

/// `when then`, `a and`, `not and`
fn clause_missing(cx: &Cx<'_>) -> Option<Diagnostic> {
    let before = cx.word(-1);
    // `when block wave 4`: the modifier's word was taken for a name in an expression.
    if cx.expects(Rule::binary_op) && is_modifier(before) && matches!(cx.word(-2), "when" | "and" | "or" | "not") {
        let message = format!("`{}` needs a condition after it", cx.word(-2));
        return Some(cx.error(cx.span(-2), message).help(CLAUSE_HELP));
    }
    if !cx.expects(Rule::clause) && !cx.expects(Rule::condition) {
        return None;
    }
    if !matches!(before, "when" | "and" | "or" | "then" | "not" | "(") {
        return None;
    }
    if cx.expects(Rule::clause) && is_action(cx.found()) {
        return Some(cx.missing("a condition"));
    }
    let after = if before == "then" { "and then" } else { before };
    if cx.ended() && before != "when" && before != "(" {
        let message = format!("`{after}` needs a condition after it");
        return Some(
            cx.error(cx.span(-1), message).help("a newline ends the rule; begin the next line with the `and` or `or`"),
        );
    }
    if cx.ended()
        || matches!(cx.found(), "then" | "and" | "or" | "within" | "else" | "{" | "}" | ";" | ")")
        || is_modifier(cx.found())
    {
        let message = if before == "(" {
            "the brackets are empty".to_owned()
        } else {
            format!("`{after}` needs a condition after it")
        };
        return Some(cx.error(cx.span(-1), message).help(CLAUSE_HELP));
    }
    None
}

/// `when job succeeds`
fn which_resource(cx: &Cx<'_>) -> Option<Diagnostic> {
    let kind = cx.token(-1)?;
    let asked = is_predicate(cx.found()) || other(cx.found()).is_some();
    if !cx.expects(Rule::name) || !cx.expects(Rule::k_with) || cx.expects(Rule::predicate) || !asked {
        return None;
    }
    let kind = kind.text;
    let message = format!("which `{}` is meant?", shown(kind));
    Some(cx.error(cx.span(-1), message).help(format!(
        "write its name, `{kind} NAME {}`, or `any {kind} {}`",
        cx.found(),
        cx.found()
    )))
}

/// `job a succeds`, `job a then`
fn predicate(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::predicate) {
        return None;
    }
    let found = cx.found();
    // `and then restart isvc x`: the `and` should not be there.
    if is_action(cx.word(-2)) && cx.word(-3) == "then" {
        let verb = cx.word(-2);
        let d = cx.error(cx.span_of(-4, -3), "`and then` joins two conditions, and an action follows");
        return Some(d.help(format!("write `then {verb} …`")));
    }
    let verb = cx.word(-2);
    if verb != "tidegate"
        && (cx.ended() || matches!(found, "then" | "and" | "or" | "within" | "else" | "for" | ")" | ";" | "{" | "}"))
    {
        let resource = cx.span_of(if is_name(cx.token(-2)) { -2 } else { -1 }, -1);
        return Some(cx.error(resource, "nothing is asked of this resource").help(PREDICATE_HELP));
    }
    // `expect restarts isvc x`: the misspelt action was taken for a kind.
    if cx.tokens.iter().take(cx.index).any(|t| t.text == "expect")
        && let Some(right) = closest(verb, ACTIONS)
    {
        let message = format!("`{}` is not an action", shown(verb));
        return Some(cx.error(cx.span(-2), message).help(format!("did you mean `{right}`?")));
    }
    let says = |right: &str| cx.missing("what is asked of the resource").help(format!("write `{right}`"));
    match found.to_ascii_lowercase().as_str() {
        "are" | "was" | "were" | "becomes" | "become" | "gets" | "turns" => {
            let next = cx.word(1);
            return Some(says(other(next).unwrap_or("is healthy")));
        }
        "have" | "had" => return Some(says(if cx.word(1) == "failed" { "has failed" } else { "has succeeded" })),
        "not" | "isn't" | "isnt" | "doesn't" | "doesnt" => {
            let asked = other(cx.word(1)).unwrap_or(if is_predicate(cx.word(1)) { cx.word(1) } else { "is healthy" });
            let help = format!("put `not` first: `not {} {} {asked}`", cx.word(-2), cx.word(-1));
            return Some(cx.missing("what is asked of the resource").help(help));
        }
        "==" | "=" | "!=" | "<" | ">" => {
            let help = "fields are compared in an expression: `job.status.phase == \"Succeeded\"`";
            return Some(cx.missing("what is asked of the resource").help(help));
        }
        _ => {}
    }
    if matches!(cx.word(-1), "are" | "was" | "were" | "been") && is_name(cx.token(0)) {
        let right = other(found).unwrap_or("is healthy");
        let message = format!("`{}` is not a word of the language", cx.word(-1));
        return Some(cx.error(cx.span_of(-1, 0), message).help(format!("write `{right}`")));
    }
    if verb == "tidegate" {
        let message = format!("`{}` is nothing that happens to tidegate", shown(cx.word(-1)));
        return Some(
            cx.error(cx.span(-1), message).help("write `tidegate restarts`, `tidegate stops` or `tidegate starts`"),
        );
    }
    if let Some(right) = other(found) {
        return Some(says(right));
    }
    if let Some(right) = closest(found, &["succeeds", "fails", "with", "where", "owned"]) {
        return Some(cx.missing("what is asked of the resource").help(format!("did you mean `{right}`?")));
    }
    if is_predicate(cx.word(1)) && is_name(cx.token(-1)) {
        let message = format!("a name is one word, and `{}` is another", shown(found));
        return Some(cx.error(cx.span(0), message).help(format!(
            "write `{}-{}`, or quote a name with blanks",
            cx.word(-1),
            found
        )));
    }
    Some(cx.missing("what is asked of the resource").help(PREDICATE_HELP))
}

/// `is succeeded`
fn state(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::state_word) {
        return None;
    }
    let found = cx.found();
    if cx.ended() {
        return Some(
            cx.missing("a state")
                .help("states are `healthy`, `progressing`, `degraded`, `suspended`, `missing` and `stale`"),
        );
    }
    if found == "not" {
        let state = other(cx.word(1)).unwrap_or("is healthy");
        let d = cx.error(cx.span_of(-1, 0), "`not` stands before the resource");
        return Some(d.help(format!("write `not KIND NAME {state}`")));
    }
    if let Some(right) = other(found) {
        let message = format!("a resource cannot be asked whether it `is {}`", shown(found));
        return Some(cx.error(cx.span_of(-1, 0), message).help(format!("write `{right}`")));
    }
    let d = cx.error(cx.span(0), format!("`{}` is not a state", shown(found)));
    Some(match closest(found, &["healthy", "progressing", "degraded", "suspended", "missing", "stale"]) {
        Some(right) => d.help(format!("did you mean `{right}`?")),
        None => d.help("states are `healthy`, `progressing`, `degraded`, `suspended`, `missing` and `stale`"),
    })
}

/// `has succeed`
fn outcome(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::k_succeeded) {
        return None;
    }
    let fails = cx.found().starts_with("fail") || cx.found().starts_with("error");
    let right = if fails { "has failed" } else { "has succeeded" };
    Some(cx.missing("`succeeded` or `failed`").help(format!("write `{right}`")))
}

/// `with tier=x`, `in wave three` is a number's hint, `in team-a`
fn selector(cx: &Cx<'_>) -> Option<Diagnostic> {
    match cx.word(-1) {
        "with" if cx.expects(Rule::k_label) => {
            let d = cx.missing("`label`");
            let help = match cx.found() {
                "labels" | "labeled" | "labelled" => "write `with label KEY=VALUE`, once for each label".to_owned(),
                key if is_name(cx.token(0)) && cx.word(1) == "=" => format!("write `with label {key}={}`", cx.word(2)),
                _ => "write `with label KEY=VALUE`".to_owned(),
            };
            Some(d.help(help))
        }
        "in" if cx.expects(Rule::k_wave) => {
            let help = if is_name(cx.token(0)) && !RESERVED.contains(&cx.found()) {
                format!("write `in namespace {}` or `in wave N`", cx.found())
            } else {
                "write `in namespace NAME` or `in wave N`".to_owned()
            };
            Some(cx.missing("`wave` or `namespace`").help(help))
        }
        _ if cx.expects(Rule::eq) && cx.tokens.iter().take(cx.index).rev().take(3).any(|t| t.text == "label") => {
            Some(cx.missing("`=` and a value").help(format!("write `with label {}=VALUE`", cx.word(-1))))
        }
        _ if cx.expects(Rule::l_paren) && cx.word(-1) == "where" => Some(
            cx.missing("`(`").help("the expression after `where` stands in brackets: `where (job.status.active > 0)`"),
        ),
        _ => None,
    }
}

/// Between conditions, or between the condition and `then`.
fn connective(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::k_then) || cx.ended() {
        return None;
    }
    let found = cx.found();
    if is_action(found) {
        let message = format!("expected `then` before `{found}`");
        return Some(cx.error(cx.span(0), message).help(format!("write `then {found} …`")));
    }
    if is_modifier(found) {
        let message = format!("expected `;` before `{found}`");
        return Some(
            cx.error(cx.span(0), message)
                .help(format!("write `; {found} …`, or put it on a line of its own in `rule NAME {{ … }}`")),
        );
    }
    let d = cx.error(cx.span(0), format!("`{}` does not join conditions", shown(found)));
    match found {
        "," | "&&" | "&" | "+" => Some(d.help("write `and`")),
        "||" | "|" => Some(d.help("write `or`")),
        "->" | "=>" | ":" | "do" | "do:" => Some(d.help("write `then`")),
        "{" => Some(d.help("write `then` before the actions; braces stand after `rule NAME`")),
        "is" if !other(cx.word(1)).is_some_and(|right| right.starts_with("is")) => {
            let d = cx.error(cx.span(0), "`is` asks for the state of a resource, and an expression stands before it");
            Some(d.help("in an expression write `==`"))
        }
        _ if is_predicate(found) && cx.word(-2) == "/" => {
            let (kind, name) = (cx.word(-3), cx.word(-1));
            let message = format!("a kind and a name are two words, not `{kind}/{name}`");
            Some(cx.error(cx.span_of(-3, -1), message).help(format!("write `{kind} {name} {found}`")))
        }
        _ if is_predicate(found) => {
            let message = format!("`{found}` is asked of a resource: `KIND NAME {found}`");
            Some(cx.error(cx.span(0), message).help("compare values in expressions with `==`, `<`, `in` …"))
        }
        _ => None,
    }
}

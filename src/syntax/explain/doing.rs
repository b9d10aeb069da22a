//! Hints for actions, their targets, and modifiers.

use super::clause::is_predicate;
use super::head::after_modifiers;
use super::tokens::Kind;
use super::{Cx, closest, is_name, shown};
use crate::diagnostic::Diagnostic;
use crate::syntax::grammar::Rule;
use crate::syntax::print::RESERVED;
use crate::syntax::recover::STATEMENT_WORDS;

/// The words that begin actions.
pub(super) const ACTIONS: &[&str] = &[
    "abort", "annotate", "label", "notify", "promote", "refresh", "rerun", "restart", "resume", "rollback", "run",
    "suspend", "sync",
];

/// The words that begin modifiers.
pub(super) const MODIFIERS: &[&str] = &["at", "block", "catch", "cooldown", "observe", "retry"];

/// Other words for actions.
const OTHER_ACTIONS: &[(&str, &str)] = &[
    ("reload", "restart"),
    ("redeploy", "restart"),
    ("bounce", "restart"),
    ("rollout", "restart"),
    ("recreate", "restart"),
    ("kill", "restart"),
    ("delete", "restart"),
    ("alert", "notify"),
    ("email", "notify"),
    ("page", "notify"),
    ("send", "notify"),
    ("message", "notify"),
    ("deploy", "sync"),
    ("trigger", "run"),
    ("execute", "run"),
    ("retrain", "rerun"),
    ("pause", "suspend"),
    ("undo", "rollback"),
    ("annotation", "annotate"),
    ("tag", "label"),
];

pub(in crate::syntax) fn is_action(word: &str) -> bool {
    ACTIONS.contains(&word)
}

pub(in crate::syntax) fn is_modifier(word: &str) -> bool {
    MODIFIERS.contains(&word)
}

pub(super) fn hint(cx: &Cx<'_>) -> Option<Diagnostic> {
    let hints = [colon, action, target, reserved, notify, pair, after_action, modifier];
    hints.iter().find_map(|hint| hint(cx))
}

/// `cooldown: 10m`, `block wave = 4`
fn colon(cx: &Cx<'_>) -> Option<Diagnostic> {
    let before = cx.word(-1);
    let takes = [
        Rule::duration,
        Rule::integer,
        Rule::k_wave,
        Rule::name,
        Rule::kind_word,
        Rule::text,
        Rule::clause,
        Rule::k_label,
    ];
    if !is_name(cx.token(-1)) || !matches!(cx.found(), ":" | "=") || !takes.iter().any(|rule| cx.expects(*rule)) {
        return None;
    }
    if cx.found() == "=" && cx.expects(Rule::binary_op) {
        return None;
    }
    let message = format!("`{}` does not follow `{}`", cx.found(), shown(before));
    Some(cx.error(cx.span(0), message).help(format!("leave it out: `{before} …`")))
}

/// `then frobnicate isvc x`
fn action(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::k_restart) || cx.expects(Rule::predicate) {
        return None;
    }
    let found = cx.found();
    if cx.ended() {
        let message = format!("`{}` needs an action after it, on the same line", cx.word(-1));
        return Some(cx.error(cx.span(-1), message).help("such as `restart isvc NAME` or `notify TYPE \"text\"`"));
    }
    if is_modifier(found) {
        let message = format!("`{found}` is a modifier, not an action");
        let help = format!("leave out `{}`, or write an action before `{found}`", cx.word(-1));
        return Some(cx.error(cx.span(0), message).help(help));
    }
    if found == "within" {
        let message = "`within` belongs to the condition, not to the actions";
        return Some(cx.error(cx.span(0), message).help("write it before `then`: `when … within D then …`"));
    }
    let d = cx.error(cx.span(0), format!("`{}` is not an action", shown(found)));
    let other = OTHER_ACTIONS.iter().find(|(wrong, _)| found.eq_ignore_ascii_case(wrong)).map(|(_, right)| *right);
    let words: Vec<&str> = ACTIONS.iter().chain(MODIFIERS).chain(&["else"]).copied().collect();
    Some(match other.or_else(|| closest(found, &words)) {
        Some(right) => d.help(format!("did you mean `{right}`?")),
        None => d.help(format!("actions are {}", super::expected::any_of(&quoted(ACTIONS)))),
    })
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("`{word}`")).collect()
}

/// `restart fraud`, `restart isvc/fraud`, `restart`
fn target(cx: &Cx<'_>) -> Option<Diagnostic> {
    let before = cx.word(-1);
    if cx.expects(Rule::kind_word) || cx.expects(Rule::target) {
        let verb = before;
        if cx.ended() {
            let message = format!("`{verb}` needs a kind and a name after it");
            return Some(cx.error(cx.span(-1), message).help(format!("write `{verb} KIND NAME`")));
        }
        if is_name(cx.token(0)) && cx.found().contains('-') {
            let message = format!("`{}` is not a kind", shown(cx.found()));
            let help = format!("write the kind first: `{verb} KIND {}`", cx.found());
            return Some(cx.error(cx.span(0), message).help(help));
        }
        return None;
    }
    if cx.expected != [Rule::name]
        || !is_name(cx.token(-1))
        || STATEMENT_WORDS.contains(&before) && before != "application"
    {
        return None;
    }
    if cx.found() == "/" {
        let rest = cx.word(1);
        let message = format!("a kind and a name are two words, not `{before}/{rest}`");
        return Some(cx.error(cx.span_of(-1, 1), message).help(format!("write `{before} {rest}`")));
    }
    if cx.found() == "*" {
        return Some(
            cx.error(cx.span(0), "names have no patterns")
                .help(format!("write `any {before} …` or `every {before} …`")),
        );
    }
    let verb = cx.word(-2);
    let takes_target = is_action(verb) || matches!(verb, "after" | "by" | "," | "delete");
    if takes_target && (cx.ended() || !is_name(cx.token(0)) || RESERVED.contains(&cx.found())) {
        let message = format!("`{}` stands alone: expected a kind and a name", shown(before));
        let lead = if verb == "," { String::new() } else { format!("{verb} ") };
        let help = format!("write `{lead}KIND {before}` (or `{lead}{before} NAME` if `{before}` is the kind)");
        return Some(cx.error(cx.span(-1), message).help(help));
    }
    None
}

/// `block wave of …` and the like: a keyword where a name should stand.
fn reserved(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    if !cx.expects(Rule::name)
        || (cx.expects(Rule::binary_op) && !is_predicate(cx.word(1)))
        || !RESERVED.contains(&found)
    {
        return None;
    }
    let message = format!("`{found}` is a word of the language, so it cannot be a name as it stands");
    Some(cx.error(cx.span(0), message).help(format!("if it is the name, quote it: `\"{found}\"`")))
}

/// `notify "text"`, `notify type text`
fn notify(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::text) {
        return None;
    }
    if cx.word(-2) == "notify" {
        if cx.token(-1).is_some_and(|t| t.kind == Kind::Quoted) && cx.ended() {
            let message = "`notify` needs a type before its text";
            let help =
                format!("write `notify TYPE {}`, such as `notify validation-failure {}`", cx.word(-1), cx.word(-1));
            return Some(cx.error(cx.span_of(-2, -1), message).help(help));
        }
        let help = format!("write `notify {} \"…\"`", cx.word(-1));
        return Some(cx.missing("a text in quotes").help(help));
    }
    None
}

/// `annotate isvc x key value`
fn pair(cx: &Cx<'_>) -> Option<Diagnostic> {
    let verb = cx.tokens.iter().take(cx.index).rev().map(|t| t.text).find(|w| is_action(w))?;
    if !matches!(verb, "annotate" | "label") {
        return None;
    }
    if cx.expects(Rule::eq) || cx.expects(Rule::label_key) || cx.expects(Rule::bare_key) {
        return Some(cx.missing("`KEY=VALUE`").help(format!("write `{verb} KIND NAME KEY=VALUE`")));
    }
    None
}

/// What an action may be followed by.
fn after_action(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    let ends = cx.expects(Rule::EOI) || cx.expects(Rule::k_else) || cx.expects(Rule::line_end);
    if ends && !cx.expects(Rule::k_after) && (is_action(found) || is_modifier(found)) && cx.word(-1) != ";" {
        let message = format!("expected `;` or a new line before `{found}`");
        let help = format!("in one line write `; {found} …`; a line of its own is for `rule NAME {{ … }}`");
        return Some(cx.error(cx.span(0), message).help(help));
    }
    if cx.expects(Rule::k_deleting) || cx.expects(Rule::k_pods) {
        return Some(cx.missing("`by deleting pods`").help("write `restart KIND NAME by deleting pods`"));
    }
    if cx.expects(Rule::k_from) && cx.word(-2) == "run" {
        let kind = cx.word(-1);
        return Some(cx.missing("`from`").help(format!("write `run {kind} from NAME`")));
    }
    None
}

fn modifier(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    let verb = cx.word(-1);
    if cx.expects(Rule::k_wave) && verb == "block" {
        let number = found.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) && !found.is_empty();
        let help = if number { format!("write `block wave {found}`") } else { "write `block wave N`".to_owned() };
        return Some(cx.missing("`wave`").help(help));
    }
    if cx.expects(Rule::k_per) && cx.expects(Rule::k_at) {
        let help = "write `at most N at a time` or `at most N per 1h`";
        return Some(cx.missing("`at a time` or `per`").help(help));
    }
    if cx.expects(Rule::k_a) || cx.expects(Rule::k_time) {
        return Some(cx.missing("`at a time`").help("write `at most N at a time`"));
    }
    if cx.expects(Rule::k_backoff) && found.starts_with("time") {
        return Some(
            cx.error(cx.span(0), format!("`{found}` does not belong here"))
                .help("write `retry N backoff D`, such as `retry 5 backoff 30s`"),
        );
    }
    // In a block, past the first modifier: only modifiers and the closing brace.
    if cx.expects(Rule::k_cooldown) && !cx.expects(Rule::k_restart) && cx.expects(Rule::r_brace) {
        if is_action(found) || found == "else" {
            return Some(after_modifiers(cx, 0));
        }
        if is_name(cx.token(0)) && closest(found, MODIFIERS).is_none() {
            let help = "modifiers are `block wave N`, `cooldown D`, `at most N …`, `retry N`, `catch up` and `observe`";
            return Some(cx.error(cx.span(0), format!("`{}` is no modifier", shown(found))).help(help));
        }
    }
    if found == "else"
        && cx.word(-1) != "then"
        && (cx.expects(Rule::EOI) || cx.expects(Rule::line_end))
        && !cx.expects(Rule::k_else)
    {
        return Some(after_modifiers(cx, 0));
    }
    if matches!(found, "catchup" | "catch-up") {
        return Some(cx.error(cx.span(0), format!("`{found}` is two words")).help("write `catch up`"));
    }
    None
}

//! Hints for the lines of kinds, models and scenarios, and for one-line statements other than rules.

use super::tokens::Kind;
use super::{Cx, closest, shown};
use crate::diagnostic::Diagnostic;
use crate::syntax::grammar::Rule;

/// Other words for the statuses of a kind's lines.
const OTHER_STATUSES: &[(&str, &str)] = &[
    ("ready", "healthy"),
    ("ok", "healthy"),
    ("succeeded", "healthy"),
    ("success", "healthy"),
    ("failed", "degraded"),
    ("failure", "degraded"),
    ("error", "degraded"),
    ("unhealthy", "degraded"),
    ("running", "progressing"),
    ("pending", "progressing"),
    ("waiting", "progressing"),
    ("paused", "suspended"),
    ("stopped", "suspended"),
];

pub(super) fn hint(cx: &Cx<'_>) -> Option<Diagnostic> {
    let hints = [kind_header, kind_line, health_line, model_line, scenario_line, small_statements];
    hints.iter().find_map(|hint| hint(cx))
}

const KIND_HELP: &str = "write `kind NAME = GROUP/VERSION KIND (PLURAL)`, such as `kind job = batch/v1 Job (jobs)`";

fn kind_header(cx: &Cx<'_>) -> Option<Diagnostic> {
    let statement = cx.tokens.iter().take(cx.index).rev().find(|t| t.first).map_or("", |t| t.text);
    if statement != "kind" {
        return None;
    }
    if cx.expects(Rule::eq) {
        return Some(cx.missing("`=`").help(KIND_HELP));
    }
    if cx.expects(Rule::l_bracket_plain) {
        return Some(cx.missing("the plural in brackets").help(KIND_HELP));
    }
    if cx.expects(Rule::group_version) || (cx.expects(Rule::name) && cx.expected.len() == 1) {
        return Some(cx.missing("a group, version and kind").help(KIND_HELP));
    }
    if cx.expects(Rule::k_completion) && cx.word(-1) == "to" {
        return Some(cx.missing("`completion`").help("write `runs to completion`"));
    }
    None
}

fn kind_line(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    if !cx.expects(Rule::health_word) || cx.ended() || found == "}" {
        return None;
    }
    let d = cx.error(cx.span(0), format!("`{}` is not a status", shown(found)));
    let other = OTHER_STATUSES.iter().find(|(wrong, _)| found.eq_ignore_ascii_case(wrong)).map(|(_, right)| *right);
    if found == "missing" {
        return Some(d.help("`missing` is tidegate's own word for an object that is not there; a kind's lines speak of objects that are"));
    }
    let words = ["healthy", "progressing", "degraded", "suspended", "unknown", "let", "completion"];
    Some(match other.or_else(|| closest(found, &words)) {
        Some(right) => d.help(format!("did you mean `{right}`?")),
        None => d.help(
            "a line begins with `healthy`, `progressing`, `degraded`, `suspended`, `unknown`, `let` or `completion`",
        ),
    })
}

fn health_line(cx: &Cx<'_>) -> Option<Diagnostic> {
    if cx.expects(Rule::eq) && cx.word(-2) == "let" {
        return Some(cx.missing("`=` and an expression").help(format!("write `let {} = EXPRESSION`", cx.word(-1))));
    }
    if cx.expects(Rule::otherwise) {
        let help = "say when the line holds: `when EXPRESSION`, or `otherwise` in the last line";
        return Some(cx.missing("`when` or `otherwise`").help(help));
    }
    let status = matches!(cx.word(-1), "healthy" | "progressing" | "degraded" | "suspended" | "unknown");
    if cx.expects(Rule::text) && status {
        let help = format!("write `{} \"message\" when EXPRESSION`", cx.word(-1));
        return Some(cx.missing("the message in quotes").help(help));
    }
    None
}

fn model_line(cx: &Cx<'_>) -> Option<Diagnostic> {
    if cx.expected == [Rule::k_by] {
        let word = cx.word(-1);
        let d = cx.missing("`by`");
        return Some(match closest(word, &["trained", "copied", "served", "validated", "reload", "stale"]) {
            Some(right) if right != word => d.help(format!("did you mean `{right}`?")),
            _ => d.help(format!("write `{word} by KIND NAME`")),
        });
    }
    if cx.expects(Rule::k_retrain) || (cx.expects(Rule::k_on) && cx.word(-1) == "reload") {
        return Some(cx.missing("`on retrain`").help("write `reload on retrain`"));
    }
    if cx.expects(Rule::k_after) && cx.word(-1) == "stale" {
        return Some(cx.missing("`after`").help("write `stale after 7d`"));
    }
    None
}

fn scenario_line(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    if cx.expects(Rule::k_manifests) && !cx.ended() && found != "}" {
        let d = cx.error(cx.span(0), format!("`{}` begins no line of a scenario", shown(found)));
        if found.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(d.help(format!("write `at {found} …`")));
        }
        return Some(match closest(found, &["manifests", "start", "expect"]) {
            Some(right) => d.help(format!("did you mean `{right}`?")),
            None => d.help(
                "a line begins with `manifests`, `start at`, `at D` or `expect`; what happens needs a time: `at 20m …`",
            ),
        });
    }
    if cx.expects(Rule::k_expect) && cx.expects(Rule::k_sync) && !cx.ended() {
        let help = "after the time comes `sync application A`, `KIND NAME succeeds`, `apply PATH`, `delete KIND NAME`, `tidegate restarts` or \
                    `expect …`";
        return Some(cx.missing("what happens").help(help));
    }
    if cx.expects(Rule::k_nothing) || (cx.expects(Rule::k_no) && cx.word(-1) == "expect") {
        let help = "expect an action (`restart isvc NAME`), a wave (`wave 4 opens`), a state (`isvc NAME is healthy`), `nothing` or `nothing more`";
        return Some(cx.missing("what is expected").help(help));
    }
    if cx.expects(Rule::wave_word) {
        return Some(
            cx.missing("`opens`, `is held` or `is open`")
                .help("write `wave N opens`, `wave N is held` or `wave N is open`"),
        );
    }
    if cx.expects(Rule::k_more) && !cx.ended() {
        return Some(
            cx.missing("`more` or the end of the line").help("write `expect nothing` or `expect nothing more`"),
        );
    }
    if cx.expects(Rule::json) {
        if let Some(d) = json(cx) {
            return Some(d);
        }
        return Some(cx.missing("a JSON object").help("write `with { \"phase\": \"Succeeded\" }`"));
    }
    if cx.expects(Rule::replica_word) {
        return Some(cx.missing("`restarts`, `stops` or `starts`").help("write `tidegate restarts`"));
    }
    if cx.word(-1) == "at" && cx.expects(Rule::string) {
        let help = "write the time in quotes: `start at \"2026-03-01T08:00:00Z\"`";
        return Some(cx.missing("a time in quotes").help(help));
    }
    None
}

/// Where an object stops being JSON.
fn json(cx: &Cx<'_>) -> Option<Diagnostic> {
    let text = cx.text.get(cx.at..).filter(|text| text.starts_with('{'))?;
    let error = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>().next()?.err()?;
    let line: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = cx.at + line + error.column().saturating_sub(1);
    let width = cx.text.get(at..)?.chars().next().map_or(0, char::len_utf8);
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or("").to_owned();
    let help = "write an object such as `{ \"phase\": \"Failed\" }`, with double quotes";
    Some(cx.error(cx.range(at, at + width), format!("this is not JSON: {words}")).help(help))
}

const HONOUR_HELP: &str = "write `honour annotations always` or `honour annotations never`";
const ALLOW_HELP: &str = "write `allow triggers from namespace A to namespace B`";

fn small_statements(cx: &Cx<'_>) -> Option<Diagnostic> {
    let statement = cx.tokens.iter().take(cx.index + 1).rev().find(|t| t.first).map_or("", |t| t.text);
    match statement {
        // Nothing else fits: the word after the statement's is wrong, and the grammar came one further.
        "allow" | "honour" if cx.expected.is_empty() => {
            let (word, help) =
                if statement == "allow" { ("triggers", ALLOW_HELP) } else { ("annotations", HONOUR_HELP) };
            let message = format!("expected `{word}`, found `{}`", shown(cx.word(-1)));
            Some(cx.error(cx.span(-1), message).help(help))
        }
        "allow" => Some(cx.missing(&first_keyword(cx)?).help(ALLOW_HELP)),
        "honour" => Some(cx.missing("`annotations always` or `annotations never`").help(HONOUR_HELP)),
        "report" if cx.expects(Rule::k_to) && !cx.token(0).is_some_and(|t| t.kind == Kind::Quoted) => {
            Some(cx.missing("`to application NAME`").help("write `report every KIND to application NAME`"))
        }
        "report" if cx.expects(Rule::resource) || cx.expects(Rule::k_application) => {
            Some(cx.missing("a resource and an application").help("write `report every KIND to application NAME`"))
        }
        _ => None,
    }
}

fn first_keyword(cx: &Cx<'_>) -> Option<String> {
    cx.keywords().into_iter().find(|word| word != "after").map(|word| format!("`{word}`"))
}

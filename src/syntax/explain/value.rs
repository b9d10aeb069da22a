//! Hints for texts, expressions, numbers and durations.

use super::tokens::Kind;
use super::{Cx, shown};
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::grammar::Rule;

const NUMBERS: &[&str] =
    &["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// Mistakes below the grammar: quotes that are not closed, quotes from a word processor, comments of other languages.
pub(super) fn lexical(cx: &Cx<'_>) -> Option<Diagnostic> {
    let line_start = cx.text.get(..cx.at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let open = cx.tokens.iter().take(cx.index + 1).rev().find(|t| t.kind == Kind::Unclosed && t.start >= line_start);
    if let Some(open) = open.filter(|t| t.start <= cx.at || cx.token(0).is_some_and(|f| f.start == t.start)) {
        let quote = open.text.chars().next().unwrap_or('"');
        // Inside braces it may be the closing brace that is missing.
        return Some(
            Diagnostic::error(Code::TEXT, cx.range(open.start, open.end), "a text is not closed on its line")
                .help(format!("end it with `{quote}`; a quote within it is written `\\{quote}`")),
        );
    }
    let found = cx.found();
    let c = found.chars().next()?;
    if matches!(c, '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' | '\u{ab}' | '\u{bb}' | '`') {
        let name = if c == '`' { "a backquote".to_owned() } else { format!("`{c}`") };
        return Some(cx.error(cx.span(0), format!("{name} is not a quote of the language")).help("write `\"` or `'`"));
    }
    let two = cx.text.get(cx.at..).and_then(|t| t.get(..2)).unwrap_or("");
    if two == "//" || two == "/*" || (two == "--" && cx.word(0).chars().all(|c| c == '-')) {
        return Some(cx.error(cx.span(0), format!("`{two}` does not begin a comment")).help("comments begin with `#`"));
    }
    if !c.is_ascii() && !cx.expects(Rule::hole) {
        let message = format!("`{}` cannot stand here as it is", shown(found));
        return Some(
            cx.error(cx.span(0), message).help("outside of quotes there are only ASCII letters; quote a text or name"),
        );
    }
    None
}

pub(super) fn hint(cx: &Cx<'_>) -> Option<Diagnostic> {
    let hints = [in_text, number, duration, comparison, not_in_the_subset, words_in_expression, operand];
    hints.iter().find_map(|hint| hint(cx))
}

/// Braces in texts.
fn in_text(cx: &Cx<'_>) -> Option<Diagnostic> {
    let rest = cx.text.get(cx.at..)?;
    let one = cx.range(cx.at, cx.at + rest.chars().next().map_or(0, char::len_utf8));
    if cx.expects(Rule::hole) && rest.starts_with('}') {
        let d = Diagnostic::error(Code::TEXT, one, "a `}` in a text closes nothing");
        return Some(d.help("for the character write `}}`"));
    }
    let inside = cx.token(0).is_some_and(|t| t.kind == Kind::Quoted && t.start < cx.at);
    if !inside && !cx.expects(Rule::hole_end) {
        return None;
    }
    let before = cx.text.get(..cx.at)?;
    let open = before.rfind('{')?;
    let brace = cx.range(open, open + 1);
    if rest.starts_with('}') && before.ends_with('{') {
        let both = cx.range(cx.at - 1, cx.at + 1);
        let d = Diagnostic::error(Code::TEXT, both, "an expression is missing between the braces");
        return Some(d.help("write one, such as `{job.metadata.name}`; for the characters write `{{}}`"));
    }
    if cx.expects(Rule::hole_end) {
        let quote = rest.starts_with(['"', '\'', '\n']) || rest.is_empty();
        if quote {
            let d = Diagnostic::error(Code::TEXT, brace, "this `{` is not closed in its text");
            return Some(d.help("write `}` after the expression; for the character write `{{`"));
        }
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).collect();
        let length = word.len().max(rest.chars().next().map_or(0, char::len_utf8));
        let found = rest.get(..length).unwrap_or("");
        let span = cx.range(cx.at, cx.at + length);
        let d = Diagnostic::error(Code::TEXT, span, format!("expected `}}` or an operator, found `{}`", shown(found)));
        return Some(
            d.help("in a text, braces hold one expression: `{job.metadata.name}`; for the character write `{{`"),
        );
    }
    None
}

fn number(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::integer) {
        return None;
    }
    let d = cx.missing("a whole number");
    let found = cx.found();
    let bare = found.trim_matches(['"', '\'']);
    if let Some(number) = NUMBERS.iter().position(|word| bare.eq_ignore_ascii_case(word)) {
        return Some(d.help(format!("write `{number}`")));
    }
    if bare != found && bare.parse::<i64>().is_ok() {
        return Some(d.help(format!("leave out the quotes: `{bare}`")));
    }
    let what = if cx.word(-1) == "wave" {
        "waves are whole numbers, also negative: `wave 4`, `wave -1`"
    } else {
        "such as `3`"
    };
    Some(d.help(what))
}

const DURATION_HELP: &str = "durations are written `90s`, `10m`, `1h30m`, `7d`";

fn duration(cx: &Cx<'_>) -> Option<Diagnostic> {
    if !cx.expects(Rule::duration) {
        return None;
    }
    let found = cx.found();
    let mut d = cx.missing("a duration");
    d.code = Code::DURATION;
    let bare = found.trim_matches(['"', '\'']);
    if bare != found && bare.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(d.help(format!("leave out the quotes: `{bare}`")));
    }
    if let Some(number) = NUMBERS.iter().position(|word| bare.eq_ignore_ascii_case(word)) {
        let unit = cx.word(1).chars().next().filter(|c| matches!(c, 's' | 'm' | 'h' | 'd')).unwrap_or('m');
        return Some(d.help(format!("write `{number}{unit}`")));
    }
    let one = match found {
        "a" | "an" => cx.word(1),
        word => word,
    };
    let unit = match one {
        "second" => "1s",
        "minute" => "1m",
        "hour" | "hourly" => "1h",
        "day" | "daily" => "1d",
        "week" | "weekly" => "7d",
        _ => return Some(d.help(DURATION_HELP)),
    };
    Some(d.help(format!("write `{unit}`")))
}

/// `a = 1`, `a === 1`, `a <> 1`
fn comparison(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    if found == "=" && matches!(cx.word(-1), "==" | "!=") {
        let whole = cx.span_of(-1, 0);
        return Some(
            cx.error(whole, format!("`{}=` is not an operator", cx.word(-1))).help(format!("write `{}`", cx.word(-1))),
        );
    }
    if !cx.expects(Rule::binary_op) {
        return None;
    }
    let d = cx.error(cx.span(0), format!("`{}` is not an operator", shown(found)));
    Some(match found {
        "=" => cx.error(cx.span(0), "`=` does not compare").help("write `==`"),
        "<>" => d.help("write `!=`"),
        "=~" | "~" => d.help("write `.matches(\"…\")`"),
        "&" => d.help("write `&&`"),
        "|" => d.help("write `||`"),
        "is" => d.help("in an expression write `==`"),
        "contains" | "matches" | "startsWith" | "endsWith" => {
            d.help(format!("it is called on a value: `VALUE.{found}(\"…\")`"))
        }
        _ => return None,
    })
}

/// What CEL has and the language leaves out: bytes, texts over several lines, messages, optional entries; and `??`, `?.` of others.
fn not_in_the_subset(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    let before = cx.word(-1);
    let beside = cx.token(-1).zip(cx.token(0)).is_some_and(|(a, b)| a.end == b.start);
    let quoted = found.starts_with(['"', '\'']);
    let whole = || cx.span_of(-1, 0);
    if cx.expects(Rule::binary_op) && beside {
        if quoted && matches!(before, "b" | "B" | "br" | "rb") {
            let d = cx.error(whole(), "an expression has no bytes");
            return Some(d.help("write a string, without the `b`"));
        }
        if quoted && matches!(before, "\"\"" | "''") {
            let d = cx.error(whole(), "a string stands on one line, in single or double quotes");
            return Some(d.help("write `\\n` for a line's end"));
        }
    }
    if cx.expects(Rule::binary_op) && found == "{" && before.starts_with(|c: char| c.is_ascii_uppercase()) {
        let d = cx.error(whole(), "an expression makes no messages");
        return Some(d.help("a map has strings as keys: `{\"name\": 1}`"));
    }
    if !cx.expects(Rule::var_name) && !cx.expects(Rule::expr) && !cx.expects(Rule::number) {
        return None;
    }
    if found == "?" && before == "?" {
        let d = cx.error(whole(), "`??` is not an operator");
        return Some(d.help("another value for what is absent: `a.?b.orValue(…)`"));
    }
    if before == "?" && beside && found.starts_with('.') {
        let d = cx.error(whole(), "`?.` is not an operator");
        return Some(d.help("an optional field is written `a.?b`, an optional element `a[?0]`"));
    }
    if found == "?" && matches!(before, "[" | "{" | ",") {
        let d = cx.error(cx.span(0), "a literal has no optional entries");
        return Some(d.help("give another value: `a.?b.orValue(…)`"));
    }
    None
}

/// `and`, `or`, `not` of the rules within an expression.
fn words_in_expression(cx: &Cx<'_>) -> Option<Diagnostic> {
    let found = cx.found();
    let right = match found {
        "and" => "&&",
        "or" => "||",
        "not" => "!",
        _ => return None,
    };
    let operator = cx.expects(Rule::binary_op) && !cx.expects(Rule::and) && found != "not";
    let prefix = cx.expects(Rule::prefix_op) && !cx.expects(Rule::clause);
    if !operator && !prefix {
        return None;
    }
    let message = format!("`{found}` joins conditions; this is inside an expression");
    Some(cx.error(cx.span(0), message).help(format!("write `{right}`")))
}

/// Where a value should stand.
fn operand(cx: &Cx<'_>) -> Option<Diagnostic> {
    let rules = [Rule::var_name, Rule::expr, Rule::number, Rule::clause];
    if !rules.iter().any(|rule| cx.expects(*rule)) {
        if cx.expects(Rule::field_name) {
            return Some(
                cx.missing("a field's name")
                    .help("a field with other characters is read as `labels[\"example.org/tier\"]`"),
            );
        }
        return None;
    }
    let found = cx.found();
    let digits = found.bytes().take_while(u8::is_ascii_digit).count();
    let unit = found.get(digits..).unwrap_or("");
    if digits > 0 && matches!(unit, "s" | "m" | "h" | "d" | "ms") {
        let help = match unit {
            "d" => {
                let hours = found.get(..digits).and_then(|n| n.parse::<u64>().ok()).unwrap_or(1).saturating_mul(24);
                format!("write `duration(\"{hours}h\")`: CEL has no days")
            }
            _ => format!("write `duration(\"{found}\")`"),
        };
        return Some(cx.error(cx.span(0), "an expression has no bare durations").help(help));
    }
    let help = match found {
        "$" => "fields are read without `$`: `job.status.phase`",
        "*" => "there are no patterns; use `.matches(\"…\")`",
        "." => "begin with a name: `job.status.phase`; in a kind, `self.status.phase`",
        "if" => "write `CONDITION ? VALUE : OTHER`",
        _ if cx.ended() => "such as `job.status.phase`, `3` or `\"Success\"`",
        _ => "",
    };
    let what = if cx.expects(Rule::clause) { "a condition" } else { "an expression" };
    Some(cx.missing(what).help(help))
}

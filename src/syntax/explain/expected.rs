//! What the grammar could have taken, in the words of the language.

use crate::syntax::grammar::Rule;

/// A rule of the grammar as a person would call it; None for those that only continue what is there already.
pub(super) fn phrase(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::EOI | Rule::line_end => "the end of the line",
        Rule::file => "a statement",
        Rule::name | Rule::bare_name | Rule::resource_name => "a name",
        Rule::kind_word | Rule::target => "a kind such as `job` or `isvc`",
        Rule::clause | Rule::condition | Rule::resource_clause => "a condition",
        Rule::resource => "a resource such as `every notebook`",
        Rule::predicate => "`succeeds`, `fails`, `has succeeded`, `is healthy` …",
        Rule::state_word => "`healthy`, `progressing`, `degraded`, `suspended`, `missing` or `stale`",
        Rule::duration => "a duration such as `10m`",
        Rule::integer => "a whole number",
        Rule::text | Rule::string | Rule::title => "a text in quotes",
        Rule::expr | Rule::var_name | Rule::number | Rule::literal | Rule::cel_string => "an expression",
        Rule::field_name => "a field's name",
        Rule::binary_op => "an operator",
        Rule::health_word => "`healthy`, `progressing`, `degraded`, `suspended` or `unknown`",
        Rule::group_version => "a group and version such as `batch/v1`",
        Rule::label_key => "a key",
        Rule::label_value | Rule::value_text => "a value",
        Rule::path => "a path",
        Rule::json => "a JSON object",
        Rule::replica_word => "`restarts`, `stops` or `starts`",
        Rule::wave_word => "`opens`, `is held` or `is open`",
        Rule::always | Rule::never => "`always` or `never`",
        Rule::l_brace | Rule::l_curly => "`{`",
        Rule::r_brace | Rule::r_curly | Rule::hole_end => "`}`",
        Rule::l_paren | Rule::l_bracket_plain => "`(`",
        Rule::r_paren | Rule::r_bracket_plain => "`)`",
        Rule::r_square => "`]`",
        Rule::eq => "`=`",
        _ => return None,
    })
}

/// The word that a keyword's rule stands for.
pub(super) fn keyword(rule: Rule) -> Option<String> {
    let name = format!("{rule:?}");
    if let Some(word) = name.strip_prefix("k_") {
        return Some(word.to_owned());
    }
    match rule {
        Rule::and
        | Rule::or
        | Rule::not
        | Rule::any
        | Rule::every
        | Rule::hard
        | Rule::otherwise
        | Rule::always
        | Rule::never => Some(name),
        Rule::cluster_scoped => Some("cluster-scoped".to_owned()),
        _ => None,
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn any_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    }
}

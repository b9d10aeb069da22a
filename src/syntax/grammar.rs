//! The parser that pest derives from `grammar/tide.pest`.

use pest::Parser as _;

/// A node of a parse.
pub(super) type Pair<'i> = pest::iterators::Pair<'i, Rule>;
/// Nodes of a parse.
pub(super) type Pairs<'i> = pest::iterators::Pairs<'i, Rule>;
/// Where a parse failed and what was tried there.
pub(super) type Failure = pest::error::Error<Rule>;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/tide.pest"]
struct Grammar;

/// Parses all of `text` as `rule`.
pub(super) fn run(rule: Rule, text: &str) -> Result<Pairs<'_>, Box<Failure>> {
    // The error type is large and rare.
    Grammar::parse(rule, text).map_err(Box::new)
}

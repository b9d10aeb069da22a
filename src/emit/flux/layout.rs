//! A condition as CEL that a person can read: in one line if it is short, else one part a line.

use super::formula::Formula;
use crate::syntax::print_expr;

/// The longest line, where a condition can be parted.
const WIDTH: usize = 110;

/// CEL; its lines have no spaces at their ends.
pub(super) fn laid_out(formula: &Formula) -> String {
    let mut lines = Vec::new();
    lay_out(formula, 0, "", "", &mut lines);
    lines.join("\n")
}

/// `before` stands before the first line, `after` after the last.
fn lay_out(formula: &Formula, indent: usize, before: &str, after: &str, lines: &mut Vec<String>) {
    let start = format!("{:indent$}{before}", "");
    let whole = format!("{start}{}{after}", in_line(formula));
    let (items, word) = match formula {
        Formula::All(items) => (items, " &&"),
        Formula::Any(items) => (items, " ||"),
        _ => return lines.push(whole),
    };
    if whole.chars().count() <= WIDTH {
        return lines.push(whole);
    }
    let last = items.len().saturating_sub(1);
    for (at, item) in items.iter().enumerate() {
        let (before, indent) = if at == 0 { (before, indent) } else { ("", indent + before.len()) };
        let after = if at == last { after } else { word };
        match item {
            Formula::All(_) | Formula::Any(_) => {
                lay_out(item, indent, &format!("{before}("), &format!("){after}"), lines);
            }
            _ => lay_out(item, indent, before, after, lines),
        }
    }
}

fn in_line(formula: &Formula) -> String {
    let joined = |items: &[Formula], word: &str| {
        let part = |item: &Formula| match item {
            Formula::All(_) | Formula::Any(_) => format!("({})", in_line(item)),
            _ => in_line(item),
        };
        items.iter().map(part).collect::<Vec<_>>().join(word)
    };
    match formula {
        Formula::True => "true".to_owned(),
        Formula::False => "false".to_owned(),
        Formula::Is(atom, is) => {
            let said = atom.said(*is);
            // A conditional binds weaker than what stands beside it.
            let text = print_expr(&said);
            let text = if matches!(said.node, crate::syntax::tree::ExprNode::Conditional(..)) {
                format!("({text})")
            } else {
                text
            };
            visible(&text)
        }
        Formula::All(items) => joined(items, " && "),
        Formula::Any(items) => joined(items, " || "),
    }
}

/// Characters that YAML does not take, or takes for the end of a line. They stand in quoted strings only.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

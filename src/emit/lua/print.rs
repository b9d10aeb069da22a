//! Printing: two spaces a level, conditions that are too long broken at `and` and `or`.

use super::code::{L, S, is_identifier};

/// Lines longer than this are broken where they can be.
const COLUMNS_MAX: usize = 100;

/// Statements as text, each line with its end.
pub(super) fn block(statements: &[S], level: usize, out: &mut String) {
    for statement in statements {
        self::statement(statement, level, out);
    }
}

fn line(level: usize, text: &str, out: &mut String) {
    out.push_str(&"  ".repeat(level));
    out.push_str(text);
    out.push('\n');
}

fn statement(statement: &S, level: usize, out: &mut String) {
    match statement {
        S::Local(name, None) => line(level, &format!("local {name}"), out),
        S::Local(name, Some(value)) => wrapped(level, &format!("local {name} = "), value, "", out),
        S::Set(target, value) => wrapped(level, &format!("{} = ", expr(target, level)), value, "", out),
        S::Return(value) => wrapped(level, "return ", value, "", out),
        S::If(branches, otherwise) => {
            if let ([(condition, body)], None) = (branches.as_slice(), otherwise)
                && let Some(text) = one_line(condition, body, level)
            {
                return line(level, &text, out);
            }
            for (i, (condition, body)) in branches.iter().enumerate() {
                wrapped(level, if i == 0 { "if " } else { "elseif " }, condition, " then", out);
                block(body, level + 1, out);
            }
            if let Some(body) = otherwise {
                line(level, "else", out);
                block(body, level + 1, out);
            }
            line(level, "end", out);
        }
    }
}

/// `if x == nil then x = "" end`
fn one_line(condition: &L, body: &[S], level: usize) -> Option<String> {
    let [only @ (S::Set(..) | S::Return(_))] = body else { return None };
    let mut inner = String::new();
    statement(only, 0, &mut inner);
    let text = format!("if {} then {} end", expr(condition, level), inner.trim_end());
    let fits = text.len() + 2 * level <= COLUMNS_MAX && !text.contains('\n');
    fits.then_some(text)
}

/// `before value after`, broken at the outermost `and` or `or` if it is too long.
fn wrapped(level: usize, before: &str, value: &L, after: &str, out: &mut String) {
    let whole = format!("{before}{}{after}", expr(value, level));
    let longest = whole.lines().map(str::len).max().unwrap_or(0);
    let mut parts = Vec::new();
    let (terms, word) = match value {
        _ if longest + 2 * level <= COLUMNS_MAX => return line(level, &whole, out),
        L::All(terms) => (terms, "and"),
        L::Any(terms) => (terms, "or"),
        L::Op("..", ..) => {
            flatten(value, &mut parts);
            (&parts, "..")
        }
        L::Map(entries) if !entries.is_empty() => {
            line(level, &format!("{before}{{"), out);
            for (key, value) in entries {
                wrapped(level + 1, &format!("{} = ", key_text(key)), value, ",", out);
            }
            return line(level, &format!("}}{after}"), out);
        }
        _ => return line(level, &whole, out),
    };
    for (i, term) in terms.iter().enumerate() {
        let text = within(term, if word == ".." { 5 } else { 3 }, level + 1);
        let end = if i + 1 == terms.len() { after } else { "" };
        if i == 0 {
            line(level, &format!("{before}{text}{end}"), out);
        } else {
            line(level + 1, &format!("{word} {text}{end}"), out);
        }
    }
}

fn flatten(value: &L, parts: &mut Vec<L>) {
    if let L::Op("..", a, b) = value {
        parts.push(a.as_ref().clone());
        flatten(b, parts);
    } else {
        parts.push(value.clone());
    }
}

fn precedence(e: &L) -> u8 {
    match e {
        L::Any(_) => 1,
        L::All(_) => 2,
        L::Op("==" | "~=" | "<" | "<=" | ">" | ">=", ..) => 3,
        L::Op("..", ..) => 4,
        L::Op("+" | "-", ..) => 5,
        L::Op(..) => 6,
        L::Not(_) | L::Neg(_) | L::Len(_) => 7,
        _ => 8,
    }
}

/// In brackets if it binds less tightly than asked.
fn within(e: &L, at_least: u8, level: usize) -> String {
    let text = expr(e, level);
    if precedence(e) < at_least { format!("({text})") } else { text }
}

fn list(items: &[L], level: usize) -> String {
    items.iter().map(|item| expr(item, level)).collect::<Vec<_>>().join(", ")
}

/// An expression; its further lines, if it has any, are indented for a first line at `level`.
pub(super) fn expr(e: &L, level: usize) -> String {
    match e {
        L::Nil => "nil".to_owned(),
        L::True => "true".to_owned(),
        L::False => "false".to_owned(),
        L::Num(number) => number.clone(),
        L::Str(text) => quoted(text),
        L::Name(name) => name.clone(),
        L::Dot(base, key) => format!("{}.{key}", prefix(base, level)),
        L::At(base, key) => format!("{}[{}]", prefix(base, level), expr(key, level)),
        L::Call(name, args) => format!("{name}({})", list(args, level)),
        L::Func(params, body) => function(params, body, level),
        L::Not(inner) => format!("not {}", within(inner, 7, level)),
        L::Neg(inner) => format!("-{}", within(inner, 8, level)),
        L::Len(inner) => format!("#{}", within(inner, 8, level)),
        L::Op("..", a, b) => format!("{} .. {}", within(a, 5, level), within(b, 4, level)),
        L::Op(op, a, b) => {
            let own = precedence(e);
            // Comparisons do not chain; the others are read from the left.
            let left = if own == 3 { 4 } else { own };
            format!("{} {op} {}", within(a, left, level), within(b, own + 1, level))
        }
        L::All(terms) => terms.iter().map(|t| within(t, 3, level)).collect::<Vec<_>>().join(" and "),
        // `and` binds tighter than `or`; the brackets are for the reader.
        L::Any(terms) => terms.iter().map(|t| within(t, 3, level)).collect::<Vec<_>>().join(" or "),
        L::List(items) => format!("{{{}}}", list(items, level)),
        L::Map(entries) => {
            let entry = |(key, value): &(String, L)| format!("{} = {}", key_text(key), expr(value, level));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A key of a table constructor.
fn key_text(key: &str) -> String {
    if is_identifier(key) { key.to_owned() } else { format!("[{}]", quoted(key)) }
}

/// What may stand before a dot or a bracket.
fn prefix(e: &L, level: usize) -> String {
    let text = expr(e, level);
    if matches!(e, L::Name(_) | L::Dot(..) | L::At(..) | L::Call(..)) { text } else { format!("({text})") }
}

fn function(params: &[String], body: &[S], level: usize) -> String {
    let head = format!("function({})", params.join(", "));
    let mut inner = String::new();
    block(body, 0, &mut inner);
    let flat = inner.trim_end().replace('\n', " ");
    let small = matches!(body, [S::Return(_)]) && flat.len() <= 60;
    if small {
        return format!("{head} {flat} end");
    }
    inner.clear();
    block(body, level + 1, &mut inner);
    format!("{head}\n{inner}{}end", "  ".repeat(level))
}

/// A Lua string. What a YAML block scalar or an editor could change is written as bytes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_unprintable(c) => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("\\{byte:03}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Beyond the control characters: line separators, byte order marks, what changes the direction of text, and what is no character.
fn is_unprintable(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
}

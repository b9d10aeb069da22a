//! What is wanted, as YAML in block or flow style.

use super::Wanted;

/// `key:` and its value, from `indent` blanks on, which stand before it already; no line end after it. `comment`: what stands behind the first line.
pub(super) fn entry(key: &str, value: &Wanted, indent: usize, eol: &str, comment: &str) -> String {
    format!("{}:{}", scalar(key), behind(value, indent, eol, comment))
}

/// What stands behind the colon of a key that begins after `indent` blanks.
pub(super) fn behind(value: &Wanted, indent: usize, eol: &str, comment: &str) -> String {
    let inner = " ".repeat(indent + 2);
    match value {
        Wanted::Text(text) if literal(text) => {
            let mut out = format!(" |{comment}");
            for line in text.lines() {
                out.push_str(eol);
                if !line.is_empty() {
                    out.push_str(&inner);
                    out.push_str(line);
                }
            }
            out
        }
        Wanted::Text(text) => format!(" {}{comment}", scalar(text)),
        Wanted::Map(entries) if entries.is_empty() => format!(" {{}}{comment}"),
        Wanted::List { items, .. } if items.is_empty() => format!(" []{comment}"),
        Wanted::Map(entries) => {
            let mut out = comment.to_owned();
            for (key, value) in entries {
                out.push_str(eol);
                out.push_str(&inner);
                out.push_str(&entry(key, value, indent + 2, eol, ""));
            }
            out
        }
        Wanted::List { items, .. } => {
            let mut out = comment.to_owned();
            for value in items {
                out.push_str(eol);
                out.push_str(&inner);
                out.push_str(&item(value, indent + 2, eol));
            }
            out
        }
    }
}

/// `- ` and the item, from `indent` blanks on, which stand before it already.
pub(super) fn item(value: &Wanted, indent: usize, eol: &str) -> String {
    match value {
        Wanted::Map(entries) if !entries.is_empty() => {
            let one = |(key, value): &(String, Wanted)| entry(key, value, indent + 2, eol, "");
            let between = format!("{eol}{}", " ".repeat(indent + 2));
            format!("- {}", entries.iter().map(one).collect::<Vec<_>>().join(&between))
        }
        other => format!("- {}", flow(other)),
    }
}

/// In flow style, which is JSON.
pub(super) fn flow(value: &Wanted) -> String {
    match value {
        Wanted::Text(text) => quoted(text),
        Wanted::Map(entries) => {
            let one = |(key, value): &(String, Wanted)| format!("{}: {}", quoted(key), flow(value));
            format!("{{{}}}", entries.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Wanted::List { items, .. } => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether a literal block holds exactly this text.
fn literal(text: &str) -> bool {
    let odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\n']) && !text.contains(odd)
}

/// Plain where nothing can read it as something else, else in double quotes.
pub(super) fn scalar(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    let lower = text.to_ascii_lowercase();
    let reserved = matches!(&*lower, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(word) && !reserved;
    if plain { text.to_owned() } else { quoted(text) }
}

/// In double quotes, as both JSON and YAML read it: YAML takes some characters for line ends that JSON leaves alone.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    json.chars().map(|c| if odd(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

//! Texts as YAML writes them.

use granit_parser::ScalarStyle;

use crate::manifests::yaml;

/// A text in double quotes: valid in YAML and in JSON.
pub(super) fn double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Control characters, line ends of YAML 1.1, and what YAML does not count as printable.
            '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text in the style of the text that stood there or stands beside, where that style can say it; else in double quotes.
pub(super) fn like(text: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::SingleQuoted if text.chars().all(|c| (' '..='~').contains(&c)) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        ScalarStyle::Plain if is_plain(text) => text.to_owned(),
        _ => double(text),
    }
}

/// A key: plain where that is safe and its neighbours are plain.
pub(super) fn key(name: &str, quoted: bool) -> String {
    if !quoted && is_plain(name) { name.to_owned() } else { double(name) }
}

/// Safe without quotes, in block and flow: a few characters beyond doubt, and nothing that YAML 1.1 or 1.2 reads as something else than a text.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && yaml::is_text(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::{double, is_plain, key, like};
    use granit_parser::ScalarStyle;

    #[test]
    fn what_is_written_is_read() {
        for text in ["", "1", "yes", "a: b", "#x", "two\nlines", "\u{85}\u{2028}\u{7f}\0", "é😀", "'\"\\", "{{ x }}"]
        {
            for written in [double(text), like(text, ScalarStyle::SingleQuoted), like(text, ScalarStyle::Plain)] {
                let read = crate::manifests::parse_yaml(&written).unwrap();
                assert_eq!(read, serde_json::Value::from(text), "{written}");
            }
            assert_eq!(serde_json::from_str::<String>(&double(text)).unwrap(), text);
        }
    }

    #[test]
    fn plain_only_beyond_doubt() {
        assert!(is_plain("argocd.argoproj.io/sync-wave"));
        for doubtful in ["yes", "null", "1", "-a", "", "a b", "a:", "off", "Y"] {
            assert!(!is_plain(doubtful), "{doubtful}");
        }
        assert_eq!(key("true", false), "\"true\"");
    }
}

//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>): one run, a rule for each code that was found.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Texts;
use crate::diagnostic::{CODES, Code, Diagnostic, Severity, Span};

pub(super) fn sarif(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> String {
    let codes: BTreeSet<Code> = diagnostics.iter().map(|d| d.code).collect();
    let rules: Vec<Value> = CODES.iter().filter(|info| codes.contains(&info.code)).map(|info| {
        json!({ "id": info.code.to_string(), "name": info.name, "shortDescription": { "text": info.meaning } })
    }).collect();
    let index = |code: Code| codes.iter().position(|known| *known == code);
    let results: Vec<Value> = diagnostics.iter().map(|d| result(texts, d, index(d.code))).collect();
    let driver = json!({ "name": "tidegate", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    });
    // Values made here always serialize.
    let mut out = serde_json::to_string_pretty(&log).unwrap_or_default();
    out.push('\n');
    out
}

fn result(texts: &Texts<'_>, d: &Diagnostic, rule: Option<usize>) -> Value {
    let level = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = if d.help.is_empty() { d.message.clone() } else { format!("{}; {}", d.message, d.help) };
    let related: Vec<Value> = d
        .related
        .iter()
        .map(|(span, text)| {
            let mut place = location(texts, *span);
            if let Some(place) = place.as_object_mut() {
                place.insert("message".to_owned(), json!({ "text": text }));
            }
            place
        })
        .collect();
    json!({
        "ruleId": d.code.to_string(),
        "ruleIndex": rule,
        "level": level,
        "message": { "text": text },
        "locations": [location(texts, d.span)],
        "relatedLocations": related,
    })
}

fn location(texts: &Texts<'_>, span: Span) -> Value {
    let (file, start, end) = texts.place(span);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(file) },
        "region": { "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column },
    } })
}

/// A relative reference (RFC 3986): what may not stand in a path is escaped.
fn uri(file: &str) -> String {
    let path = file.strip_prefix("./").unwrap_or(file);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

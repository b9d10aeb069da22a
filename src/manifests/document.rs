//! A stream to documents, findings for what is none.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::shape::{self, Wrong};
use super::yaml::{self, Composed, Mark, MarkKind, YamlError};
use super::{DOCUMENTS_MAX, YAML_DEPTH_MAX};
use crate::diagnostic::{Code, Diagnostic, FileId, Severity, Sources, Span};

/// One object of a manifest. The objects of a `List` are documents of their own.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text that it comes from.
    pub file: FileId,
    /// Its place among the objects of the file, from 0.
    pub index: usize,
    /// Where in nested lists (`items`) it stands, from the outside; empty for an object of its own.
    pub item: Vec<usize>,
    /// From its first key to its end; in a `List`, the element.
    pub span: Span,
    /// What the `# Source:` comment of a rendered Helm chart says.
    pub source: Option<Arc<str>>,
    /// Each annotation's key and value, by key. Empty for annotations that come by an alias, and for JSON.
    pub annotations: BTreeMap<String, Span>,
    /// The object, with `apiVersion` and `kind`.
    pub object: Value,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Every object, in the order of the files and of each file.
    pub documents: Vec<Document>,
    /// What could not be read, or is odd.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one text, which is in `sources` already. Findings are added to `manifests`.
pub fn read_text(sources: &Sources, file: FileId, manifests: &mut Manifests) {
    let Some(source) = sources.get(file) else { return };
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let base = source.text.len() - text.len();
    let mut reader = Reader { file, text: &source.text, index: 0, template: false, manifests };
    if text.trim_start().starts_with('{') {
        match json_stream(text) {
            Ok(values) => {
                for (value, bytes) in values {
                    let bytes = bytes.start + base..bytes.end + base;
                    reader.object(value, &bytes, None, &[], &mut Vec::new());
                }
                return;
            }
            Err(error) if !text.contains("\n---") && yaml::compose(text).is_err() => {
                return reader.finding(Code::YAML, Severity::Error, &error, base, "");
            }
            // `{…}` is YAML too, and other documents may follow.
            Err(_) => {}
        }
    }
    for range in yaml::split(text) {
        reader.yaml(text.get(range.clone()).unwrap_or_default(), base + range.start);
    }
}

pub(super) fn json_stream(text: &str) -> Result<Vec<(Value, Range<usize>)>, YamlError> {
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let rest = text.get(stream.byte_offset()..).unwrap_or_default();
        let start = text.len() - rest.trim_start().len();
        match stream.next() {
            None => return Ok(values),
            Some(Ok(value)) => values.push((value, start..stream.byte_offset())),
            Some(Err(error)) => {
                let at = offset(text, error.line(), error.column());
                // serde_json ends its messages with the place, which the finding shows itself.
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                return Err(YamlError { message, bytes: at..at });
            }
        }
    }
}

/// Byte offset of a line and column (both from 1, columns in bytes).
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

struct Reader<'m> {
    file: FileId,
    /// All of the file.
    text: &'m str,
    /// A document is a template that is not rendered; said once a file.
    template: bool,
    index: usize,
    manifests: &'m mut Manifests,
}

impl Reader<'_> {
    fn span(&self, bytes: &Range<usize>) -> Span {
        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        Span { file: self.file, start: at(bytes.start), end: at(bytes.end.max(bytes.start)) }
    }

    fn finding(&mut self, code: Code, severity: Severity, error: &YamlError, base: usize, help: &str) {
        let span = self.span(&(error.bytes.start + base..error.bytes.end + base));
        let diagnostic = match severity {
            Severity::Error => Diagnostic::error(code, span, error.message.clone()),
            _ => Diagnostic::warning(code, span, error.message.clone()),
        };
        self.manifests.diagnostics.push(diagnostic.help(help));
    }

    fn yaml(&mut self, chunk: &str, base: usize) {
        let composed = match yaml::compose(chunk) {
            Ok(None) => return,
            Ok(Some(composed)) => composed,
            Err(error) => {
                let template = chunk.contains("{{");
                if template && std::mem::replace(&mut self.template, true) {
                    return;
                }
                let help = if template {
                    "this looks like a template; render it first, for example with `helm template`"
                } else {
                    ""
                };
                return self.finding(Code::YAML, Severity::Error, &error, base, help);
            }
        };
        let Composed { value, bytes, marks, oddities } = composed;
        for oddity in &oddities {
            self.finding(Code::YAML_ODDITY, Severity::Warning, oddity, base, "");
        }
        let source = chunk.get(..bytes.start).and_then(helm_source);
        let shift = |range: &Range<usize>| range.start + base..range.end + base;
        let marks: Vec<Mark> = marks.into_iter().map(|m| Mark { bytes: shift(&m.bytes), ..m }).collect();
        self.object(value, &shift(&bytes), source.as_ref(), &marks, &mut Vec::new());
    }

    /// Takes an object, or each object of a list. `item`: where in nested lists it stands, as in marks.
    fn object(
        &mut self,
        value: Value,
        bytes: &Range<usize>,
        source: Option<&Arc<str>>,
        marks: &[Mark],
        item: &mut Vec<usize>,
    ) {
        if value.is_null() {
            return;
        }
        let wrong = shape::not_an_object(&value).or_else(|| self.too_much(item));
        if let Some(wrong) = wrong {
            return self.wrong(&wrong, bytes);
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("kind").ends_with("List") && value.get("items").is_some_and(Value::is_array) {
            return self.list(value, bytes, source, marks, item);
        }
        for wrong in shape::misshapen(&value) {
            self.wrong(&wrong, bytes);
        }
        let own = marks.iter().filter(|m| m.item == *item);
        let annotations = own.filter_map(|m| match &m.kind {
            MarkKind::Annotation(key) => Some((key.clone(), self.span(&m.bytes))),
            MarkKind::Item => None,
        });
        let annotations = annotations.collect();
        let (file, index, span) = (self.file, self.index, self.span(bytes));
        self.index += 1;
        self.manifests.documents.push(Document {
            file,
            index,
            item: item.clone(),
            span,
            source: source.cloned(),
            annotations,
            object: value,
        });
    }

    fn too_much(&self, item: &[usize]) -> Option<Wrong> {
        let message = if self.manifests.documents.len() >= DOCUMENTS_MAX {
            "too many documents"
        } else if item.len() > YAML_DEPTH_MAX {
            "lists are nested too deeply"
        } else {
            return None;
        };
        Some(Wrong { severity: Severity::Error, message: message.to_owned(), help: "", path: &[] })
    }

    fn wrong(&mut self, wrong: &Wrong, bytes: &Range<usize>) {
        let field = (!wrong.path.is_empty()).then(|| yaml::locate(self.text, bytes, wrong.path)).flatten();
        let span = self.span(&field.unwrap_or(bytes.start..bytes.start));
        let finding = Diagnostic::error(Code::NOT_AN_OBJECT, span, wrong.message.clone()).help(wrong.help);
        self.manifests.diagnostics.push(Diagnostic { severity: wrong.severity, ..finding });
    }

    fn list(
        &mut self,
        value: Value,
        bytes: &Range<usize>,
        source: Option<&Arc<str>>,
        marks: &[Mark],
        item: &mut Vec<usize>,
    ) {
        let Value::Object(mut fields) = value else { return };
        let Some(Value::Array(items)) = fields.remove("items") else { return };
        // Marks are in the order of the text, which is the order of the items.
        let mut rest = marks;
        for (n, element) in items.into_iter().enumerate() {
            item.push(n);
            let skipped = rest.iter().take_while(|m| !m.item.starts_with(item)).count();
            let (_, from) = rest.split_at(skipped);
            let (own, after) = from.split_at(from.iter().take_while(|m| m.item.starts_with(item)).count());
            let place = own.iter().find(|m| m.item == *item && m.kind == MarkKind::Item);
            let bytes = place.map_or_else(|| bytes.clone(), |m| m.bytes.clone());
            self.object(element, &bytes, source, own, item);
            item.pop();
            rest = if own.is_empty() { rest } else { after };
        }
    }
}

/// `# Source: chart/templates/x.yaml` in the comments before an object.
fn helm_source(before: &str) -> Option<Arc<str>> {
    let last = before.lines().filter_map(|line| line.strip_prefix("# Source: ")).next_back();
    last.map(|source| Arc::from(source.trim()))
}

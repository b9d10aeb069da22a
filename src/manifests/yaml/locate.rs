//! The place of one field, for findings: the text is read again, and only for what is found.

use std::ops::Range;

use granit_parser::{Event, Parser, Span, StrInput, options};

use super::YAML_DEPTH_MAX;

/// The bytes of a field's key and value; of a map or a list, of its key alone; of a list's element, its own.
/// `document` are the bytes of the object in `text`. None when the field is not written there as such: JSON as well as YAML is read, aliases and merge keys are not
/// followed.
#[must_use]
pub fn locate(text: &str, document: &Range<usize>, path: &[&str]) -> Option<Range<usize>> {
    let slice = text.get(document.clone())?;
    // An element of a list begins in the middle of its line; its other lines are indented as far.
    let line = text.get(..document.start)?.rfind('\n').map_or(0, |at| at + 1);
    let column = text.get(line..document.start)?.chars().count();
    let padded = format!("{}{slice}", " ".repeat(column));
    let mut options = options! { flow_nesting_limit: YAML_DEPTH_MAX, block_nesting_limit: YAML_DEPTH_MAX };
    options.set_emit_comments(false);
    let mut walk = Walk { parser: Parser::new_from_str_with_options(&padded, options) };
    let found = walk.document(path)?;
    let back = |byte: usize| byte.checked_sub(column).map(|byte| byte + document.start);
    Some(back(found.start)?..back(found.end)?)
}

struct Walk<'t> {
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Walk<'t> {
    fn next(&mut self) -> Option<(Event<'t>, Range<usize>)> {
        let (event, span): (Event<'t>, Span) = self.parser.next_event()?.ok()?;
        Some((event, span.byte_range().unwrap_or(0..0)))
    }

    fn document(&mut self, path: &[&str]) -> Option<Range<usize>> {
        loop {
            let (event, bytes) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                event => return self.find(&event, &bytes, path),
            }
        }
    }

    /// Where `path` leads from a value that has just begun. None ends the walk: what is not on the way has been passed over.
    fn find(&mut self, event: &Event<'t>, bytes: &Range<usize>, path: &[&str]) -> Option<Range<usize>> {
        let Some((step, rest)) = path.split_first() else { return Some(bytes.clone()) };
        match event {
            Event::MappingStart(..) => loop {
                let (event, key) = self.next()?;
                let Event::Scalar(name, ..) = event else { return None };
                let found = *name == **step;
                let (event, value) = self.next()?;
                if !found {
                    self.pass(&event)?;
                } else if rest.is_empty() {
                    let end = if matches!(event, Event::Scalar(..)) { value.end.max(key.end) } else { key.end };
                    return Some(key.start..end);
                } else {
                    return self.find(&event, &value, rest);
                }
            },
            Event::SequenceStart(..) => {
                let wanted: usize = step.parse().ok()?;
                for _ in 0..wanted {
                    let (event, _) = self.next()?;
                    self.pass(&event)?;
                }
                let (event, bytes) = self.next()?;
                let bytes = if matches!(event, Event::Scalar(..)) { bytes } else { bytes.start..bytes.start };
                self.find(&event, &bytes, rest)
            }
            _ => None,
        }
    }

    /// Reads to the end of a value that has just begun.
    fn pass(&mut self, event: &Event<'t>) -> Option<()> {
        let mut open = 0usize;
        let mut event = event.clone();
        loop {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => open += 1,
                Event::MappingEnd | Event::SequenceEnd => open = open.checked_sub(1)?,
                _ => {}
            }
            if open == 0 {
                return Some(());
            }
            event = self.next()?.0;
        }
    }
}

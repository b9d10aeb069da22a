//! Where in the text a value is set.

use std::ops::Range;

use super::nodes::{Node, NodeKind, Style};
use super::{Done, Wanted, print, same};
use crate::manifests::yaml::YamlError;

/// A range of the text and what comes there.
pub(super) struct Edit {
    pub at: Range<usize>,
    pub text: String,
}

/// Collects edits; their ranges do not overlap.
pub(super) struct Editor<'t> {
    text: &'t str,
    eol: &'static str,
    edits: Vec<Edit>,
    done: Vec<(Vec<String>, Done)>,
}

fn refuse<T>(node: &Node, message: &str) -> Result<T, YamlError> {
    Err(YamlError { message: message.to_owned(), bytes: node.bytes.clone() })
}

impl<'t> Editor<'t> {
    pub fn new(text: &'t str) -> Self {
        let first = text.split_inclusive('\n').next().unwrap_or_default();
        let eol = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        Editor { text, eol, edits: Vec::new(), done: Vec::new() }
    }

    pub fn finish(self) -> (Vec<Edit>, Vec<(Vec<String>, Done)>) {
        (self.edits, self.done)
    }

    /// Sets keys of a map.
    pub fn map(&mut self, map: &Node, wanted: &[(String, Wanted)], path: &mut Vec<String>) -> Result<(), YamlError> {
        let mut new = Vec::new();
        for (key, value) in wanted {
            let mut found = map.entries().iter().filter(|(name, _)| name.text() == Some(key));
            path.push(key.clone());
            match (found.next(), found.next()) {
                (Some(_), Some((second, _))) => {
                    return refuse(second, &format!("the key `{key}` stands twice; remove one"));
                }
                (Some((name, old)), None) => self.value(map, name, old, value, path)?,
                (None, _) => {
                    self.note(value, path, Done::Added);
                    new.push((key, value));
                }
            }
            path.pop();
        }
        self.add_keys(map, &new)
    }

    fn note(&mut self, value: &Wanted, path: &mut Vec<String>, done: Done) {
        match value {
            Wanted::Text(_) => self.done.push((path.clone(), done)),
            Wanted::Map(entries) => {
                for (key, value) in entries {
                    path.push(key.clone());
                    self.note(value, path, done);
                    path.pop();
                }
            }
            Wanted::List { by, items } => {
                for item in items {
                    path.push(super::wanted_key(item, by).join("/"));
                    self.note(item, path, done);
                    path.pop();
                }
            }
        }
    }

    fn value(
        &mut self,
        map: &Node,
        key: &Node,
        old: &Node,
        wanted: &Wanted,
        path: &mut Vec<String>,
    ) -> Result<(), YamlError> {
        match (&old.kind, wanted) {
            (NodeKind::Scalar { text, style }, Wanted::Text(new)) => {
                // A plain scalar may be a number or a boolean, which is no text.
                let is_text = *style != Style::Plain || print::scalar(text) == *text;
                if is_text && same(text, new) {
                    self.done.push((path.clone(), Done::Same));
                    return Ok(());
                }
                self.done.push((path.clone(), Done::Replaced));
                self.replace(map, key, old, wanted)
            }
            (NodeKind::Map { entries, .. }, Wanted::Map(new)) if !entries.is_empty() => self.map(old, new, path),
            (NodeKind::List { items, .. }, Wanted::List { by, items: new }) if !items.is_empty() => {
                self.list(old, by, new, path)
            }
            (NodeKind::Map { .. }, Wanted::Map(_)) | (NodeKind::List { .. }, Wanted::List { .. }) => {
                self.note(wanted, path, Done::Added);
                self.replace(map, key, old, wanted)
            }
            _ if old.is_null() => {
                self.note(wanted, path, Done::Added);
                self.replace(map, key, old, wanted)
            }
            (NodeKind::Alias, Wanted::Text(_)) => {
                self.done.push((path.clone(), Done::Replaced));
                self.replace(map, key, old, wanted)
            }
            (NodeKind::Alias, _) => refuse(old, "comes by an alias; write it out to have it edited"),
            (_, Wanted::Text(_)) => refuse(old, "expected a text here"),
            (_, Wanted::Map(_)) => refuse(old, "expected a map here"),
            (_, Wanted::List { .. }) => refuse(old, "expected a list here"),
        }
    }

    fn list(&mut self, list: &Node, by: &[&str], wanted: &[Wanted], path: &mut Vec<String>) -> Result<(), YamlError> {
        let mut new = Vec::new();
        for item in wanted {
            let Wanted::Map(entries) = item else { continue };
            let key = super::wanted_key(item, by);
            let is = |old: &&Node| {
                let text = |name: &&str| old.get(name).and_then(Node::text).unwrap_or_default().to_owned();
                matches!(old.kind, NodeKind::Map { .. }) && by.iter().map(text).collect::<Vec<_>>() == key
            };
            path.push(key.join("/"));
            let mut found = list.items().iter().filter(is);
            match (found.next(), found.next()) {
                (_, Some(second)) => return refuse(second, &format!("`{}` stands twice; remove one", key.join("/"))),
                // An absent key by which it is known is an empty text already.
                (Some(old), None) => {
                    let differ = |(key, _): &&(String, Wanted)| !by.contains(&key.as_str());
                    let entries: Vec<_> = entries.iter().filter(differ).cloned().collect();
                    self.map(old, &entries, path)?;
                }
                (None, _) => {
                    self.note(item, path, Done::Added);
                    new.push(item);
                }
            }
            path.pop();
        }
        self.add_items(list, &new)
    }

    /// Writes a value where another stood.
    fn replace(&mut self, map: &Node, key: &Node, old: &Node, wanted: &Wanted) -> Result<(), YamlError> {
        if old.anchored {
            return refuse(old, "has an anchor, which aliases may name; write them out to have it edited");
        }
        let flow = matches!(map.kind, NodeKind::Map { flow: true, .. });
        let colon = self.colon(key)?;
        let is_block = matches!(old.kind, NodeKind::Scalar { style: Style::Block, .. });
        let header = if is_block { Some(self.header(old, colon)?) } else { None };
        let between = self.text.get(colon..header.unwrap_or(old.bytes.start)).unwrap_or_default();
        let empty = old.is_null() && old.text() == Some("");
        if !empty && between.contains('#') {
            return refuse(old, "a comment stands between key and value; move it to have the value edited");
        }
        if flow {
            if empty {
                return refuse(key, "a key without a value; give it one to have it edited");
            }
            self.edits.push(Edit { at: old.bytes.clone(), text: print::flow(wanted) });
            return Ok(());
        }
        let behind = |at: usize| (at + self.rest_of_line(at).trim_end_matches('\r').len(), self.rest_of_line(at));
        let (end, tail) = if empty {
            behind(colon)
        } else if let Some(header) = header {
            let line = self.rest_of_line(header);
            let tail = line.trim_start_matches(|c: char| matches!(c, '|' | '>' | '+' | '-') || c.is_ascii_digit());
            (self.block_end(header, self.column(key)?).0, tail)
        } else {
            behind(old.bytes.end)
        };
        let comment = tail.trim_end();
        if !comment.is_empty() && !comment.trim_start().starts_with('#') {
            return refuse(old, "something stands behind the value");
        }
        let text = print::behind(wanted, self.column(key)?, self.eol, comment);
        self.edits.push(Edit { at: colon..end, text });
        Ok(())
    }

    fn add_keys(&mut self, map: &Node, new: &[(&String, &Wanted)]) -> Result<(), YamlError> {
        let entries = map.entries();
        let Some(((first, _), (last_key, last))) = entries.first().zip(entries.last()) else {
            return if new.is_empty() { Ok(()) } else { refuse(map, "an empty map; give it a key to have it edited") };
        };
        if matches!(map.kind, NodeKind::Map { flow: true, .. }) {
            let end = if last.bytes.is_empty() { last_key.bytes.end } else { last.bytes.end };
            let before = self.before_in_line(first.bytes.start);
            // A key that begins its line is followed by lines of their own.
            let between = if before.trim().is_empty()
                && self.text.get(map.bytes.start..first.bytes.start).is_some_and(|t| t.contains('\n'))
            {
                format!(",{}{before}", self.eol)
            } else {
                ", ".to_owned()
            };
            for (key, value) in new {
                let pair = print::flow(&Wanted::Map(vec![((*key).clone(), (*value).clone())]));
                let pair = pair.trim_start_matches('{');
                let pair = pair.strip_suffix('}').unwrap_or(pair);
                self.edits.push(Edit { at: end..end, text: format!("{between}{pair}") });
            }
            return Ok(());
        }
        let column = self.column(first)?;
        let at = self.end_of(map, column)?;
        for (key, value) in new {
            let text = print::entry(key, value, column, self.eol, "");
            self.insert_lines(at, column, &text);
        }
        Ok(())
    }

    fn add_items(&mut self, list: &Node, new: &[&Wanted]) -> Result<(), YamlError> {
        let Some((first, last)) = list.items().first().zip(list.items().last()) else { return Ok(()) };
        if matches!(list.kind, NodeKind::List { flow: true, .. }) {
            for item in new {
                let at = last.bytes.end;
                self.edits.push(Edit { at: at..at, text: format!(", {}", print::flow(item)) });
            }
            return Ok(());
        }
        let before = self.text.get(..first.bytes.start).unwrap_or_default().trim_end_matches([' ', '\n', '\r']);
        if !before.ends_with('-') {
            return refuse(first, "expected `- ` before the first item");
        }
        let before = self.before_in_line(before.len() - 1);
        // A list may stand in a list: `- - a`.
        if !before.bytes().all(|b| b == b' ' || b == b'-') {
            return refuse(first, "expected a line of its own for the first item");
        }
        let column = before.len();
        let at = self.end_of(list, column)?;
        for item in new {
            let text = print::item(item, column, self.eol);
            self.insert_lines(at, column, &text);
        }
        Ok(())
    }

    /// Puts lines behind a line that ends at a place, or at the place if it begins a line.
    fn insert_lines(&mut self, at: usize, column: usize, text: &str) {
        let indent = " ".repeat(column);
        let begins = self.text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
        let text = if begins { format!("{indent}{text}{}", self.eol) } else { format!("{}{indent}{text}", self.eol) };
        self.edits.push(Edit { at: at..at, text });
    }

    /// Where the last line of a block collection ends, with the comments right below it that are not left of it.
    fn end_of(&self, node: &Node, column: usize) -> Result<usize, YamlError> {
        let mut at = self.last_line(node, column, node.bytes.start)?;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(next) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) else { return Ok(at) };
            let line = next.split(['\r', '\n']).next().unwrap_or_default();
            let indent = line.len() - line.trim_start_matches(' ').len();
            if indent < column || !line.trim_start().starts_with('#') {
                return Ok(at);
            }
            at += rest.len() - next.len() + line.len();
        }
    }

    /// `from`: where the header of a block scalar stands at the earliest.
    fn last_line(&self, node: &Node, column: usize, from: usize) -> Result<usize, YamlError> {
        match &node.kind {
            NodeKind::Map { flow: false, entries } => {
                let Some((key, value)) = entries.last() else { return refuse(node, "an empty map") };
                let colon = self.colon(key)?;
                if value.is_null() && value.text() == Some("") {
                    return Ok(colon + self.rest_of_line(colon).trim_end_matches('\r').len());
                }
                self.last_line(value, self.column(key)?, colon)
            }
            NodeKind::List { flow: false, items } => {
                let Some(item) = items.last() else { return refuse(node, "an empty list") };
                if item.is_null() && item.text() == Some("") {
                    return refuse(item, "an item without a value; remove it to have the list edited");
                }
                let before = self.text.get(..item.bytes.start).unwrap_or_default();
                let above = before.len() - self.before_in_line(item.bytes.start).len();
                let above = self.text.get(..above).unwrap_or_default().trim_end();
                self.last_line(item, column, above.len() - self.before_in_line(above.len()).len())
            }
            NodeKind::Scalar { style: Style::Block, .. } => {
                let (end, keeps) = self.block_end(self.header(node, from)?, column);
                Ok(if keeps { self.blank_lines(end) } else { end })
            }
            _ => Ok(node.bytes.end + self.rest_of_line(node.bytes.end).trim_end_matches('\r').len()),
        }
    }

    /// Where the `|` or `>` of a block scalar stands, whose own place is that of its text.
    fn header(&self, node: &Node, from: usize) -> Result<usize, YamlError> {
        let mut blank = true;
        for (at, c) in self.text.get(from..).unwrap_or_default().char_indices() {
            match c {
                '#' if blank => {
                    return refuse(node, "a comment stands before the text; move it to have the text edited");
                }
                '|' | '>' if blank => return Ok(from + at),
                _ => blank = c.is_whitespace(),
            }
        }
        refuse(node, "expected `|` or `>` before the text")
    }

    /// Where the last line of a block scalar's text ends (before its line end), and whether the blank lines behind it belong to it. `column`: that of its key.
    fn block_end(&self, header: usize, column: usize) -> (usize, bool) {
        let line = self.rest_of_line(header);
        let indicators = line.split([' ', '\t', '\r']).next().unwrap_or_default();
        let keeps = indicators.contains('+');
        let digit = indicators.chars().find_map(|c| c.to_digit(10)).and_then(|n| usize::try_from(n).ok());
        let mut indent = digit.map(|n| column + n);
        let mut end = header + line.trim_end_matches('\r').len();
        let mut at = header + line.len();
        while let Some(rest) = self.text.get(at..).and_then(|rest| rest.strip_prefix('\n')) {
            let line = rest.split('\n').next().unwrap_or_default();
            at += 1 + line.len();
            if line.trim().is_empty() {
                continue;
            }
            let blanks = line.len() - line.trim_start_matches(' ').len();
            let document_ends = blanks == 0 && (line.starts_with("---") || line.starts_with("..."));
            if document_ends || blanks < *indent.get_or_insert((column + 1).max(blanks)) {
                break;
            }
            end = at - (line.len() - line.trim_end_matches('\r').len());
        }
        (end, keeps)
    }

    /// Where the blank lines from a line's end on end: at the beginning of the next line with text.
    fn blank_lines(&self, end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches([' ', '\n', '\r']).len();
        let blanks = rest.get(..blank).unwrap_or_default();
        end + blanks.rfind('\n').map_or(0, |at| at + 1)
    }

    /// One past the colon of a key.
    fn colon(&self, key: &Node) -> Result<usize, YamlError> {
        let rest = self.text.get(key.bytes.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if !rest.trim_start_matches([' ', '\t']).starts_with(':') {
            return refuse(key, "expected `:` right behind the key");
        }
        Ok(key.bytes.end + blanks + 1)
    }

    /// Blanks before a key of a block map, `- ` of list items among them.
    fn column(&self, key: &Node) -> Result<usize, YamlError> {
        let before = self.before_in_line(key.bytes.start);
        if before.bytes().all(|b| b == b' ' || b == b'-') {
            Ok(before.len())
        } else {
            refuse(key, "expected the key at the beginning of its line")
        }
    }

    fn before_in_line(&self, at: usize) -> &'t str {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        line.strip_prefix('\u{feff}').unwrap_or(line)
    }

    fn rest_of_line(&self, at: usize) -> &'t str {
        self.text.get(at..).and_then(|rest| rest.split('\n').next()).unwrap_or_default()
    }
}

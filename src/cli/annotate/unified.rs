//! Lines that differ, as `diff -u` writes them.

use std::fmt::Write as _;
use std::ops::Range;

use similar::{DiffOp, TextDiff, group_diff_ops};

/// Lines around a difference.
const CONTEXT: usize = 3;

/// The difference of a text and the same with some documents replaced; empty where nothing differs. Only those documents are compared.
pub(super) fn unified(name: &str, before: &str, changed: &[(Range<usize>, String)]) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let mut new: Vec<&str> = Vec::with_capacity(old.len() + changed.len());
    let mut ops: Vec<DiffOp> = Vec::new();
    // Byte and line of `before` up to which everything is taken over.
    let (mut byte, mut line) = (0, 0);
    let regions: Vec<(Range<usize>, String)> = regions(before, changed);
    for (bytes, after) in &regions {
        let gap = before.get(byte..bytes.start).unwrap_or_default().split_inclusive('\n').count();
        equal(&mut ops, &mut new, &old, line, gap);
        line += gap;
        let was = before.get(bytes.clone()).unwrap_or_default();
        let difference = TextDiff::from_lines(was, after.as_str());
        ops.extend(difference.ops().iter().map(|op| shifted(*op, line, new.len())));
        new.extend(after.split_inclusive('\n'));
        line += was.split_inclusive('\n').count();
        byte = bytes.end;
    }
    let rest = old.len() - line.min(old.len());
    equal(&mut ops, &mut new, &old, line, rest);
    print(name, &old, &new, ops)
}

/// The documents that change, with whole lines. Those that share a line are one.
fn regions(before: &str, changed: &[(Range<usize>, String)]) -> Vec<(Range<usize>, String)> {
    let mut regions: Vec<(Range<usize>, String)> = Vec::new();
    for (bytes, after) in changed {
        let start = before.get(..bytes.start).and_then(|b| b.rfind('\n')).map_or(0, |newline| newline + 1);
        let rest = before.get(bytes.end..).unwrap_or_default();
        let whole = bytes.end > 0 && before.as_bytes().get(bytes.end - 1) == Some(&b'\n');
        let end = if whole { bytes.end } else { bytes.end + rest.find('\n').map_or(rest.len(), |newline| newline + 1) };
        let lead = before.get(start..bytes.start).unwrap_or_default();
        let tail = before.get(bytes.end..end).unwrap_or_default();
        match regions.last_mut().filter(|(last, _)| last.end > start) {
            Some((last, text)) => {
                // The tail of the former holds this document as it was.
                let kept = text.len().saturating_sub(last.end.saturating_sub(bytes.start));
                text.truncate(kept);
                text.push_str(after);
                text.push_str(tail);
                last.end = end;
            }
            None => regions.push((start..end, format!("{lead}{after}{tail}"))),
        }
    }
    regions
}

fn equal<'t>(ops: &mut Vec<DiffOp>, new: &mut Vec<&'t str>, old: &[&'t str], line: usize, len: usize) {
    if len > 0 {
        ops.push(DiffOp::Equal { old_index: line, new_index: new.len(), len });
        new.extend(old.get(line..line + len).unwrap_or_default());
    }
}

fn shifted(op: DiffOp, old: usize, new: usize) -> DiffOp {
    match op {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + old, new_index: new_index + new, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + old, old_len, new_index: new_index + new }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + old, new_index: new_index + new, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + old, old_len, new_index: new_index + new, new_len }
        }
    }
}

fn print(name: &str, old: &[&str], new: &[&str], ops: Vec<DiffOp>) -> String {
    let name = name.trim_start_matches("./").trim_start_matches('/');
    let mut out = String::new();
    for group in group_diff_ops(merged(ops), CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        if out.is_empty() {
            let _ = writeln!(out, "--- a/{name}\n+++ b/{name}");
        }
        let range = |start: Range<usize>, end: Range<usize>| match end.end - start.start {
            0 => format!("{},0", start.start),
            1 => format!("{}", start.start + 1),
            len => format!("{},{len}", start.start + 1),
        };
        let (was, is) = (range(first.old_range(), last.old_range()), range(first.new_range(), last.new_range()));
        let _ = writeln!(out, "@@ -{was} +{is} @@");
        for op in &group {
            if matches!(op, DiffOp::Equal { .. }) {
                lines(&mut out, ' ', old, op.old_range());
            } else {
                lines(&mut out, '-', old, op.old_range());
                lines(&mut out, '+', new, op.new_range());
            }
        }
    }
    out
}

/// Equal lines of neighbouring documents are one stretch.
fn merged(ops: Vec<DiffOp>) -> Vec<DiffOp> {
    let mut out: Vec<DiffOp> = Vec::new();
    for op in ops {
        match (out.last_mut(), op) {
            (Some(DiffOp::Equal { len: known, .. }), DiffOp::Equal { len, .. }) => *known += len,
            _ => out.push(op),
        }
    }
    out
}

fn lines(out: &mut String, sign: char, lines: &[&str], range: Range<usize>) {
    for line in lines.get(range).into_iter().flatten() {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

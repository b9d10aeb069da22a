//! Functions on strings. Positions are in code points. As cel-go's `ext.Strings` where CEL itself is silent.

use std::sync::Arc;

use super::convert::count;
use super::error::{ErrorKind, Fault};
use super::pattern;
use super::types::with_article;
use super::value::Value;

type Result = std::result::Result<Value, Fault>;

pub(super) fn starts_with(args: &[&Value]) -> Result {
    two(args, |text, part| text.starts_with(part))
}

pub(super) fn ends_with(args: &[&Value]) -> Result {
    two(args, |text, part| text.ends_with(part))
}

pub(super) fn contains(args: &[&Value]) -> Result {
    two(args, |text, part| text.contains(part))
}

fn two(args: &[&Value], test: impl Fn(&str, &str) -> bool) -> Result {
    match args {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(test(text, part))),
        _ => Err(Fault::NoOverload),
    }
}

/// With a pattern that is not constant: compiled each time.
pub(super) fn matches(args: &[&Value]) -> Result {
    match args {
        [Value::String(text), Value::String(re)] => {
            let pattern =
                pattern::compile(re).map_err(|e| ErrorKind::Refused(format!("not a pattern: `{re}`: {e}")))?;
            Ok(Value::Bool(pattern.is_match(text)))
        }
        _ => Err(Fault::NoOverload),
    }
}

pub(super) fn char_at(args: &[&Value]) -> Result {
    let [Value::String(text), Value::Int(at)] = args else { return Err(Fault::NoOverload) };
    let start = byte_at(text, *at).ok_or_else(|| out_of_range(*at))?;
    Ok(Value::string(text.get(start..).and_then(|s| s.chars().next()).map(String::from).unwrap_or_default()))
}

pub(super) fn substring(args: &[&Value]) -> Result {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(Fault::NoOverload),
    };
    if let Some(end) = end.filter(|end| start > *end) {
        return Err(ErrorKind::Refused(format!("substring from {start} to {end}")).into());
    }
    let from = byte_at(text, start).ok_or_else(|| out_of_range(start))?;
    let to = end.map_or(Ok(text.len()), |end| byte_at(text, end).ok_or_else(|| out_of_range(end)))?;
    Ok(Value::string(text.get(from..to).unwrap_or_default()))
}

fn out_of_range(at: i64) -> Fault {
    ErrorKind::Refused(format!("index out of range: {at}")).into()
}

/// Where the code point of an index starts; the length for one past the last.
fn byte_at(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index)
}

pub(super) fn index_of(args: &[&Value]) -> Result {
    let (text, part, offset) = match args {
        [Value::String(text), Value::String(part)] => (text, part, 0),
        [Value::String(text), Value::String(part), Value::Int(offset)] => (text, part, *offset),
        _ => return Err(Fault::NoOverload),
    };
    if part.is_empty() {
        return Ok(Value::Int(offset));
    }
    if offset < 0 {
        return Err(out_of_range(offset));
    }
    let found = byte_at(text, offset).and_then(|from| Some(from + text.get(from..)?.find(part.as_ref())?));
    Ok(position(text, found))
}

pub(super) fn last_index_of(args: &[&Value]) -> Result {
    let (text, part, offset) = match args {
        [Value::String(text), Value::String(part)] => (text, part, None),
        [Value::String(text), Value::String(part), Value::Int(offset)] => (text, part, Some(*offset)),
        _ => return Err(Fault::NoOverload),
    };
    let Some(offset) = offset else {
        return Ok(position(text, text.rfind(part.as_ref())));
    };
    if part.is_empty() {
        return Ok(Value::Int(offset));
    }
    if offset < 0 {
        return Err(out_of_range(offset));
    }
    // An offset past the end finds nothing; else the match may begin at it at the latest.
    let found = byte_at(text, offset).filter(|from| *from < text.len()).and_then(|from| {
        let to = text.len().min(from + part.len());
        // `to` may fall inside a code point when the match would not: then the end is before it.
        let to = (0..=to).rev().find(|at| text.is_char_boundary(*at))?;
        text.get(..to)?.rfind(part.as_ref())
    });
    Ok(position(text, found))
}

fn position(text: &str, found: Option<usize>) -> Value {
    match found.and_then(|at| text.get(..at)) {
        Some(before) => count(before.chars().count()),
        None => Value::Int(-1),
    }
}

pub(super) fn join(args: &[&Value]) -> Result {
    let (items, separator) = match args {
        [Value::List(items)] => (items, ""),
        [Value::List(items), Value::String(separator)] => (items, separator.as_ref()),
        _ => return Err(Fault::NoOverload),
    };
    let bytes: usize = items.iter().map(|item| item.as_str().map_or(0, str::len) + separator.len()).sum();
    if bytes > STRING_BYTES_MAX {
        return Err(too_long("join"));
    }
    let mut joined = String::with_capacity(bytes);
    for (i, item) in items.iter().enumerate() {
        let text = item
            .as_str()
            .ok_or_else(|| ErrorKind::NoOverload(format!("join of a list with {}", with_article(item.type_name()))))?;
        if i > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(Value::string(joined))
}

pub(super) fn lower_ascii(args: &[&Value]) -> Result {
    one(args, str::to_ascii_lowercase)
}

pub(super) fn upper_ascii(args: &[&Value]) -> Result {
    one(args, str::to_ascii_uppercase)
}

pub(super) fn trim(args: &[&Value]) -> Result {
    one(args, |text| text.trim().to_owned())
}

fn one(args: &[&Value], make: impl Fn(&str) -> String) -> Result {
    match args {
        [Value::String(text)] => Ok(Value::string(make(text))),
        _ => Err(Fault::NoOverload),
    }
}

/// All occurrences, or the first so many; an empty one stands before each code point and at the end.
pub(super) fn replace(args: &[&Value]) -> Result {
    let (text, old, new, limit) = match args {
        [Value::String(text), Value::String(old), Value::String(new)] => (text, old, new, -1),
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(limit)] => (text, old, new, *limit),
        _ => return Err(Fault::NoOverload),
    };
    // The result grows with the product of both lengths.
    let grown = text.matches(old.as_ref()).count().saturating_mul(new.len());
    if grown > STRING_BYTES_MAX {
        return Err(too_long("replace"));
    }
    Ok(Value::string(match usize::try_from(limit) {
        Ok(limit) => text.replacen(old.as_ref(), new, limit),
        Err(_) => text.replace(old.as_ref(), new),
    }))
}

/// The most bytes that `replace` may add and `join` may make: their results can grow faster than what they read.
const STRING_BYTES_MAX: usize = 1 << 20;

/// The most parts of a `split`.
const PARTS_MAX: usize = 100_000;

fn too_long(what: &str) -> Fault {
    ErrorKind::Refused(format!("{what} would make more than {STRING_BYTES_MAX} bytes")).into()
}

/// All parts, or so many, the last with the rest; an empty separator splits into code points.
pub(super) fn split(args: &[&Value]) -> Result {
    let (text, separator, limit) = match args {
        [Value::String(text), Value::String(separator)] => (text, separator, -1),
        [Value::String(text), Value::String(separator), Value::Int(limit)] => (text, separator, *limit),
        _ => return Err(Fault::NoOverload),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let part = |part: &str| Value::String(Arc::from(part));
    if limit == 0 {
        return Ok(Value::List(Arc::new([])));
    }
    if limit > PARTS_MAX && text.matches(separator.as_ref()).nth(PARTS_MAX).is_some() {
        return Err(ErrorKind::Refused(format!("split would make more than {PARTS_MAX} parts")).into());
    }
    if !separator.is_empty() {
        return Ok(Value::List(text.splitn(limit, separator.as_ref()).map(part).collect()));
    }
    let mut parts = Vec::new();
    let mut rest: &str = text;
    while let Some(first) = rest.chars().next() {
        let (head, tail) = rest.split_at_checked(first.len_utf8()).unwrap_or((rest, ""));
        if parts.len() + 1 == limit {
            parts.push(part(rest));
            break;
        }
        parts.push(part(head));
        rest = tail;
    }
    Ok(Value::List(parts.into()))
}

//! Conversions between types, as cel-go does them.

use super::error::{ErrorKind, Fault};
use super::instant::Instant;
use super::time;
use super::value::Value;

/// 2^63 and 2^64 as doubles.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// A size or index as an int.
pub(super) fn count(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

fn not_a(what: &'static str, text: &str) -> Fault {
    ErrorKind::NotA(what, format!("`{text}`")).into()
}

#[expect(clippy::cast_possible_truncation, reason = "in range, and CEL truncates")]
pub(super) fn int(args: &[&Value]) -> Result<Value, Fault> {
    Ok(Value::Int(match args {
        [Value::Int(i)] => *i,
        [Value::Uint(u)] => i64::try_from(*u).map_err(|_| ErrorKind::Overflow("int"))?,
        // Both ends excluded, as in cel-go.
        [Value::Double(d)] if *d > -TWO_63 && *d < TWO_63 => *d as i64,
        [Value::Double(_)] => return Err(ErrorKind::Overflow("int").into()),
        [Value::String(s)] => s.parse().map_err(|_| not_a("int", s))?,
        [Value::Timestamp(t)] => t.seconds(),
        [Value::Duration(d)] => i64::try_from(d.as_nanos()).map_err(|_| ErrorKind::Overflow("int"))?,
        _ => return Err(Fault::NoOverload),
    }))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, and CEL truncates")]
pub(super) fn uint(args: &[&Value]) -> Result<Value, Fault> {
    Ok(Value::Uint(match args {
        [Value::Uint(u)] => *u,
        [Value::Int(i)] => u64::try_from(*i).map_err(|_| ErrorKind::Overflow("uint"))?,
        [Value::Double(d)] if *d >= 0.0 && *d < TWO_64 => *d as u64,
        [Value::Double(_)] => return Err(ErrorKind::Overflow("uint").into()),
        [Value::String(s)] if !s.starts_with('+') => s.parse().map_err(|_| not_a("uint", s))?,
        [Value::String(s)] => return Err(not_a("uint", s)),
        _ => return Err(Fault::NoOverload),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "as in CEL")]
pub(super) fn double(args: &[&Value]) -> Result<Value, Fault> {
    Ok(Value::Double(match args {
        [Value::Double(d)] => *d,
        [Value::Int(i)] => *i as f64,
        [Value::Uint(u)] => *u as f64,
        [Value::String(s)] => {
            let value: f64 = s.parse().map_err(|_| not_a("double", s))?;
            // Go refuses what overflows; Rust makes it infinite.
            if value.is_infinite() && s.bytes().any(|b| b.is_ascii_digit()) {
                return Err(not_a("double", s));
            }
            value
        }
        _ => return Err(Fault::NoOverload),
    }))
}

pub(super) fn string(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [value] => text(value).ok_or(Fault::NoOverload),
        _ => Err(Fault::NoOverload),
    }
}

/// `string(value)`, where CEL has it.
pub(super) fn text(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(_) => value.clone(),
        Value::Bool(b) => Value::string(if *b { "true" } else { "false" }),
        Value::Int(i) => Value::string(i.to_string()),
        Value::Uint(u) => Value::string(u.to_string()),
        Value::Double(d) => Value::string(double_text(*d)),
        Value::Timestamp(t) => Value::string(t.to_string()),
        Value::Duration(d) => Value::string(time::duration_text(*d)),
        Value::List(_) | Value::Map(_) | Value::Optional(_) => return None,
    })
}

pub(super) fn bool(args: &[&Value]) -> Result<Value, Fault> {
    Ok(Value::Bool(match args {
        [Value::Bool(b)] => *b,
        [Value::String(s)] => match s.as_ref() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(not_a("bool", s)),
        },
        _ => return Err(Fault::NoOverload),
    }))
}

pub(super) fn duration(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [Value::Duration(d)] => Ok(Value::Duration(*d)),
        [Value::String(s)] => time::parse_duration(s).map(Value::Duration).ok_or_else(|| not_a("duration", s)),
        _ => Err(Fault::NoOverload),
    }
}

pub(super) fn timestamp(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [Value::Timestamp(t)] => Ok(Value::Timestamp(*t)),
        [Value::String(s)] => s.parse().map(Value::Timestamp).map_err(|()| not_a("timestamp", s)),
        [Value::Int(seconds)] => {
            Instant::of_seconds(*seconds).map(Value::Timestamp).ok_or(ErrorKind::Overflow("timestamp").into())
        }
        _ => Err(Fault::NoOverload),
    }
}

/// A double as cel-go writes it (Go's `%g`): the shortest digits that read back the same, `1e+06` and beyond and below `0.0001` with
/// an exponent, whole numbers without `.0`.
pub(super) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

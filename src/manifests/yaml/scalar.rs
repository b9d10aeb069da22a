//! Plain scalars to values, as go-yaml v2 (YAML 1.1) resolves them, then as encoding/json writes them.

use serde_json::{Number, Value};

/// The value of a scalar. `plain`: not quoted, not a block. `tag`: the part after `tag:yaml.org,2002:`, or another tag as it stands.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Value, String> {
    match tag {
        None if plain => implicit(text),
        Some("int" | "float" | "bool" | "null") => {
            let value = implicit(text)?;
            let fits = match tag {
                Some("int") => value.is_i64() || value.is_u64(),
                Some("float") => value.is_number(),
                Some("bool") => value.is_boolean(),
                _ => value.is_null(),
            };
            if fits {
                Ok(value)
            } else {
                Err(format!("`{text}` is not of the type that its tag `!!{}` names", tag.unwrap_or_default()))
            }
        }
        Some("binary") => {
            Err("the tag `!!binary` is not supported; a ConfigMap's `binaryData` takes the text without the tag"
                .to_owned())
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn implicit(text: &str) -> Result<Value, String> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Value::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Value::Bool(false))
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => {
            return Err(format!("`{text}` is a number that JSON cannot say"));
        }
        _ => match text.as_bytes().first() {
            Some(b'0'..=b'9' | b'+' | b'-') => {
                let plain: String = text.chars().filter(|c| *c != '_').collect();
                integer(&plain).or_else(|| if is_float(&plain) { float(&plain) } else { None })
            }
            Some(b'.') => float(text),
            _ => None,
        },
    };
    Ok(value.unwrap_or_else(|| Value::String(text.to_owned())))
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: prefixes 0x 0o 0b, and a leading 0 is octal.
fn integer(text: &str) -> Option<Value> {
    let (negative, signed, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, true, text.get(1..)?),
        Some(b'+') => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, rest)
    } else {
        (10, lower.as_str())
    };
    // from_str_radix takes a sign of its own.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    if let Ok(small) = i64::try_from(value) {
        return Some(Value::from(small));
    }
    if signed { None } else { u64::try_from(value).ok().map(Value::from) }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    mantissa_fits && exponent_fits
}

/// A double; a whole one that fits becomes an integer, as it does on the way through Go's JSON.
fn float(text: &str) -> Option<Value> {
    let double: f64 = text.parse().ok().filter(|d: &f64| d.is_finite())?;
    if double.fract() == 0.0 && double.abs() < 9.2e18 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^63")]
        return Some(Value::from(double as i64));
    }
    Number::from_f64(double).map(Value::Number)
}

/// A mapping's key as a text; `None` for those that Kubernetes refuses (null, lists, maps).
pub(super) fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

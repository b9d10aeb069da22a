//! Durations and timestamps as CEL reads and writes them (cel-go: Go's `time.ParseDuration` and RFC 3339).

use jiff::SignedDuration;

use super::error::Fault;
use super::instant::Instant;
use super::value::Value;

/// `600s`, `1.5s`, `-0.25s`.
pub(super) fn duration_text(duration: SignedDuration) -> String {
    // cel-go goes through a double here, so this must too.
    format!("{}s", duration.as_secs_f64())
}

/// Go's form: an optional sign, then numbers with units `h m s ms us µs ns`; a bare `0`. No `d`. The range is that of 64-bit
/// nanoseconds (292 years).
pub(super) fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(number_end)?;
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        nanos = nanos.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = after;
    }
    checked_nanos(if negative { -nanos } else { nanos })
}

/// A duration of so many nanoseconds, if CEL can hold it.
pub(super) fn checked_nanos(nanos: i128) -> Option<SignedDuration> {
    i64::try_from(nanos).ok().map(SignedDuration::from_nanos)
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        // Both the micro sign and the Greek mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// `1.5` times a unit in nanoseconds, what is finer dropped.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<u64>().ok()?) };
    whole.checked_mul(unit)?.checked_add(fraction_nanos(fraction, unit)?)
}

fn fraction_nanos(fraction: &str, unit: i128) -> Option<i128> {
    // Eighteen digits of an hour are finer than a nanosecond.
    let kept: String = fraction.chars().take(18).collect();
    let digits: i128 = if kept.is_empty() { 0 } else { i128::from(kept.parse::<u64>().ok()?) };
    let scale = 10_i128.checked_pow(u32::try_from(kept.len()).ok()?)?;
    digits.checked_mul(unit)?.checked_div(scale)
}

/// `getHours()` and its like: a part of a timestamp in UTC, or the whole of a duration in that unit. Months, days of the month
/// (`getDayOfMonth`) and of the year count from 0, `getDate` from 1, days of the week from 0 for Sunday.
pub(super) fn part(args: &[&Value], name: &str) -> Result<Value, Fault> {
    let part = match args {
        [Value::Timestamp(t)] => timestamp_part(*t, name),
        [Value::Duration(d)] => match name {
            "getHours" => Some(d.as_hours()),
            "getMinutes" => Some(d.as_mins()),
            "getSeconds" => Some(d.as_secs()),
            "getMilliseconds" => i64::try_from(d.as_millis()).ok(),
            _ => None,
        },
        _ => None,
    };
    part.map(Value::Int).ok_or(Fault::NoOverload)
}

fn timestamp_part(instant: Instant, name: &str) -> Option<i64> {
    let time = instant.civil();
    Some(match name {
        "getFullYear" => i64::from(time.year()),
        "getMonth" => i64::from(time.month()) - 1,
        "getDate" => i64::from(time.day()),
        "getDayOfMonth" => i64::from(time.day()) - 1,
        "getDayOfWeek" => i64::from(time.weekday().to_sunday_zero_offset()),
        "getDayOfYear" => i64::from(time.day_of_year()) - 1,
        "getHours" => i64::from(time.hour()),
        "getMinutes" => i64::from(time.minute()),
        "getSeconds" => i64::from(time.second()),
        "getMilliseconds" => i64::from(time.subsec_nanosecond() / 1_000_000),
        _ => return None,
    })
}

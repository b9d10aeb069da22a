//! Points in time. CEL's reach from year 1 to the last nanosecond of 9999; jiff's own timestamps end 26 hours before that, and
//! `9999-12-31T23:59:59Z` is how many objects say "never".

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

/// The first second of year 1 and the last of year 9999, since 1970.
const SECONDS_MIN: i64 = -62_135_596_800;
const SECONDS_MAX: i64 = 253_402_300_799;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A point in time to the nanosecond, in the years 1 to 9999 (UTC). Displayed and parsed as RFC 3339, strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    seconds: i64,
    /// INVARIANT: below 1,000,000,000, also before 1970.
    nanos: u32,
}

impl Instant {
    /// So many nanoseconds since 1970, if it is in range.
    pub(super) fn of_nanos(nanos: i128) -> Option<Instant> {
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
        let nanos = u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        (SECONDS_MIN..=SECONDS_MAX).contains(&seconds).then_some(Instant { seconds, nanos })
    }

    /// So many seconds since 1970, if it is in range.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Option<Instant> {
        Instant::of_nanos(i128::from(seconds) * 1_000_000_000)
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970.
    pub(super) fn nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// As jiff's, if that can hold it.
    #[must_use]
    pub fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.nanos()).ok()
    }

    /// Date and time in UTC.
    pub(super) fn civil(self) -> DateTime {
        // In range, see SECONDS_MIN.
        EPOCH.saturating_add(SignedDuration::new(self.seconds, i32::try_from(self.nanos).unwrap_or(0)))
    }
}

/// RFC 3339 in UTC, fractions only where there are any: `2026-03-01T08:00:00Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.civil())
    }
}

/// RFC 3339, strictly: `2026-03-01T08:00:00Z`, with fractions of a second and `+01:00` allowed.
impl FromStr for Instant {
    type Err = ();

    fn from_str(text: &str) -> Result<Instant, ()> {
        parse(text).ok_or(())
    }
}

fn parse(text: &str) -> Option<Instant> {
    let zone = zone_length(text.as_bytes())?;
    let (local, zone) = text.split_at_checked(text.len() - zone)?;
    let since: SignedDuration = local.parse::<DateTime>().ok()?.duration_since(EPOCH);
    Instant::of_nanos(since.as_nanos() - i128::from(offset_seconds(zone)?) * 1_000_000_000)
}

/// Of `Z`, `+01:00`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let size = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    Some(if zone.starts_with('-') { -size } else { size })
}

/// jiff reads more than RFC 3339 (spaces, lower case, leap seconds, zones in brackets), so the shape is looked at first. Gives the
/// length of the zone at the end.
fn zone_length(text: &[u8]) -> Option<usize> {
    let fits = |shape: &[u8], text: &[u8]| {
        shape.len() == text.len()
            && shape.iter().zip(text).all(|(s, t)| if *s == b'0' { t.is_ascii_digit() } else { s == t })
    };
    let (start, rest) = text.split_at_checked(19)?;
    if !fits(b"0000-00-00T00:00:00", start) || start.ends_with(b"60") {
        return None;
    }
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let (_, zone) = fraction.split_at_checked(digits).filter(|_| (1..=9).contains(&digits))?;
            zone
        }
    };
    (zone == b"Z" || fits(b"+00:00", zone) || fits(b"-00:00", zone)).then_some(zone.len())
}

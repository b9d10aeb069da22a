//! The stored form: JSON that a person can read where it matters, and that is short where there is much of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{How, Settled, State};
use crate::engine::Mark;

/// The form of the JSON.
pub const STATE_VERSION: u32 = 2;
/// Longest state. A ConfigMap holds 1 MiB.
pub const STATE_BYTES_MAX: usize = 1_000_000;

#[derive(Serialize)]
struct Stored<'a> {
    version: u32,
    #[serde(flatten)]
    state: &'a State,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl State {
    /// The JSON that is stored; the same state gives the same bytes.
    ///
    /// # Errors
    /// None that a state can cause.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Stored { version: STATE_VERSION, state: self })
    }

    /// Reads what [`State::to_json`] wrote.
    ///
    /// # Errors
    /// Says what is wrong with a text that is not a state, or of a version that this program does not know.
    pub fn from_json(text: &str) -> Result<State, String> {
        let wrong = |error: serde_json::Error| format!("not a state: {error}");
        let Version { version } = serde_json::from_str(text).map_err(wrong)?;
        if version != STATE_VERSION {
            return Err(format!("state version {version} is not {STATE_VERSION}"));
        }
        let state: State = serde_json::from_str(text).map_err(wrong)?;
        match state.items.values().all(|load| *load < state.loads.len()) {
            true => Ok(state),
            false => Err("not a state: an item of a load that is not there".to_owned()),
        }
    }
}

impl How {
    const ALL: [How; 10] = [
        How::Done,
        How::CreatedAfter,
        How::Expired,
        How::Refused,
        How::Skipped,
        How::Superseded,
        How::Observed,
        How::Left,
        How::Said,
        How::Gone,
    ];

    fn word(self) -> &'static str {
        match self {
            How::Done => "done",
            How::CreatedAfter => "created-after",
            How::Expired => "expired",
            How::Refused => "refused",
            How::Skipped => "skipped",
            How::Superseded => "superseded",
            How::Observed => "observed",
            How::Left => "left",
            How::Said => "said",
            How::Gone => "gone",
        }
    }
}

const TIMELESS: &str = "timeless";

/// `2026-03-01T08:00:00Z done`, and `timeless` behind it.
impl Serialize for Settled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let timeless = if self.timeless { format!(" {TIMELESS}") } else { String::new() };
        serializer.collect_str(&format_args!("{} {}{timeless}", self.at, self.how.word()))
    }
}

impl<'de> Deserialize<'de> for Settled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Settled, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut words = text.split(' ');
        let at = words.next().and_then(|word| word.parse().ok());
        let how = words.next().and_then(|word| How::ALL.into_iter().find(|how| how.word() == word));
        let timeless = words.next().map(|word| word == TIMELESS);
        match (at, how, timeless, words.next()) {
            (Some(at), Some(how), None | Some(true), None) => Ok(Settled { at, how, timeless: timeless.is_some() }),
            _ => Err(D::Error::custom(format!("`{text}` is not how a firing ended"))),
        }
    }
}

/// A set of marks as one string of eleven characters each.
pub(super) mod marks {
    use super::{BTreeSet, Deserialize, Deserializer, Mark, Serializer, read, write};

    pub fn serialize<S: Serializer>(marks: &BTreeSet<Mark>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&write(marks.iter()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Mark>, D::Error> {
        read(&String::deserialize(deserializer)?).map(|marks| marks.into_iter().collect())
    }
}

/// The load of each item, as the items of each load.
pub(super) mod items {
    use super::{BTreeMap, Deserialize, Deserializer, Mark, Serialize, Serializer, read, write};

    pub fn serialize<S: Serializer>(items: &BTreeMap<Mark, usize>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut loads: BTreeMap<usize, Vec<Mark>> = BTreeMap::new();
        items.iter().for_each(|(item, load)| loads.entry(*load).or_default().push(*item));
        let loads: BTreeMap<String, String> =
            loads.into_iter().map(|(load, items)| (load.to_string(), write(items.iter()))).collect();
        loads.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Mark, usize>, D::Error> {
        let mut items = BTreeMap::new();
        for (load, text) in BTreeMap::<String, String>::deserialize(deserializer)? {
            let load: usize = load.parse().map_err(serde::de::Error::custom)?;
            items.extend(read::<D::Error>(&text)?.into_iter().map(|item| (item, load)));
        }
        Ok(items)
    }
}

/// Six bits a character, as in RFC 4648's alphabet for URLs.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Characters of one mark.
const MARK_CHARS: usize = 11;

fn write<'a>(marks: impl Iterator<Item = &'a Mark>) -> String {
    let digit = |mark: u64, place: usize| {
        let bits = usize::try_from((mark >> (6 * place)) & 63).unwrap_or(0);
        DIGITS.get(bits).map_or('A', |byte| char::from(*byte))
    };
    marks.flat_map(|mark| (0..MARK_CHARS).map(move |place| digit(mark.0, place))).collect()
}

fn read<E: serde::de::Error>(text: &str) -> Result<Vec<Mark>, E> {
    let one = |chunk: &[u8]| {
        let value = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).and_then(|at| u64::try_from(at).ok());
        let digits = chunk.iter().map(value).collect::<Option<Vec<u64>>>().filter(|digits| digits.len() == MARK_CHARS);
        let bits = digits.map(|d| d.iter().zip(0_u32..).fold(0, |mark, (digit, place)| mark | (digit << (6 * place))));
        bits.map(Mark).ok_or_else(|| E::custom("not a list of marks"))
    };
    text.as_bytes().chunks(MARK_CHARS).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Load;
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let at = jiff::Timestamp::from_second(1_772_352_000).unwrap_or_default();
        let mark = |n: u64| Mark(u64::MAX / 16 * n);
        let mut state = State::default();
        for (n, how) in (0..).zip(How::ALL) {
            state.settled.insert(mark(n), Settled { at, how, timeless: n % 2 == 0 });
            state.items.insert(mark(n), if n < 4 { 0 } else { 1 });
            state.early.insert(Mark(n));
        }
        state.loads = vec![Load { at, runs: (0..7).map(mark).collect(), ..Load::default() }, Load::default()];
        let text = state.to_json().unwrap_or_default();
        assert!(text.contains("2026-03-01T08:00:00Z superseded\""), "{text}");
        assert_eq!(State::from_json(&text), Ok(state));
    }

    #[test]
    fn what_is_not_a_state_is_refused() {
        let cases = [
            ("[]", "not a state"),
            ("{}", "missing field `version`"),
            (r#"{"version": 1}"#, "state version 1 is not 2"),
            (r#"{"version": 2, "settled": {"0000000000000001": "yesterday done"}}"#, "`yesterday done`"),
            (r#"{"version": 2, "settled": {"0000000000000001": "2026-03-01T08:00:00Z done soon"}}"#, "done soon"),
            (r#"{"version": 2, "early": "AAAA"}"#, "not a list of marks"),
            (r#"{"version": 2, "early": "AAAAAAAAAA="}"#, "not a list of marks"),
            (r#"{"version": 2, "items": {"3": "AAAAAAAAAAA"}}"#, "a load that is not there"),
        ];
        for (text, expected) in cases {
            let error = State::from_json(text).err().unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

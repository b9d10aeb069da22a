//! Marks: the short hashes that make an effect carry its own record.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Hash of (rulebook, rule, action, cause): 16 hexadecimal digits in records. Two firings share one only if they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u64);

impl Mark {
    /// The first eight bytes of SHA-256 over the parts, each preceded by its length.
    #[must_use]
    pub fn of(parts: &[&str]) -> Mark {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let bytes = hash.finalize();
        Mark(bytes.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Mark {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Mark)
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a record annotation's value (`mark,mark,…`) holds a mark. What is not a mark in it is ignored: the annotation is data.
#[must_use]
pub fn recorded(record: Option<&str>, mark: Mark) -> bool {
    record.is_some_and(|r| r.split(',').any(|part| part.parse() == Ok(mark)))
}

//! Maps: sorted slices behind one pointer. Facts hold hundreds of thousands of small maps, and a B-tree node for each would cost
//! half a kilobyte.

use std::fmt;
use std::sync::Arc;

use super::value::Value;

/// A map with string keys, iterated in key order (by bytes, which for UTF-8 is by code point). Immutable; a clone is shared.
///
/// 16 bytes for the map and 40 for each entry, beside what keys and values point to.
#[derive(Clone)]
pub struct Map(Arc<[(Arc<str>, Value)]>);

impl Map {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Entries in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same map with one entry added or replaced.
    #[must_use]
    pub fn with(&self, key: impl Into<Arc<str>>, value: Value) -> Map {
        self.0.iter().cloned().chain([(key.into(), value)]).collect()
    }
}

impl Default for Map {
    fn default() -> Self {
        Map(Arc::new([]))
    }
}

/// Of entries with one key the last stays.
impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let mut entries: Vec<(Arc<str>, Value)> = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        Map(entries.into())
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|((ka, va), (kb, vb))| ka == kb && va == vb)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

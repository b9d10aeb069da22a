//! Maps: sorted, immutable, shared. Facts hold hundreds of thousands of small maps with the same few sets of keys, so a map can
//! share its keys with others (a B-tree node for each would cost half a kilobyte).

use std::fmt;
use std::sync::Arc;

use super::value::Value;

/// The most entries of a map that shares its keys.
pub(super) const SHARED_ENTRIES_MAX: usize = 8;

/// A map with string keys, iterated in key order (by bytes, which for UTF-8 is by code point). Immutable; a clone is shared.
///
/// What it costs on the heap, beside what keys and values point to: 32 bytes and 40 for each entry; or, with shared keys (see
/// [`Interner::map`](super::Interner::map)), 24 bytes and 24 for each entry.
#[derive(Clone)]
pub struct Map(Arc<dyn Entries>);

/// The keys of maps, sorted and without repetition.
pub(super) type Shape = Arc<Box<[Arc<str>]>>;

/// How entries lie in memory.
trait Entries: Send + Sync {
    fn len(&self) -> usize;
    fn get(&self, key: &str) -> Option<&Value>;
    /// In key order.
    fn entry(&self, at: usize) -> Option<(&Arc<str>, &Value)>;
    /// Bytes of this and its own boxes.
    fn bytes(&self) -> usize;
}

/// Keys and values side by side.
struct Pairs(Box<[(Arc<str>, Value)]>);

impl Entries for Pairs {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    fn entry(&self, at: usize) -> Option<(&Arc<str>, &Value)> {
        self.0.get(at).map(|(key, value)| (key, value))
    }

    fn bytes(&self) -> usize {
        size_of_val(self) + size_of_val(self.0.as_ref())
    }
}

/// Values alone, with the keys elsewhere.
struct Shared<const N: usize> {
    shape: Shape,
    values: [Value; N],
}

impl<const N: usize> Entries for Shared<N> {
    fn len(&self) -> usize {
        N
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let at = self.shape.binary_search_by(|k| k.as_ref().cmp(key)).ok()?;
        self.values.get(at)
    }

    fn entry(&self, at: usize) -> Option<(&Arc<str>, &Value)> {
        Some((self.shape.get(at)?, self.values.get(at)?))
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
    }
}

impl Map {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
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
        self.len() == 0
    }

    /// Entries in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        (0..self.len()).filter_map(|at| self.0.entry(at))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.iter().map(|(key, _)| key)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.iter().map(|(_, value)| value)
    }

    /// The same map with one entry added or replaced.
    #[must_use]
    pub fn with(&self, key: impl Into<Arc<str>>, value: Value) -> Map {
        let entries = self.iter().map(|(k, v)| (k.clone(), v.clone()));
        entries.chain([(key.into(), value)]).collect()
    }

    /// Of values in the order of a shape's keys; none if there are too many of them or not as many as keys.
    pub(super) fn shared(shape: &Shape, values: Vec<Value>) -> Option<Map> {
        fn of<const N: usize>(shape: &Shape, values: Vec<Value>) -> Option<Map> {
            Some(Map(Arc::new(Shared::<N> { shape: shape.clone(), values: values.try_into().ok()? })))
        }
        if shape.len() != values.len() {
            return None;
        }
        // INVARIANT: up to `SHARED_ENTRIES_MAX`.
        match values.len() {
            0 => of::<0>(shape, values),
            1 => of::<1>(shape, values),
            2 => of::<2>(shape, values),
            3 => of::<3>(shape, values),
            4 => of::<4>(shape, values),
            5 => of::<5>(shape, values),
            6 => of::<6>(shape, values),
            7 => of::<7>(shape, values),
            8 => of::<8>(shape, values),
            _ => None,
        }
    }

    /// Bytes of the map itself, its counters included; not of what keys and values point to, nor of a shared shape.
    pub(super) fn own_bytes(&self) -> usize {
        2 * size_of::<usize>() + self.0.bytes()
    }
}

impl Default for Map {
    fn default() -> Self {
        Map(Arc::new(Pairs(Box::default())))
    }
}

/// Of entries with one key the last stays.
impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let mut entries: Vec<(Arc<str>, Value)> = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        if !is_sorted(&entries) {
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        Map(Arc::new(Pairs(entries.into())))
    }
}

/// Whether keys ascend, none twice.
pub(super) fn is_sorted(entries: &[(Arc<str>, Value)]) -> bool {
    entries.is_sorted_by(|(a, _), (b, _)| a < b)
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

//! One copy of what recurs: short strings (field names, statuses, names of namespaces and nodes) and sets of keys.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::map::{Map, SHARED_ENTRIES_MAX, Shape, is_sorted};
use super::value::Value;

/// Longer strings are not kept.
pub const INTERN_BYTES_MAX: usize = 64;

/// The most strings in each of the interner's two generations.
pub const INTERN_ENTRIES_MAX: usize = 16_384;

/// The most sets of keys.
const SHAPES_MAX: usize = 4096;

/// A bounded set of shared strings and sets of keys. Strings that recur stay; strings seen once (uids, times) pass through: when the
/// young generation is full it becomes the old one, and the old one is forgotten. Only sharing depends on it, never a value.
#[derive(Debug, Default)]
pub struct Interner {
    young: HashSet<Arc<str>>,
    old: HashSet<Arc<str>>,
    shapes: HashMap<Box<[Arc<str>]>, Shape>,
}

impl Interner {
    /// An empty one.
    #[must_use]
    pub fn new() -> Interner {
        Interner::default()
    }

    /// A shared copy of a string.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        if text.len() > INTERN_BYTES_MAX {
            return Arc::from(text);
        }
        if let Some(known) = self.young.get(text) {
            return known.clone();
        }
        let shared = self.old.take(text).unwrap_or_else(|| Arc::from(text));
        if self.young.len() >= INTERN_ENTRIES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(shared.clone());
        shared
    }

    /// A map that shares its keys with the others of the same keys, if it is small and its keys ascend.
    pub fn map(&mut self, entries: Vec<(Arc<str>, Value)>) -> Map {
        if entries.len() > SHARED_ENTRIES_MAX || !is_sorted(&entries) {
            return entries.into_iter().collect();
        }
        let keys: Box<[Arc<str>]> = entries.iter().map(|(key, _)| key.clone()).collect();
        let shape = match self.shapes.get(&keys) {
            Some(shape) => shape,
            None if self.shapes.len() >= SHAPES_MAX => return entries.into_iter().collect(),
            None => self.shapes.entry(keys.clone()).or_insert_with(|| Arc::new(keys)),
        };
        let values = entries.into_iter().map(|(_, value)| value).collect();
        Map::shared(shape, values).unwrap_or_default()
    }

    /// How many strings are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

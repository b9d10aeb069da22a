//! One copy of each short string that recurs: field names, statuses, names of namespaces and nodes.

use std::collections::HashSet;
use std::sync::Arc;

/// Longer strings are not kept.
pub const INTERN_BYTES_MAX: usize = 64;

/// The most strings in each of the interner's two generations.
pub const INTERN_ENTRIES_MAX: usize = 16_384;

/// A bounded set of shared strings. Strings that recur stay; strings seen once (uids, times) pass through: when the young
/// generation is full it becomes the old one, and the old one is forgotten. Only sharing depends on it, never a value.
#[derive(Debug, Default)]
pub struct Interner {
    young: HashSet<Arc<str>>,
    old: HashSet<Arc<str>>,
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

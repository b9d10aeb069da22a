//! What facts must keep of each kind, so that every rule reads the same from a projected object as from the whole one.

use std::collections::BTreeMap;

use super::{KindIx, Rulebook};
use crate::facts::KindFields;

/// Per kind that the rules use.
pub(super) fn fields(_rulebook: &Rulebook) -> BTreeMap<KindIx, KindFields> {
    BTreeMap::new()
}

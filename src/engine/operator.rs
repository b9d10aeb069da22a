//! The notebook operator, where it acts on annotations itself: its own record on a notebook gives it away.
//!
//! It counts for the notebooks of that namespace alone. Whoever may annotate a notebook can write the record too, and the operator
//! never acts on other kinds.

use std::sync::Arc;

use super::World;
use super::record::{OPERATOR_MARK, notebook_kind};
use crate::facts::Row;
use crate::rulebook::{ObjectRef, Rulebook};

impl World {
    /// Whether the notebook operator acts on the annotations of this object itself.
    #[must_use]
    pub fn operator_acts(&self, object: &ObjectRef) -> bool {
        let first = ObjectRef { name: Arc::from(""), ..object.clone() };
        let next = self.operator_marks.range(first..).next();
        next.is_some_and(|marked| marked.kind == object.kind && marked.namespace == object.namespace)
    }

    /// Takes down whether an object bears the operator's record.
    pub(super) fn note_operator(&mut self, rulebook: &Rulebook, object: &ObjectRef, row: Option<&Row>) {
        let marked = row.is_some_and(|row| row.annotation(OPERATOR_MARK).is_some());
        if marked && notebook_kind(rulebook) == Some(object.kind) {
            self.operator_marks.insert(object.clone());
        } else {
            self.operator_marks.remove(object);
        }
    }
}

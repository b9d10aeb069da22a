//! How Argo CD applies it: what goes round a gate, what is refused, what runs again or never again.

use super::Check;

pub(super) const CHECKS: &[Check] = &[];

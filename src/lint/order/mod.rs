//! What comes too early, and what is waited for and never ends.

use super::Check;

pub(super) const CHECKS: &[Check] = &[];

//! What rules and annotations do to the manifests: triggers, restarts, fields that Git owns too, rules that cannot fire.

use super::Check;

pub(super) const CHECKS: &[Check] = &[];

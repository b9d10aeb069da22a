//! How Argo CD applies it: what goes round a gate, what is refused, what runs again or never again.

mod application_health;
mod gate_bypass;
mod of;
mod option_words;
mod project;
mod replace_wipes;
mod runs_once;
mod trains_every_sync;
mod ttl_returns;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    gate_bypass::CHECK,
    application_health::CHECK,
    replace_wipes::CHECK,
    trains_every_sync::CHECK,
    ttl_returns::CHECK,
    runs_once::CHECK,
    project::CHECK,
    option_words::CHECK,
];

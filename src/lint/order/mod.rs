//! What comes too early, and what is waited for and never ends.
//!
//! All checks here look at one [`View`](view::View): when each object is applied, what it needs, what Argo CD waits for.

mod argocd;
mod claims;
mod gates;
mod moved;
mod needed;
mod never_healthy;
mod permissions;
mod view;
mod waits;

use super::{Check, Subject};
use crate::diagnostic::{Code, Diagnostic};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &[
        Code::TOO_EARLY,
        Code::PRESYNC_DEADLOCK,
        Code::HOOK_TOO_EARLY,
        Code::POSTSYNC_NEEDED,
        Code::UNBOUND_CLAIM,
        Code::NEVER_HEALTHY,
        Code::NO_HEALTH_CHECK,
        Code::NOT_AWAITED,
        Code::EARLY_PERMISSION,
        Code::WAVE_MOVED,
    ],
    run: check,
}];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let view = view::View::of(subject);
    let checks = [
        needed::check,
        waits::check,
        claims::check,
        never_healthy::check,
        gates::check,
        permissions::check,
        moved::check,
    ];
    for check in checks {
        check(&view, found);
    }
}

//! What comes too early, and what is waited for and never ends.
//!
//! All checks here look at one [`View`](view::View): when each object is applied, what it needs, what Argo CD waits for.

mod argocd;
mod needed;
mod view;
mod waits;

use super::{Check, Subject};
use crate::diagnostic::{Code, Diagnostic};

pub(super) const CHECKS: &[Check] = &[Check {
    codes: &[Code::TOO_EARLY, Code::PRESYNC_DEADLOCK, Code::HOOK_TOO_EARLY, Code::POSTSYNC_NEEDED],
    run: check,
}];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let view = view::View::of(subject);
    needed::check(&view, found);
    waits::check(&view, found);
}

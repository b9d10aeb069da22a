//! What rules and annotations do to the manifests: triggers, restarts, fields that Git owns too, rules that cannot fire.
//!
//! In: the rules of the files, and those that annotations mean. Nothing here says anything about manifests that no rule and no annotation touches,
//! but for records of tidegate that stand in Git, and labels that roll an InferenceService at each release.

pub(super) mod absent;
mod bypass;
mod contradiction;
mod deadline;
mod deed;
mod gone;
mod kserve_owned;
mod operator;
mod owned;
mod pods;
mod quota;
mod release_label;
mod same_model;
mod twice;
mod unseen_model;
mod volume;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    twice::CHECK,
    operator::CHECK,
    absent::CHECK,
    owned::CHECK,
    release_label::CHECK,
    volume::CHECK,
    quota::CHECK,
    same_model::CHECK,
    unseen_model::CHECK,
    kserve_owned::CHECK,
    gone::CHECK,
    bypass::CHECK,
    contradiction::CHECK,
    deadline::CHECK,
];

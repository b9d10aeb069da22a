//! TG649: the restart of a Deployment that KServe makes for an InferenceService.
//!
//! KServe writes the Deployment anew from the InferenceService (`pkg/controller/v1beta1/inferenceservice/reconcilers/deployment`), so that an
//! annotation of its pod template is gone at once.

use super::deed;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Check, Subject};
use crate::manifests::Object;
use crate::rulebook::{ObjectRef, Verb};

pub(super) const CHECK: Check = Check { codes: &[Code::KSERVE_OWNED], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for deed in deed::deeds(subject) {
        let Verb::Restart { target, by_deleting_pods: false } = &deed.action.verb else { continue };
        let Some(owner) = owner(subject, target) else { continue };
        let message = format!(
            "the Deployment `{}` belongs to {}: KServe undoes the restart at once",
            target.name,
            subject.say(owner)
        );
        let place = subject.at(owner, &["metadata", "name"]);
        let found_here =
            Diagnostic::error(Code::KSERVE_OWNED, deed.place, message).related(place, "KServe makes it for this");
        found.push(found_here.help(format!("write `restart isvc {}`", owner.name)));
    }
}

/// The InferenceService of the manifests for which KServe makes this Deployment.
pub(super) fn owner<'s>(subject: &Subject<'s>, target: &ObjectRef) -> Option<&'s Object> {
    let kind =
        subject.rulebook.kind(target.kind).filter(|kind| &*kind.group == "apps" && &*kind.kind == "Deployment")?;
    if subject.platform.find(&kind.group, &kind.kind, &target.namespace, &target.name).is_some() {
        return None;
    }
    let components = ["-predictor", "-transformer", "-explainer"];
    let name = components.iter().find_map(|end| target.name.strip_suffix(end))?;
    subject.platform.find("serving.kserve.io", "InferenceService", &target.namespace, name)
}

//! What all checks of order look at: when each object is applied, and what is made by whom.

use std::collections::BTreeMap;

use super::argocd::ArgoCd;
use crate::lint::references::{self, Need, makes};
use crate::lint::subject::{Step, Subject};
use crate::manifests::{App, Object, Phase};

/// An object of a sync with what it needs.
#[derive(Debug)]
pub(super) struct Placed<'s> {
    pub object: &'s Object,
    pub step: Step,
    pub needs: Vec<Need<'s>>,
}

/// An object by group, kind, namespace, name.
type Key<'s> = (&'s str, &'s str, &'s str, &'s str);

/// Where an object comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Provided<'s> {
    /// It, or what makes it.
    pub by: &'s Object,
    /// A controller makes it of `by`.
    pub made: bool,
    pub step: Step,
}

/// Manifests as their syncs apply them.
#[derive(Debug)]
pub(super) struct View<'s> {
    pub subject: &'s Subject<'s>,
    pub argocd: ArgoCd<'s>,
    /// Every object that a sync applies, in the order of the platform. Where some objects have an application, only those that have one: nobody knows
    /// when the others are applied.
    pub placed: Vec<Placed<'s>>,
    /// Sorted by key, application, step.
    provided: Vec<(Key<'s>, Option<&'s App>, Provided<'s>)>,
    ends: BTreeMap<Option<&'s App>, Ends>,
}

/// The steps of an application between which its sync waits.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Step,
    last: Step,
    /// A hook is in the last step.
    hooked: bool,
}

impl<'s> View<'s> {
    pub(super) fn of(subject: &'s Subject<'s>) -> Self {
        let objects = &subject.platform.objects;
        let owned = objects.iter().any(|object| object.application.is_some());
        let mut view = View {
            subject,
            argocd: ArgoCd::of(subject.platform),
            placed: Vec::new(),
            provided: Vec::with_capacity(objects.len()),
            ends: BTreeMap::new(),
        };
        for object in objects {
            let Some(phase) = object.phase().filter(|_| object.application.is_some() || !owned) else { continue };
            // What only a failed sync applies is nothing to count on.
            if phase == Phase::SyncFail {
                continue;
            }
            let step = (phase, object.wave);
            let app = object.application.as_ref();
            view.extend(object, step);
            let key = (&*object.group, &*object.kind, &*object.namespace, &*object.name);
            view.provided.push((key, app, Provided { by: object, made: false, step }));
            for (kind, name) in makes(object) {
                let key = ("", kind, &*object.namespace, name);
                view.provided.push((key, app, Provided { by: object, made: true, step }));
            }
            view.placed.push(Placed { object, step, needs: references::needs(object) });
        }
        view.provided.sort_by_key(|(key, app, provided)| (*key, *app, provided.step));
        view
    }

    /// When an object comes into being: by the same application, and by no other.
    pub(super) fn provided(&self, key: Key<'_>, app: Option<&App>) -> Option<Provided<'s>> {
        let from = self.provided.partition_point(|(known, ..)| *known < key);
        let mut all = self.provided.get(from..).unwrap_or_default().iter().take_while(|(known, ..)| *known == key);
        let (_, first_app, first) = all.next()?;
        let alone = *first_app == app && all.all(|(_, other, _)| *other == app);
        alone.then_some(*first)
    }

    fn extend(&mut self, object: &'s Object, first: Step) {
        let phases = object.hook.phases.iter().filter(|phase| **phase != Phase::SyncFail);
        for step in phases.map(|phase| (*phase, object.wave)) {
            let start = Ends { first, last: step, hooked: false };
            let ends = self.ends.entry(object.application.as_ref()).or_insert(start);
            if step > ends.last {
                *ends = Ends { last: step, hooked: false, ..*ends };
            }
            ends.first = first.min(ends.first);
            ends.hooked |= object.hook.hook && step == ends.last;
        }
    }

    /// Whether Argo CD waits for what it applies in a step: something comes in a later wave or phase. For the last step it waits only if there are several,
    /// and a hook is in the last. Source: gitops-engine `pkg/sync/sync_context.go`, `Sync` (`multiStep`, and the end of the last wave).
    pub(super) fn awaited(&self, app: Option<&App>, step: Step) -> bool {
        let Some(ends) = self.ends.get(&app) else { return false };
        step < ends.last || (ends.hooked && ends.first < ends.last)
    }

    /// A step in words.
    pub(super) fn words(step: Step) -> String {
        match step {
            (Phase::Sync, wave) => format!("wave {wave}"),
            (phase, 0) => format!("the {} phase", phase.name()),
            (phase, wave) => format!("wave {wave} of {}", phase.name()),
        }
    }
}

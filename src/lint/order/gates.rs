//! TG607: a wave that is meant to wait for a kind that Argo CD has no health check for. TG608: a Job that waits in a wave that nothing waits for.

use std::collections::{BTreeMap, BTreeSet};

use super::argocd::Checked;
use super::needed::wave_place;
use super::view::{Placed, View};
use crate::diagnostic::{Code, Diagnostic};
use crate::graph::{BlockMeans, Means};

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let said = blocks(view, found);
    runs(view, &said, found);
    not_awaited(view, found);
}

/// The blocks of rules that health is to hold. Gives the kinds that were told.
fn blocks<'s>(view: &View<'s>, found: &mut Vec<Diagnostic>) -> BTreeSet<&'s str> {
    let rulebook = view.subject.rulebook;
    let mut said = BTreeSet::new();
    // TG111 tells of these that they hold nothing.
    let told = &view.subject.graph.diagnostics;
    let holds = |block: &&BlockMeans| !told.iter().any(|d| d.code == Code::BLOCK && d.span == block.place);
    for block in view.subject.graph.blocks.iter().filter(|block| block.works()).filter(holds) {
        // An annotation of the manifests, of which no rules are that `emit` could be given.
        let annotated = view.subject.graph.annotated.iter().any(|rule| rule.name == block.rule);
        let (all, rules) = if annotated { (" --all", "") } else { ("", " for these rules") };
        for edge in &block.edges {
            let Means::Health { kind } = &edge.means else { continue };
            let kind = rulebook.kind_by_short(kind).and_then(|kind| rulebook.kind(kind));
            let Some(kind) = kind.filter(|kind| view.argocd.checked(&kind.group, &kind.kind) == Checked::No) else {
                continue;
            };
            said.insert(&*kind.kind);
            let what = edge.object.as_deref().unwrap_or(&edge.what);
            let what = what.split_once(' ').map_or(what.to_owned(), |(kind, name)| format!("{kind} `{name}`"));
            let message = format!(
                "Argo CD has no health check for {}: it takes {what} for done when it is applied, and wave {} begins",
                kind.kind, block.wave
            );
            let configured = view.argocd.configured.first();
            let found_one = if configured.is_some() {
                Diagnostic::warning(Code::NO_HEALTH_CHECK, edge.place, message)
            } else {
                Diagnostic::note(Code::NO_HEALTH_CHECK, edge.place, message)
            };
            let help = if configured.is_some_and(|of| &*of.kind == "ArgoCD") {
                format!("put what `tidegate emit argocd-cr{all}` prints{rules} into its `spec.resourceHealthChecks`")
            } else {
                let key = key(&kind.group, &kind.kind);
                format!("put what `tidegate emit argocd-cm{all}` prints{rules} into argocd-cm: the key `{key}`")
            };
            let found_one = found_one.help(help);
            found.push(match configured {
                Some(object) => found_one
                    .related(wave_place(object), format!("{} `{}` has no check for it", object.kind, object.name)),
                None => found_one,
            });
        }
    }
    said
}

fn key(group: &str, kind: &str) -> String {
    let of = if group.is_empty() { kind.to_owned() } else { format!("{group}_{kind}") };
    format!("resource.customizations.health.{of}")
}

/// Kinds that run to completion, in a wave before others, that no rule blocks a wave for: a note for each kind.
fn runs(view: &View<'_>, said: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    let mut of_kind: BTreeMap<(&str, &str), Vec<&Placed<'_>>> = BTreeMap::new();
    let finite: BTreeSet<(&str, &str)> = view
        .subject
        .rulebook
        .kinds
        .iter()
        .filter(|kind| kind.runs && !said.contains(&*kind.kind))
        .map(|kind| (&*kind.group, &*kind.kind))
        .filter(|(group, kind)| view.argocd.checked(group, kind) == Checked::No)
        .collect();
    for placed in &view.placed {
        let kind = (&*placed.object.group, &*placed.object.kind);
        if finite.contains(&kind) && view.awaited(placed.object.application.as_ref(), placed.step) {
            of_kind.entry(kind).or_default().push(placed);
        }
    }
    for ((group, kind), mut objects) in of_kind {
        // By name: the order of the files changes no text.
        objects.sort_by_key(|placed| (&placed.object.namespace, &placed.object.name));
        let Some((first, more)) = objects.split_first() else { continue };
        let say = view.subject.say(first.object);
        let all = if more.is_empty() { say.clone() } else { format!("{say} and {} more", more.len()) };
        let message = format!(
            "Argo CD has no health check for {kind}: it takes {all} for done when applied, and the next wave begins"
        );
        let help = format!(
            "if a wave is to wait for it, let `tidegate emit argocd-cm --all` print the key `{}`",
            key(group, kind)
        );
        found.push(Diagnostic::note(Code::NO_HEALTH_CHECK, wave_place(first.object), message).help(help));
    }
}

/// A plain Job that runs `tidegate wait` in the last wave: only hooks are awaited there.
fn not_awaited(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for placed in &view.placed {
        let object = placed.object;
        if object.hook.hook || view.awaited(object.application.as_ref(), placed.step) || object.wait_command().is_none()
        {
            continue;
        }
        let say = view.subject.say(object);
        let message = format!(
            "{say} waits in the last wave, which Argo CD does not wait for: the sync has succeeded as soon as it is applied"
        );
        let help = "make it a hook: `argocd.argoproj.io/hook: Sync`, or put what it is to hold into a later wave";
        found.push(Diagnostic::warning(Code::NOT_AWAITED, wave_place(object), message).help(help));
    }
}

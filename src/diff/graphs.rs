//! What the two graphs differ in: waves, the means of blocks, rules of annotations, findings.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::lines::differ;
use super::model::{Change, Finding, Means, Moved, Part, What};
use super::pairs::Pair;
use super::rules::{annotated_lines, block_text, place};
use crate::diagnostic::Severity;
use crate::graph::{self, Branch, Graph, Node};
use crate::rulebook::AppName;

fn app(app: &AppName) -> String {
    format!("{}/{}", app.namespace, app.name)
}

/// Objects of the manifests whose wave the new order moves.
pub(super) fn waves(old: &Graph, new: &Graph) -> Vec<Moved> {
    let mut moved = Vec::new();
    for (node, index) in new.nodes() {
        let before = old.find(node).and_then(|index| old.about.get(&index));
        let (Some(was), Some(is)) = (before, new.about.get(&index)) else { continue };
        if was.rendered && is.rendered && was.wave_wanted != is.wave_wanted {
            moved.push(Moved {
                object: new.say(index),
                application: is.application.as_ref().map(app),
                old: was.wave_wanted,
                new: is.wave_wanted,
                manifests: is.wave,
            });
        }
    }
    moved
}

/// The means of blocks that are new or held otherwise. A rule that was renamed is the same rule here.
pub(super) fn means(old: &Graph, new: &Graph, pairs: &[Pair<'_>]) -> Vec<Means> {
    let names: BTreeMap<&str, &str> =
        pairs.iter().filter_map(|pair| Some((&*pair.new?.name, &*pair.old?.name))).collect();
    let mut found = Vec::new();
    for block in &new.blocks {
        let was = names.get(&*block.rule).copied().unwrap_or(&*block.rule);
        let same =
            |b: &&graph::BlockMeans| *b.rule == *was && b.application == block.application && b.wave == block.wave;
        let before = old.blocks.iter().find(same).map(|b| old.short(&b.text()));
        let now = new.short(&block.text());
        if before.as_ref() != Some(&now) {
            found.push(Means {
                rule: block.rule.to_string(),
                application: block.application.as_ref().map(app),
                wave: block.wave,
                old: before,
                new: now,
            });
        }
    }
    found
}

/// What `emit hooks` would write a hook for: the blocks that need one, with the condition that it waits for.
pub(super) fn hooks(side: Side<'_>) -> BTreeSet<(Option<AppName>, i64, String)> {
    let hook = |block: &graph::BlockMeans| {
        let rule = side.graph.rules.get(&block.rule)?;
        Some((block.application.clone(), block.hook_wave()?, rule.when.clone()))
    };
    side.graph.blocks.iter().filter_map(hook).collect()
}

/// The rules that annotations of the manifests mean, on one side only or otherwise than on the other.
pub(super) fn annotations(old: Side<'_>, new: Side<'_>) -> Vec<Part> {
    let (before, now) = (annotated(old.graph), annotated(new.graph));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let none = Vec::new();
    let mut parts = Vec::new();
    for name in names {
        let (was, is) = (before.get(name), now.get(name));
        let lines = annotated_lines(was.unwrap_or(&none), is.unwrap_or(&none));
        let change = match (was, is) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ if differ(&lines) => Change::Changed,
            _ => continue,
        };
        let side = if is.is_some() { new } else { old };
        let note = side.graph.rules.get(name.as_str());
        parts.push(Part {
            name: name.clone(),
            change,
            was: None,
            title: None,
            model: None,
            statuses: Vec::new(),
            place: note.and_then(|note| place(side.sources, note.place)),
            lines,
        });
    }
    parts
}

fn annotated(graph: &Graph) -> BTreeMap<String, Vec<(What, String)>> {
    let mut rules: BTreeMap<String, Vec<(What, String)>> = BTreeMap::new();
    for (name, note) in graph.rules.iter().filter(|(_, note)| note.annotated) {
        rules.insert(name.to_string(), vec![(What::When, format!("when {}", note.when))]);
    }
    for (node, _) in graph.nodes() {
        let (rule, line) = match node {
            Node::Action { rule, branch: Branch::Then, text, .. } => (rule, (What::Then, format!("then {text}"))),
            Node::Action { rule, branch: Branch::Else, text, .. } => (rule, (What::Else, format!("else {text}"))),
            Node::Gate { rule, application, wave } => (rule, (What::Block, block_text(application.as_ref(), *wave))),
            _ => continue,
        };
        if let Some(lines) = rules.get_mut(&**rule) {
            lines.push(line);
        }
    }
    rules
}

/// What is wrong with the new order and was not with the old one.
pub(super) fn findings(old: Side<'_>, new: Side<'_>) -> Vec<Finding> {
    let known: BTreeSet<(u16, &str)> = old.graph.diagnostics.iter().map(|d| (d.code.0, d.message.as_str())).collect();
    let fresh = new.graph.diagnostics.iter().filter(|d| !known.contains(&(d.code.0, d.message.as_str())));
    fresh
        .map(|d| Finding {
            code: d.code.to_string(),
            severity: match d.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            },
            message: d.message.clone(),
            place: place(new.sources, d.span),
            help: d.help.clone(),
        })
        .collect()
}

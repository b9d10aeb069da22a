//! What rules, annotations, `after` and models add.

use std::collections::BTreeSet;
use std::sync::Arc;

use petgraph::graph::NodeIndex;

use super::build::{Builder, app_name};
use super::model::{Branch, Node, Reason, RuleNote};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::manifests::{Object, Phase};
use crate::rulebook::{self, Action, Filter, Honour, ObjectRef, Rule, Selection, Test, Verb};
use crate::syntax::tree::Predicate;

/// On the runs of a Tekton Pipeline. Source: tektoncd `pkg/apis/pipeline/register.go`.
const PIPELINE_LABEL: &str = "tekton.dev/pipeline";
const TRIGGER: &str = "mlops.dev/on-success-trigger";
const BLOCK: &str = "mlops.dev/block-wave";

/// Where the parts of a rule stand, when that is not in a rule file.
#[derive(Clone, Copy)]
struct Places {
    trigger: Span,
    block: Span,
}

/// A walk through a rule's condition.
struct Walk<'r> {
    rule: &'r Rule,
    place: Option<Span>,
    reason: Reason,
    /// How many `or` were met.
    choices: usize,
    /// Below an odd number of `not`.
    negated: bool,
}

impl Builder<'_> {
    /// Every rule of the files and models.
    pub fn rules(&mut self) {
        let rulebook = self.rulebook;
        for rule in &rulebook.rules {
            self.rule(rule, None);
        }
    }

    fn rule(&mut self, rule: &Rule, places: Option<Places>) {
        let note = RuleNote {
            when: rule.text.clone(),
            title: rule.title.clone(),
            place: places.map_or(rule.span, |p| if rule.then.is_empty() { p.block } else { p.trigger }),
            annotated: places.is_some(),
        };
        self.graph.rules.insert(rule.name.clone(), note);
        for (branch, actions) in [(Branch::Then, &rule.then), (Branch::Else, &rule.otherwise)] {
            let mut before: Option<NodeIndex> = None;
            for (index, action) in actions.iter().enumerate() {
                let text = Arc::from(action.text.as_str());
                let node = self.graph.node(Node::Action { rule: rule.name.clone(), branch, index, text });
                let place = places.map_or(action.span, |p| p.trigger);
                self.graph.places.insert(node, place);
                match before {
                    Some(before) => self.link(before, node, Reason::Sequence, "", Some(place)),
                    None => {
                        let reason = if places.is_some() { Reason::Trigger } else { Reason::Condition };
                        let mut walk =
                            Walk { rule, place: places.map(|p| p.trigger), reason, choices: 0, negated: false };
                        self.condition(&mut walk, &rule.when, node, branch == Branch::Then);
                    }
                }
                self.effect(node, action, place);
                before = Some(node);
            }
        }
        for block in &rule.blocks {
            let place = places.map_or(block.span, |p| p.block);
            let means = self.means(rule, block, place);
            let application = means.application.clone();
            let gate = self.graph.node(Node::Gate {
                rule: rule.name.clone(),
                application: application.clone(),
                wave: block.wave,
            });
            self.graph.places.insert(gate, place);
            let mut walk =
                Walk { rule, place: places.map(|p| p.block), reason: Reason::Condition, choices: 0, negated: false };
            self.condition(&mut walk, &rule.when, gate, true);
            let held = self.waves.held(&application, block.wave);
            if held.is_none() && self.waves.of(&application).next().is_some() {
                let message = format!(
                    "`block wave {}` holds nothing: the application has no wave {} or later",
                    block.wave, block.wave
                );
                let help = self
                    .waves
                    .of(&application)
                    .last()
                    .map(|(phase, wave, _)| format!("its last wave is {wave}, in {}", phase.name()));
                self.graph
                    .diagnostics
                    .push(Diagnostic::warning(Code::BLOCK, place, message).help(help.unwrap_or_default()));
            }
            let (phase, wave) = held.unwrap_or((Phase::Sync, i64::from(block.wave)));
            let wave = self.graph.node(Node::Wave { application, phase, wave });
            let reason = if places.is_some() { Reason::BlockAnnotation } else { Reason::Block };
            let text = format!("block wave {}", block.wave);
            if means.works() {
                self.link(gate, wave, reason, &text, Some(place));
            } else {
                self.hint(gate, wave, reason, &text, Some(place));
            }
            self.graph.diagnostics.extend(means.diagnostics(&self.graph));
            self.graph.blocks.push(means);
        }
    }

    /// Edges from what a condition asks about to what waits for it. `waits`: what is asked must come true, and can only after the resource is there.
    fn condition(&mut self, walk: &mut Walk<'_>, test: &Test, to: NodeIndex, waits: bool) {
        match test {
            Test::All(parts) => parts.iter().for_each(|part| self.condition(walk, part, to, waits)),
            Test::Any(parts) => {
                let choice = self.graph.node(Node::Choice { rule: walk.rule.name.clone(), index: walk.choices });
                walk.choices += 1;
                self.join(choice, to, walk, "or", waits, walk.place.unwrap_or(walk.rule.span));
                parts.iter().for_each(|part| self.condition(walk, part, choice, waits));
            }
            Test::Not(part) => {
                walk.negated = !walk.negated;
                self.condition(walk, part, to, false);
                walk.negated = !walk.negated;
            }
            Test::Term(index) => {
                let Some(term) = walk.rule.terms.get(*index) else { return };
                let waits = waits && term.predicate != Predicate::Missing;
                let place = walk.place.unwrap_or(term.span);
                let text = format!("{}{}", if walk.negated { "not " } else { "" }, term.text);
                if let Some(object) = &term.source.object {
                    let from = self.named(object, place);
                    self.join(from, to, walk, &text, waits, place);
                    return;
                }
                let selection =
                    self.graph.node(Node::Selection { text: Arc::from(text), rule: walk.rule.name.clone() });
                self.join(selection, to, walk, "", waits, place);
                for member in self.chosen(&term.source).objects {
                    let member = self.rendered(member);
                    self.link(member, selection, Reason::Member, "", Some(place));
                }
                self.owners(&term.source, selection, place);
            }
            // What they ask about is asked of terms too.
            Test::Later(..) | Test::Expr(_) => {}
        }
    }

    fn join(&mut self, from: NodeIndex, to: NodeIndex, walk: &Walk<'_>, text: &str, waits: bool, place: Span) {
        if waits {
            self.link(from, to, walk.reason, text, Some(place));
        } else {
            self.hint(from, to, walk.reason, text, Some(place));
        }
    }

    /// What makes the runs of a selection, where it is among the manifests. Such a run comes only after it has been applied.
    fn owners(&mut self, selection: &Selection, node: NodeIndex, place: Span) {
        let rulebook = self.rulebook;
        for filter in &selection.filters {
            let (group, kind, name) = match filter {
                Filter::Owner(kind, name) => {
                    let Some(kind) = rulebook.kind(*kind) else { continue };
                    (&*kind.group, &*kind.kind, name)
                }
                Filter::Series(key, name) if &**key == PIPELINE_LABEL => ("tekton.dev", "Pipeline", name),
                _ => continue,
            };
            let namespace = selection.namespace.as_ref().unwrap_or(&rulebook.namespace);
            let Some(owner) = self.platform.and_then(|p| p.find(group, kind, namespace, name)) else { continue };
            let owner = self.rendered(owner);
            self.link(owner, node, Reason::Owner, "", Some(place));
        }
    }

    fn effect(&mut self, action: NodeIndex, what: &Action, place: Span) {
        let target = match &what.verb {
            Verb::Restart { target, .. }
            | Verb::Refresh { target, .. }
            | Verb::Annotate { target, .. }
            | Verb::Label { target, .. } => target,
            Verb::Sync { application } => application,
            Verb::Notify { .. } => return,
        };
        let target = self.named(target, place);
        self.hint(action, target, Reason::Effect, "", Some(place));
    }

    /// `mlops.dev/on-success-trigger` and `mlops.dev/block-wave` of the manifests.
    pub fn annotations(&mut self) {
        let (rulebook, Some(platform)) = (self.rulebook, self.platform) else { return };
        if rulebook.honour == Honour::Never {
            return;
        }
        for object in &platform.objects {
            let (trigger, block) = (object.annotation(TRIGGER), object.annotation(BLOCK));
            if trigger.is_none() && block.is_none() {
                continue;
            }
            let places = Places { trigger: object.annotation_place(TRIGGER), block: object.annotation_place(BLOCK) };
            let refuse = |message: String| {
                let place = if message.starts_with(BLOCK) || trigger.is_none() { places.block } else { places.trigger };
                Diagnostic::warning(Code::TRIGGER, place, message)
            };
            let Some(source) = self.reference(object).filter(|s| rulebook.kind(s.kind).is_some_and(|k| k.runs)) else {
                let message = format!("a {} does not run to completion, so its triggers never act", object.kind);
                self.graph
                    .diagnostics
                    .push(refuse(message).help("declare its kind in a rule file with `runs to completion`"));
                continue;
            };
            let (rules, refused) = rulebook::rules_of(rulebook, &source, trigger, block);
            self.graph.diagnostics.extend(refused.into_iter().map(refuse));
            for rule in rules {
                self.rule(&rule, Some(places));
                self.graph.annotated.push(rule);
            }
        }
    }

    fn reference(&self, object: &Object) -> Option<ObjectRef> {
        let kind = self.rulebook.kind_by_type(&object.group, &object.kind)?;
        Some(ObjectRef { kind, namespace: object.namespace.clone(), name: object.name.clone() })
    }

    /// `KIND NAME after KIND NAME, …`
    pub fn afters(&mut self) {
        let rulebook = self.rulebook;
        for after in &rulebook.afters {
            let subject = self.named(&after.subject, after.span);
            for (first, span) in &after.after {
                let first = self.named(first, *span);
                self.link(first, subject, Reason::After, "after", Some(*span));
            }
        }
    }

    /// The steps of models, and what is odd in their waves.
    pub fn models(&mut self) {
        let rulebook = self.rulebook;
        for model in &rulebook.models {
            let mut before: Option<(&Arc<str>, &ObjectRef)> = None;
            let mut seen = BTreeSet::new();
            let served: Arc<str> = Arc::from("served");
            for (word, step) in model.steps.iter().map(|(w, s)| (w, s)).chain([(&served, &model.served_by)]) {
                if let Some((earlier_word, earlier)) =
                    before.filter(|(_, earlier)| *earlier != step && seen.insert((*earlier, step)))
                {
                    let (from, to) = (self.named(earlier, model.span), self.named(step, model.span));
                    self.hint(from, to, Reason::ModelStep, &format!("model {}: {word}", model.name), Some(model.span));
                    if *word != served {
                        self.check_step(model, (earlier_word, earlier), (word, step));
                    }
                }
                before = Some((word, step));
            }
        }
    }

    /// A step that a first sync runs before the step that it follows.
    fn check_step(
        &mut self,
        model: &rulebook::Model,
        (word, first): (&str, &ObjectRef),
        (next_word, next): (&str, &ObjectRef),
    ) {
        let (Some(a), Some(b)) = (self.object(first), self.object(next)) else { return };
        let app = |o: &Object| o.application.as_ref().map(|app| app_name(self.rulebook, app));
        if app(a) != app(b) || (a.phase(), a.wave) <= (b.phase(), b.wave) {
            return;
        }
        let say = |o: &ObjectRef| self.graph.short(&self.rulebook.say(o));
        let message = format!(
            "model {}: {} ({next_word}) runs before {} ({word}) on a first sync",
            model.name,
            say(next),
            say(first)
        );
        let found = Diagnostic::warning(Code::WAVE_ORDER, b.wave_place, message).label(format!("wave {}", b.wave));
        let found = found
            .related(a.wave_place, format!("{} is in wave {}", say(first), a.wave))
            .related(model.span, "the model");
        self.graph.diagnostics.push(found.help(format!("put {} in a wave above {}", say(next), a.wave)));
    }
}

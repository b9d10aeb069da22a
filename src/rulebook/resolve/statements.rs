//! Everything that is not a rule or a kind: models, order, reports, permissions, and what a file says about itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical;
use super::context::{Home, Resolver};
use super::names;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::rulebook::{After, AppName, Honour, Model, ObjectRef, Report};
use crate::syntax::tree::{
    ActionDecl, ActionVerb, AfterDecl, AllowDecl, Condition, File, ModelDecl, Name, Predicate, Quantifier, ReportDecl,
    ResourceCondition, ResourceExpr, RuleDecl, Statement, TargetExpr,
};

/// Most steps of a model, and most objects of one `after`.
const STEPS_MAX: usize = 32;

impl Resolver<'_> {
    /// Where the unqualified names of a file live: its own `namespace` and `application`, wherever in the file they stand.
    pub fn home_of(&mut self, file: &File, default: &Home) -> Home {
        let mut home = default.clone();
        let (mut namespace, mut application): (Option<Span>, Option<Span>) = (None, None);
        for statement in &file.statements {
            match statement {
                Statement::Namespace(name) => {
                    if self.stands_twice("namespace", name.span, &mut namespace) {
                        continue;
                    }
                    if let Some(name) = self.namespace(name) {
                        home.namespace = name;
                        home.declared = true;
                    }
                }
                Statement::Application(name) => {
                    if self.stands_twice("application", name.span, &mut application) {
                        continue;
                    }
                    home.application = self.application(name);
                }
                _ => {}
            }
        }
        home
    }

    fn stands_twice(&mut self, what: &str, span: Span, first: &mut Option<Span>) -> bool {
        let Some(first) = *first else {
            *first = Some(span);
            return false;
        };
        let found = Diagnostic::error(Code::DUPLICATE_STATEMENT, span, format!("a file can say `{what}` once"));
        self.report(found.related(first, "the first").help("leave one of them out, or make it two files"));
        true
    }

    /// A model, without its rule.
    pub fn model(&mut self, decl: &ModelDecl, seen: &mut BTreeMap<String, Span>) -> Option<Model> {
        let before = self.errors;
        if let Some(wrong) = names::rule_name(&decl.name.node) {
            let message = format!("`{}` is not a name for a model", decl.name.node);
            self.error(Code::NAME, decl.name.span, message, wrong);
        }
        if let Some(first) = seen.get(&decl.name.node) {
            let message = format!("there is another model `{}`", decl.name.node);
            let found = Diagnostic::error(Code::DUPLICATE_RULE, decl.name.span, message);
            self.report(found.related(*first, "the first").help("give it another name"));
        } else {
            seen.insert(decl.name.node.clone(), decl.name.span);
        }
        if decl.steps.len() > STEPS_MAX {
            self.error(Code::LIMIT, decl.span, format!("a model can have {STEPS_MAX} steps"), "");
        }
        let mut steps: Vec<(Arc<str>, ObjectRef)> = Vec::new();
        let trained = (Arc::from("trained"), &decl.trained_by);
        let others = decl.steps.iter().take(STEPS_MAX).map(|(word, target)| (Arc::from(word.node.as_str()), target));
        for (word, target) in [trained].into_iter().chain(others) {
            if let Some(object) = self.model_step(target, &steps) {
                steps.push((word, object));
            }
        }
        let served_by = self.target(&decl.served_by);
        if let Some(object) = served_by.as_ref().filter(|object| decl.reload && !self.can_restart(object.kind)) {
            let message = format!("`{}` cannot be restarted, so it cannot reload", self.say(object));
            let help = "serve the model by an isvc, a deployment or a statefulset, or leave `reload on retrain` out";
            self.error(Code::BAD_TARGET, decl.served_by.span, message, help);
        }
        let stale_after = decl.stale_after.as_ref().and_then(|d| self.duration("stale after", d));
        if self.errors > before {
            return None;
        }
        let name = Arc::from(decl.name.node.as_str());
        Some(Model { name, steps, served_by: served_by?, stale_after, span: decl.span })
    }

    fn model_step(&mut self, target: &TargetExpr, before: &[(Arc<str>, ObjectRef)]) -> Option<ObjectRef> {
        let object = self.target(target)?;
        if !self.kind(object.kind).is_some_and(|k| k.runs) {
            let message = format!("a step of a model runs to completion, `{}` does not", target.kind.node);
            self.error(Code::NOT_A_RUN, target.span, message, "name the notebook or job that does the step");
            return None;
        }
        if before.iter().any(|(_, other)| *other == object) {
            let message = format!("`{}` is a step of this model twice", self.say(&object));
            self.error(Code::DUPLICATE_STATEMENT, target.span, message, "leave one of them out");
            return None;
        }
        Some(object)
    }

    /// The rule that `reload on retrain` stands for: when the last step succeeds, after the others, restart what serves.
    pub fn model_rule(&self, decl: &ModelDecl) -> RuleDecl {
        let targets: Vec<&TargetExpr> =
            [&decl.trained_by].into_iter().chain(decl.steps.iter().map(|(_, t)| t)).collect();
        let last = targets.len().saturating_sub(1);
        let mut when: Option<Condition> = None;
        for (i, target) in targets.iter().enumerate() {
            let predicate = if i == last { Predicate::Succeeds } else { Predicate::HasSucceeded };
            let step = run(target, predicate);
            when = Some(match when {
                None => step,
                Some(before) => {
                    let span = before.span().to(step.span());
                    Condition::Then(Box::new(before), Box::new(step), span)
                }
            });
        }
        let target = decl.served_by.clone();
        let restart = ActionDecl { span: target.span, verb: ActionVerb::Restart { target, by_deleting_pods: false } };
        RuleDecl {
            name: Some(Name { node: format!("model-{}-reload", decl.name.node), span: decl.name.span }),
            title: None,
            when: when.unwrap_or(Condition::And(Vec::new(), decl.span)),
            within: None,
            then: vec![restart],
            otherwise: Vec::new(),
            modifiers: Vec::new(),
            span: decl.span,
        }
    }

    /// `KIND NAME after KIND NAME, …`
    pub fn after(&mut self, decl: &AfterDecl) -> Option<After> {
        let before = self.errors;
        let subject = self.target(&decl.subject);
        if let Some(first) = decl.after.get(STEPS_MAX) {
            self.error(
                Code::LIMIT,
                first.span,
                format!("`after` can name {STEPS_MAX} objects"),
                "write several statements",
            );
        }
        let mut after: Vec<(ObjectRef, Span)> = Vec::new();
        for target in decl.after.iter().take(STEPS_MAX) {
            let Some(object) = self.target(target) else { continue };
            if subject.as_ref() == Some(&object) {
                let message = format!("`{}` cannot come after itself", self.say(&object));
                self.error(Code::CYCLE, target.span, message, "leave it out");
                continue;
            }
            if !after.iter().any(|(other, _)| *other == object) {
                after.push((object, target.span));
            }
        }
        after.sort();
        let subject = subject?;
        (self.errors == before).then_some(After { subject, after, span: decl.span })
    }

    /// `report every KIND … to application A`
    pub fn report_to(&mut self, decl: &ReportDecl) -> Option<Report> {
        let before = self.errors;
        let kind = self.find_kind(&decl.resource.kind)?;
        let word = &decl.resource.kind.node;
        if !self.kind(kind).is_some_and(|k| k.runs) {
            let message = format!("a report counts runs, and `{word}` does not run to completion");
            self.error(Code::NOT_A_RUN, decl.resource.kind.span, message, "report notebooks or jobs");
        }
        if decl.resource.quantifier == Quantifier::Any {
            let message = "a report is about all of them";
            self.error(Code::QUANTIFIER, decl.resource.span, message, format!("write `report every {word} …`"));
        }
        if let Some(alias) = &decl.resource.alias {
            self.error(Code::QUANTIFIER, alias.span, "a report's objects need no name", "leave `as` out");
        }
        let source = self.selection(&decl.resource);
        let application = self.application(&decl.application);
        if self.errors > before {
            return None;
        }
        Some(Report { source: source?, application: application?, span: decl.span })
    }

    /// `allow triggers from namespace A to namespace B`
    pub fn allow(&mut self, decl: &AllowDecl) -> Option<(Arc<str>, Arc<str>)> {
        let (from, to) = (self.namespace(&decl.from), self.namespace(&decl.to));
        let (from, to) = (from?, to?);
        if from == to {
            let message = "triggers within one namespace need no permission";
            self.report(Diagnostic::warning(Code::MODIFIER, decl.span, message).help("leave it out"));
        }
        Some((from, to))
    }

    /// `honour annotations always|never` of all files: what is said twice must agree.
    pub fn honour(&mut self, said: &[&Spanned<bool>]) -> Honour {
        let Some(first) = said.first() else {
            return Honour::UnlessOperatorDoes;
        };
        for other in said.iter().filter(|other| other.node != first.node) {
            let message = "annotations cannot be honoured both always and never";
            let found = Diagnostic::error(Code::DUPLICATE_STATEMENT, other.span, message);
            self.report(found.related(first.span, "the other one is here").help("leave one of them out"));
        }
        if first.node { Honour::Always } else { Honour::Never }
    }

    /// What the whole rulebook takes as its application and namespace: the one that files name; of several, the first in the order of
    /// the alphabet, so that it depends neither on the order of files nor on their names.
    pub fn global(homes: &[Home], default: &Home) -> (Option<AppName>, Arc<str>) {
        let application = homes.iter().filter_map(|home| home.application.clone()).min();
        let namespace = homes.iter().filter(|home| home.declared).map(|home| home.namespace.clone()).min();
        (application, namespace.unwrap_or_else(|| default.namespace.clone()))
    }

    /// A report's identity, for sorting.
    pub fn report_key(&self, report: &Report) -> (AppName, String) {
        (report.application.clone(), canonical::selection(self, &report.source))
    }
}

fn run(target: &TargetExpr, predicate: Predicate) -> Condition {
    let resource = ResourceExpr {
        quantifier: Quantifier::One,
        kind: target.kind.clone(),
        name: Some(target.name.clone()),
        selectors: Vec::new(),
        alias: None,
        span: target.span,
    };
    let predicate = Spanned { node: predicate, span: target.span };
    Condition::Resource(Box::new(ResourceCondition { resource, predicate, lasting: None, span: target.span }))
}

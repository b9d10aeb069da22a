//! Actions: what may be done to which kind of object. Targets first, texts once every variable is known.

use std::sync::Arc;

use super::canonical;
use super::condition::Draft;
use super::context::Resolver;
use super::names;
use super::scope::Words;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::rulebook::{Action, KindIx, ObjectRef, Verb};
use crate::syntax::tree::{ActionDecl, ActionVerb, Name, ResourceName, TargetExpr, Text, TextPart};

/// Most actions of one branch.
const ACTIONS_MAX: usize = 64;

/// What can be restarted, by group and Kind.
pub(super) const RESTARTABLE: &[(&str, &str)] =
    &[("serving.kserve.io", "InferenceService"), ("apps", "Deployment"), ("apps", "StatefulSet")];

/// Annotations under this domain are tidegate's own records.
const OWN_DOMAIN: &str = "tidegate.dev/";

/// Annotations that the controller or Argo CD writes or reads itself, with what to write instead.
const CONTROL: &[(&str, &str)] = &[
    ("argocd.argoproj.io/refresh", "write `refresh application NAME`"),
    ("argocd.argoproj.io/", "Argo CD reads it from Git, or keeps it itself"),
    ("mlops.dev/wave-complete", "tidegate writes it on what a rule waits for"),
    ("mlops.dev/wave-failed", "tidegate writes it on what a rule waits for"),
    ("mlops.dev/notebook-status", "write `report every notebook … to application NAME`"),
    ("mlops.dev/notebook-summary", "write `report every notebook … to application NAME`"),
    ("mlops.dev/on-success-trigger", "write a rule that says so"),
    ("mlops.dev/block-wave", "write a rule with `block wave N`"),
];

/// An action whose target is known and whose texts are not compiled yet.
pub(super) struct Half<'t> {
    verb: HalfVerb<'t>,
    /// Canonical text.
    pub text: String,
    span: Span,
}

enum HalfVerb<'t> {
    Whole(Verb),
    Annotate(ObjectRef, Arc<str>, &'t Text),
    Label(ObjectRef, Arc<str>, &'t Text),
    Notify(Arc<str>, &'t Text, Option<ObjectRef>),
}

impl Half<'_> {
    /// The object that the action writes to.
    pub fn target(&self) -> Option<(ObjectRef, Span)> {
        let target = match &self.verb {
            HalfVerb::Whole(Verb::Restart { target, .. } | Verb::Refresh { target, .. }) => target,
            HalfVerb::Whole(Verb::Sync { application }) => application,
            HalfVerb::Annotate(target, ..) | HalfVerb::Label(target, ..) => target,
            HalfVerb::Notify(_, _, Some(application)) => application,
            HalfVerb::Whole(_) | HalfVerb::Notify(_, _, None) => return None,
        };
        Some((target.clone(), self.span))
    }
}

impl Resolver<'_> {
    /// Resolves the targets of a list of actions.
    pub fn targets<'t>(&mut self, actions: &'t [ActionDecl]) -> Vec<Half<'t>> {
        if let Some(first) = actions.get(ACTIONS_MAX) {
            self.error(
                Code::LIMIT,
                first.span,
                format!("a rule can have {ACTIONS_MAX} actions"),
                "make them several rules",
            );
        }
        let mut halves = Vec::with_capacity(actions.len().min(ACTIONS_MAX));
        halves.extend(actions.iter().take(ACTIONS_MAX).filter_map(|action| self.half(action)));
        halves
    }

    /// Compiles the texts of an action.
    pub fn whole(&mut self, half: Half<'_>, words: &mut Words, draft: &Draft<'_>) -> Option<Action> {
        let verb = match half.verb {
            HalfVerb::Whole(verb) => verb,
            HalfVerb::Annotate(target, key, text) => {
                Verb::Annotate { target, key, value: words.text(self, draft, text)? }
            }
            HalfVerb::Label(target, key, text) => Verb::Label { target, key, value: words.text(self, draft, text)? },
            HalfVerb::Notify(kind, text, application) => {
                Verb::Notify { kind, text: words.text(self, draft, text)?, application }
            }
        };
        Some(Action { verb, text: half.text, span: half.span })
    }

    fn half<'t>(&mut self, action: &'t ActionDecl) -> Option<Half<'t>> {
        let span = action.span;
        let (verb, text) = match &action.verb {
            ActionVerb::Restart { target, by_deleting_pods } => self.restart(target, *by_deleting_pods)?,
            ActionVerb::Sync(target) => self.sync(target)?,
            ActionVerb::Refresh { target, hard } => self.refresh(target, *hard, span)?,
            ActionVerb::Annotate(target, key, value) => self.annotate(target, key, value)?,
            ActionVerb::Label(target, key, value) => self.set_label(target, key, value)?,
            ActionVerb::Notify { kind, text, application } => self.notify(kind, text, application.as_ref())?,
            other => {
                self.not_yet(other, span);
                return None;
            }
        };
        Some(Half { verb, text, span })
    }

    fn restart<'t>(&mut self, target: &TargetExpr, by_deleting_pods: bool) -> Option<(HalfVerb<'t>, String)> {
        let object = self.target(target)?;
        if !self.can_restart(object.kind) {
            let known: Vec<String> = self
                .kinds
                .iter()
                .filter(|k| RESTARTABLE.contains(&(&*k.group, &*k.kind)))
                .map(|k| format!("`{}`", k.short))
                .collect();
            let message = format!("`{}` is not what can be restarted", target.kind.node);
            let help = if self.is_application(object.kind) {
                format!("`sync {}` or `refresh {}`", self.say(&object), self.say(&object))
            } else {
                format!("these can be restarted: {}", known.join(", "))
            };
            self.error(Code::BAD_TARGET, target.span, message, help);
            return None;
        }
        let mut text = canonical::action("restart", &self.say(&object));
        text.push_str(if by_deleting_pods { " by deleting pods" } else { "" });
        Some((HalfVerb::Whole(Verb::Restart { target: object, by_deleting_pods }), text))
    }

    /// Whether objects of a kind can be restarted.
    pub fn can_restart(&self, kind: KindIx) -> bool {
        self.kind(kind).is_some_and(|k| RESTARTABLE.contains(&(&*k.group, &*k.kind)))
    }

    fn sync<'t>(&mut self, target: &TargetExpr) -> Option<(HalfVerb<'t>, String)> {
        let application = self.target(target)?;
        if !self.is_application(application.kind) {
            let message = format!("only an Application can be synced, `{}` is none", target.kind.node);
            self.error(Code::BAD_TARGET, target.span, message, "write `sync application NAME`");
            return None;
        }
        let text = canonical::action("sync", &self.say(&application));
        Some((HalfVerb::Whole(Verb::Sync { application }), text))
    }

    fn refresh<'t>(&mut self, target: &TargetExpr, hard: bool, span: Span) -> Option<(HalfVerb<'t>, String)> {
        let object = self.target(target)?;
        if self.rolls(&object, span) {
            return None;
        }
        if hard && !self.is_application(object.kind) {
            let message = format!("a hard refresh is for Applications, `{}` is none", target.kind.node);
            self.error(Code::BAD_TARGET, span, message, "leave `hard` out");
            return None;
        }
        let text = format!("refresh {}{}", self.say(&object), if hard { " hard" } else { "" });
        Some((HalfVerb::Whole(Verb::Refresh { target: object, hard }), text))
    }

    /// KServe copies annotations and labels of an InferenceService to its pods' template, and tidegate's record of the action would be
    /// such an annotation. Source: KServe `pkg/controller/v1beta1/inferenceservice/components/predictor.go`.
    fn rolls(&mut self, object: &ObjectRef, span: Span) -> bool {
        let rolls = self.is_type(object.kind, "serving.kserve.io", "InferenceService");
        if rolls {
            let message = "an annotation or a label of an InferenceService rolls its pods, so this would be a restart";
            self.error(Code::REFRESH_ROLLS, span, message, format!("use `restart {}`", self.say(object)));
        }
        rolls
    }

    fn annotate<'t>(&mut self, target: &TargetExpr, key: &Name, value: &'t Text) -> Option<(HalfVerb<'t>, String)> {
        let object = self.target(target);
        let wrong = names::key(&key.node);
        if let Some(wrong) = &wrong {
            self.error(Code::NAME, key.span, format!("`{}` is not an annotation's key", key.node), wrong.clone());
        } else if key.node.starts_with(OWN_DOMAIN) {
            let message = format!("annotations under `{OWN_DOMAIN}` are tidegate's own records");
            self.error(Code::BAD_TARGET, key.span, message, "use a key of another domain");
            return None;
        }
        if let Some((_, help)) = CONTROL.iter().find(|(start, _)| key.node.starts_with(start)) {
            let message = format!("`{}` is not for rules to write", key.node);
            self.error(Code::BAD_TARGET, key.span, message, *help);
            return None;
        }
        let object = object.filter(|_| wrong.is_none())?;
        if self.rolls(&object, target.span) {
            return None;
        }
        let text =
            format!("annotate {} {}={}", self.say(&object), canonical::quoted(&key.node), canonical::text(value));
        Some((HalfVerb::Annotate(object, self.interner.text(&key.node), value), text))
    }

    fn set_label<'t>(&mut self, target: &TargetExpr, key: &Name, value: &'t Text) -> Option<(HalfVerb<'t>, String)> {
        let object = self.target(target);
        let wrong = names::key(&key.node);
        if let Some(wrong) = &wrong {
            self.error(Code::NAME, key.span, format!("`{}` is not a label's key", key.node), wrong.clone());
        } else if key.node.starts_with(OWN_DOMAIN) {
            let message = format!("labels under `{OWN_DOMAIN}` are tidegate's own");
            self.error(Code::BAD_TARGET, key.span, message, "use a key of another domain");
            return None;
        }
        // A value with holes is known only when it is written.
        let literal = value.parts.iter().map(|part| match part {
            TextPart::Literal(text) => Some(text.as_str()),
            TextPart::Expr(_) => None,
        });
        let wrong_value = literal.collect::<Option<String>>().as_deref().and_then(names::label_value);
        if let Some(wrong) = &wrong_value {
            self.error(Code::NAME, value.span, "this is not a label's value", wrong.clone());
        }
        let object = object.filter(|_| wrong.is_none() && wrong_value.is_none())?;
        if self.rolls(&object, target.span) {
            return None;
        }
        let text = format!("label {} {}={}", self.say(&object), canonical::quoted(&key.node), canonical::text(value));
        Some((HalfVerb::Label(object, self.interner.text(&key.node), value), text))
    }

    fn notify<'t>(
        &mut self,
        kind: &Name,
        text: &'t Text,
        application: Option<&ResourceName>,
    ) -> Option<(HalfVerb<'t>, String)> {
        let wrong = names::label_value(&kind.node).or_else(|| kind.node.is_empty().then(|| "it is empty".to_owned()));
        if let Some(wrong) = &wrong {
            let message = format!("`{}` is not a notification type", kind.node);
            let help = format!("it becomes a label's value: {wrong}");
            self.error(Code::UNKNOWN_NOTIFICATION, kind.span, message, help);
        }
        let application = match application {
            Some(name) => Some(self.application_object(name)?),
            None => None,
        };
        if wrong.is_some() {
            return None;
        }
        let on = application.as_ref().map(|a| format!(" on {}", self.say(a))).unwrap_or_default();
        let canonical = format!("notify {} {}{on}", canonical::quoted(&kind.node), canonical::text(text));
        Some((HalfVerb::Notify(self.interner.text(&kind.node), text, application), canonical))
    }

    /// Actions that the language has and this version does not do.
    fn not_yet(&mut self, verb: &ActionVerb, span: Span) {
        let (name, instead) = match verb {
            ActionVerb::Rollback(_) => ("rollback", "revert in Git and `sync application NAME`"),
            ActionVerb::Promote(_) => ("promote", "`notify TYPE \"…\"` tells somebody to promote it"),
            ActionVerb::Abort(_) => ("abort", "`notify TYPE \"…\"` tells somebody to abort it"),
            ActionVerb::Run(..) => {
                ("run", "a CronJob's own schedule makes jobs; `any job of cronjob NAME succeeds` waits for them")
            }
            ActionVerb::Rerun(_) => {
                ("rerun", "a hook runs again with `sync application NAME`; else delete the object and sync")
            }
            ActionVerb::Suspend(_) => ("suspend", "set `spec.suspend: true` in Git and `sync application NAME`"),
            ActionVerb::Resume(_) => ("resume", "set `spec.suspend: false` in Git and `sync application NAME`"),
            _ => return,
        };
        let message = format!("`{name}` is part of the language and not done yet");
        self.report(Diagnostic::error(Code::NOT_YET, span, message).help(instead));
    }
}

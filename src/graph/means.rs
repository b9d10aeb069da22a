//! By which means a block is held.
//!
//! - Same application, something in a wave below N that must be done: its kind's health, which Argo CD awaits before the next wave.
//! - The same in wave N or above: nothing can hold it, the wave would wait for itself.
//! - Anything else (an expression, another application, `for`, an order of runs, a schedule): a Sync-phase hook in the wave before N that runs `tidegate wait`.
//!   Never a PreSync hook: a running hook stops later phases, so one that waits for an object of the Sync phase never ends.

use std::fmt;
use std::sync::Arc;

use super::build::{Builder, app_name};
use super::model::Graph;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::manifests::{Object, Phase, Platform};
use crate::rulebook::{AppName, Block, Origin, Rule, Rulebook, Term, Test};
use crate::syntax::tree::Predicate;

/// What holds one edge of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// Argo CD waits for the object's health before it begins the next wave.
    Health {
        /// Short name of the kind.
        kind: Arc<str>,
    },
    /// A hook that runs `tidegate wait`.
    Hook {
        /// Why health is not enough.
        why: String,
    },
    /// Only manifests tell.
    Unknown,
    /// Nothing can hold it.
    Impossible {
        /// Why.
        why: String,
        /// What to do about it.
        help: String,
        /// Where the object's wave stands.
        place: Span,
    },
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Means::Health { kind } => write!(f, "health of the {kind}"),
            Means::Hook { why } => write!(f, "hook, since {why}"),
            Means::Unknown => write!(f, "health or a hook, as manifests tell"),
            Means::Impossible { why, .. } => write!(f, "nothing: {why}"),
        }
    }
}

/// One thing that a block waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeMeans {
    /// The part of the condition.
    pub what: String,
    /// The object, where the part is about several.
    pub object: Option<String>,
    /// What holds it.
    pub means: Means,
    /// Where the part stands.
    pub place: Span,
}

/// A block with the means of each of its edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeans {
    /// The rule.
    pub rule: Arc<str>,
    /// Whose waves.
    pub application: Option<AppName>,
    /// The first wave that is held.
    pub wave: i32,
    /// Where the block stands.
    pub place: Span,
    /// In the order of the condition.
    pub edges: Vec<EdgeMeans>,
    /// The hook among the manifests that holds what health does not; none where none is needed, none is there or nothing is known.
    pub hook: Option<FoundHook>,
    /// The latest wave of the same application that the condition asks about: a hook in an earlier one would wait for ever.
    pub sources_wave: Option<i64>,
    /// Manifests are known.
    pub known: bool,
}

/// A Sync hook that runs `tidegate wait` with the condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHook {
    /// The Job's name.
    pub name: Arc<str>,
    /// Its wave.
    pub wave: i64,
}

impl BlockMeans {
    /// The wave of the Sync-phase hook that this block needs; none where health alone holds it.
    #[must_use]
    pub fn hook_wave(&self) -> Option<i64> {
        let needed = self.edges.iter().any(|e| matches!(e.means, Means::Hook { .. }));
        needed.then(|| self.hook.as_ref().map_or(i64::from(self.wave) - 1, |hook| hook.wave))
    }

    /// A hook is needed, and the manifests have none.
    #[must_use]
    pub fn lacks_hook(&self) -> bool {
        self.known && self.works() && self.hook.is_none() && self.hook_wave().is_some()
    }

    /// Nothing is impossible about it.
    #[must_use]
    pub fn works(&self) -> bool {
        !self.edges.iter().any(|e| matches!(e.means, Means::Impossible { .. }))
    }

    /// In a few words, each means once: `health of the notebook; hook in wave 3, since an expression must hold`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for edge in &self.edges {
            let part = match (&edge.means, self.hook_wave(), &self.hook) {
                (Means::Hook { why }, Some(wave), Some(hook)) => {
                    format!("hook {} in wave {wave}, since {why}", hook.name)
                }
                (Means::Hook { why }, Some(wave), None) if self.known => {
                    format!("no hook in wave {wave}, though {why}")
                }
                (Means::Hook { why }, Some(wave), None) => format!("hook in wave {wave}, since {why}"),
                (means, ..) => means.to_string(),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts.join("; ")
    }

    pub(super) fn key(&self) -> (&Arc<str>, &Option<AppName>, i32) {
        (&self.rule, &self.application, self.wave)
    }

    pub(super) fn diagnostics(&self, graph: &Graph) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for edge in &self.edges {
            let Means::Impossible { why, help, place } = &edge.means else { continue };
            let message = format!("`block wave {}` waits for what it holds itself: {why}", self.wave);
            let what = edge.object.clone().unwrap_or_else(|| edge.what.clone());
            let diagnostic = Diagnostic::error(Code::BLOCK, self.place, message).help(help.clone());
            let diagnostic = diagnostic.related(edge.place, format!("waits for `{}`", graph.short(&edge.what)));
            found.push(diagnostic.related(*place, format!("the wave of {what}")));
        }
        let needing = self.edges.iter().find(|edge| matches!(edge.means, Means::Hook { .. }));
        if let (true, Some(wave), Some(edge)) = (self.lacks_hook(), self.hook_wave(), needing) {
            let message = format!("nothing holds wave {} for all that the rule asks: no hook waits for it", self.wave);
            let Means::Hook { why } = &edge.means else { return found };
            let help = format!(
                "put a Sync hook into wave {wave} that runs `tidegate wait` with this condition; `tidegate emit hooks` prints it"
            );
            let diagnostic = Diagnostic::error(Code::NO_HOOK, self.place, message).help(help);
            found.push(diagnostic.related(edge.place, format!("health alone does not do, since {why}")));
        }
        found
    }
}

/// The means of a block. Without a platform, what depends on manifests is [`Means::Unknown`].
#[must_use]
pub fn means(rulebook: &Rulebook, platform: Option<&Platform>, rule: &Rule, block: &Block) -> BlockMeans {
    Builder::over(rulebook, platform).means(rule, block, block.span)
}

impl Builder<'_> {
    /// `place`: where the block stands.
    pub fn means(&self, rule: &Rule, block: &Block, place: Span) -> BlockMeans {
        let application = block.application.clone().or_else(|| self.application_of_rule(rule));
        let mut edges = Vec::new();
        let at = At { rule, wave: block.wave, application: &application };
        self.test(&at, &rule.when, true, &mut edges);
        if matches!(rule.origin, Origin::Annotation(_)) {
            // An annotation is one place.
            edges.iter_mut().for_each(|edge| edge.place = place);
        }
        let sources_wave = self.sources_wave(rule, &application);
        let mut means = BlockMeans {
            rule: rule.name.clone(),
            application,
            wave: block.wave,
            place,
            edges,
            hook: None,
            sources_wave,
            known: self.platform.is_some(),
        };
        if means.hook_wave().is_some() {
            means.hook = self.hook(rule, &means);
        }
        means
    }

    /// The latest wave of the application that a condition asks about.
    fn sources_wave(&self, rule: &Rule, application: &Option<AppName>) -> Option<i64> {
        let own = |object: &&Object| {
            let app = object.application.as_ref().map(|app| app_name(self.rulebook, app));
            app == *application && object.phase() == Some(Phase::Sync)
        };
        let objects = rule.terms.iter().flat_map(|term| self.chosen(&term.source).objects);
        objects.filter(own).map(|object| object.wave).max()
    }

    /// The Sync hook of the application that waits for the rule's condition: not before what it waits for, and before what it holds.
    fn hook(&self, rule: &Rule, means: &BlockMeans) -> Option<FoundHook> {
        let waits = |object: &&Object| {
            let app = object.application.as_ref().map(|app| app_name(self.rulebook, app));
            let here = app == means.application && object.hook.hook && object.phase() == Some(Phase::Sync);
            let early = means.sources_wave.is_some_and(|wave| object.wave < wave);
            here && !early && object.wave < i64::from(means.wave) && self.waits_for(object, rule)
        };
        let mut hooks = self.platform?.objects.iter().filter(waits);
        hooks.next().map(|hook| FoundHook { name: hook.name.clone(), wave: hook.wave })
    }

    /// Whether a Job waits for a rule's condition: the same words, whether or not names carry the Job's namespace.
    fn waits_for(&self, object: &Object, rule: &Rule) -> bool {
        let Some(command) = object.wait_command() else { return false };
        let home = command.namespace.as_deref().unwrap_or(&object.namespace);
        let plain = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            format!(" {}", words.join(" ")).replace(&format!(" {home}/"), " ")
        };
        plain(&command.condition) == plain(&rule.text)
    }

    /// The application of the rule's first named object, as manifests tell, else the rulebook's.
    fn application_of_rule(&self, rule: &Rule) -> Option<AppName> {
        let mut objects = rule.terms.iter().filter_map(|t| t.source.object.as_ref());
        let first = objects.next().and_then(|o| self.object(o)).and_then(|o| o.application.as_ref());
        first.map(|app| app_name(self.rulebook, app)).or_else(|| self.rulebook.application.clone())
    }

    /// `must`: the part has to hold for the whole to hold.
    fn test(&self, at: &At<'_>, test: &Test, must: bool, edges: &mut Vec<EdgeMeans>) {
        let hook = |what: &str, why: &str, place: Span| EdgeMeans {
            what: what.to_owned(),
            object: None,
            means: Means::Hook { why: why.to_owned() },
            place,
        };
        match test {
            Test::All(parts) => parts.iter().for_each(|part| self.test(at, part, must, edges)),
            Test::Any(parts) => parts.iter().for_each(|part| self.test(at, part, false, edges)),
            Test::Not(part) => self.test(at, part, false, edges),
            Test::Expr(expr) => edges.push(hook(&expr.text, "an expression must hold", expr.span)),
            Test::Later(first, later) => {
                let text = |i: &usize| at.rule.terms.get(*i).map_or("", |t| t.text.as_str());
                let span = at.rule.terms.get(*later).map_or(at.rule.span, |t| t.span);
                edges.push(hook(
                    &format!("{} after {}", text(later), text(first)),
                    "one run must end after another",
                    span,
                ));
            }
            Test::Term(index) => {
                let Some(term) = at.rule.terms.get(*index) else { return };
                if must {
                    self.term(at, term, edges);
                } else {
                    edges.push(hook(&term.text, "it need not hold in every case", term.span));
                }
            }
        }
    }

    fn term(&self, at: &At<'_>, term: &Term, edges: &mut Vec<EdgeMeans>) {
        let edge = |object: Option<&Object>, means: Means| {
            let named =
                object.map(|o| format!("{} {}", self.rulebook.kind(term.source.kind).map_or("", |k| &k.short), o.name));
            EdgeMeans { what: term.text.clone(), object: named, means, place: term.span }
        };
        let hook = |why: &str| Means::Hook { why: why.to_owned() };
        let chosen = self.chosen(&term.source);
        let plain = matches!(term.predicate, Predicate::Succeeds | Predicate::HasSucceeded | Predicate::Healthy);
        if self.platform.is_none() && !chosen.beyond && plain && term.lasting.is_none() {
            return edges.push(edge(None, Means::Unknown));
        }
        let mut open = Vec::new();
        for object in chosen.objects.iter().filter(|_| term.predicate != Predicate::Missing) {
            let means = self.held_by_health(at, term, object, plain);
            if !open
                .iter()
                .any(|e: &EdgeMeans| e.means == means && matches!(means, Means::Health { .. } | Means::Hook { .. }))
            {
                open.push(edge(Some(object), means));
            }
        }
        if chosen.beyond {
            open.push(edge(None, hook("only the cluster knows which runs are meant")));
        } else if term.predicate == Predicate::Missing {
            open.push(edge(None, hook("health says nothing about what is missing")));
        } else if chosen.objects.is_empty() {
            open.push(edge(None, hook("no manifest makes it")));
        }
        edges.extend(open);
    }

    fn held_by_health(&self, at: &At<'_>, term: &Term, object: &Object, plain: bool) -> Means {
        let own = object.application.as_ref().map(|app| app_name(self.rulebook, app));
        if own != *at.application {
            return Means::Hook { why: "it is of another application".to_owned() };
        }
        let short = self.rulebook.kind(term.source.kind).map_or_else(|| object.kind.clone(), |k| k.short.clone());
        let name = format!("{short} {}", object.name);
        let above = |why: String| Means::Impossible {
            why,
            help: format!("block a wave above {}, or put {name} in a wave below {}", object.wave, at.wave),
            place: object.wave_place,
        };
        match object.phase() {
            None => return Means::Hook { why: "no sync applies it".to_owned() },
            Some(Phase::Sync) if object.wave >= i64::from(at.wave) => {
                return above(format!("{name} is in wave {}", object.wave));
            }
            Some(phase @ (Phase::PostSync | Phase::SyncFail)) => {
                return Means::Impossible {
                    why: format!("{name} is a {} hook, which runs after wave {}", phase.name(), at.wave),
                    help: format!("make it a resource or Sync hook in a wave below {}", at.wave),
                    place: object.wave_place,
                };
            }
            Some(Phase::PreSync | Phase::Sync) => {}
        }
        if matches!(term.predicate, Predicate::Fails | Predicate::HasFailed | Predicate::Degraded) {
            return Means::Impossible {
                why: format!("when {name} has failed, the sync has failed too, and wave {} never begins", at.wave),
                help: "let a rule that waits for success block the wave".to_owned(),
                place: object.wave_place,
            };
        }
        if is_application(object) {
            Means::Hook { why: "an Application shows its old health until it has seen the new commit".to_owned() }
        } else if !plain {
            Means::Hook { why: "a wave waits for success alone".to_owned() }
        } else if term.lasting.is_some() {
            Means::Hook { why: "health does not say for how long".to_owned() }
        } else {
            Means::Health { kind: short }
        }
    }
}

fn is_application(object: &Object) -> bool {
    &*object.group == "argoproj.io" && &*object.kind == "Application"
}

struct At<'a> {
    rule: &'a Rule,
    wave: i32,
    application: &'a Option<AppName>,
}

//! `emit flux`: a kind's health as the `healthCheckExprs` of a Flux Kustomization or HelmRelease.
//!
//! Flux evaluates three CEL conditions in turn (inProgress, failed, current; of what none holds is in progress) over the object's top-level
//! fields as variables, after it has compared `status.observedGeneration` with `metadata.generation` itself. It only parses them, and what
//! it cannot evaluate it shows as Unknown and waits for. Source: github.com/fluxcd/pkg `runtime/cel`, RFC-0009.
//!
//! So `self.` goes, each `let` stands where its name stood, and "the first line that holds" becomes three conditions of which one holds. In
//! the rules a line whose condition is an error does not hold: so each condition is split into when it is true and when it is false, with
//! what must be there for either. What CEL has no word for stays an error in Flux: a field at the top that is absent (`status` of a new
//! object), a value of another type than its function takes. Flux then waits, and never says something else than the rules say.
//!
//! The way: `cx` what is known on the way, `value` values and when there is one, `truth` conditions, `formula` and `tidy` their shortest form,
//! `layout` their text, `print` the document.

mod cx;
mod formula;
mod layout;
mod make;
mod print;
mod tidy;
mod truth;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use self::cx::Cx;
use self::formula::Formula;
use self::layout::laid_out;
use self::tidy::tidy;
use super::used::choose;
use crate::diagnostic::{self, Code, Diagnostic};
use crate::rulebook::{Kind, Rulebook};
use crate::syntax::tree::{Expr, ExprNode, HealthWord, KindDecl, KindLine};

/// The longest expression that Flux's CEL parses, in characters. Source: cel-go `parser`, `expressionSizeCodePointLimit`.
const EXPRESSION_CHARS_MAX: usize = 100_000;

/// Fields that every object has.
const ALWAYS_THERE: &[&str] = &["apiVersion", "kind", "metadata"];

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Every kind that the rulebook knows, also those that no rule reads or that Flux reads by itself.
    pub all: bool,
    /// The object to patch; without one the text is to be pasted.
    pub target: Option<Target>,
}

/// A Flux object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which of the two.
    pub kind: TargetKind,
    /// Its namespace, if it has to be said.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// The kinds of Flux that take `healthCheckExprs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Since Flux 2.5 (kustomize-controller 1.5).
    Kustomization,
    /// Since Flux 2.8 (helm-controller 1.5).
    HelmRelease,
}

/// What Flux says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// What is progressing, suspended or unknown.
    InProgress,
    /// What is degraded.
    Failed,
    /// What is healthy.
    Current,
}

/// The three conditions of a kind. Of an object whose top-level fields are there, and whose fields have the expected types, one holds:
/// while it is being deleted `in_progress`, which Flux asks first, and perhaps another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// CEL, perhaps of several lines.
    pub in_progress: String,
    /// CEL; none if the kind is never degraded.
    pub failed: Option<String>,
    /// CEL; `false` if the kind is never healthy.
    pub current: String,
    /// Top-level fields whose absence the rules read as something else than in progress, with what they can read it as.
    pub without: BTreeMap<String, BTreeSet<Status>>,
    /// Functions that are errors for some values, so that Flux waits where the rules go on to the next line.
    pub may_fail: Vec<&'static str>,
    /// Whether a line has `since`, which Flux has not.
    pub since: bool,
}

impl From<HealthWord> for Status {
    fn from(word: HealthWord) -> Status {
        match word {
            HealthWord::Healthy => Status::Current,
            HealthWord::Degraded => Status::Failed,
            HealthWord::Progressing | HealthWord::Suspended | HealthWord::Unknown => Status::InProgress,
        }
    }
}

/// The conditions of a kind; none for a kind without lines, which Flux reads as kstatus does, like the rules.
///
/// # Errors
/// TG206, at each expression that Flux's CEL cannot say.
pub fn check(kind: &KindDecl) -> Result<Option<Check>, Vec<Diagnostic>> {
    let lines: Vec<Line<'_>> = kind.lines.iter().filter_map(Line::of).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let mut cx = Cx::new(kind);
    let conditions: Vec<Option<Formula>> = lines.iter().map(|line| line.condition(&mut cx)).collect();
    let Some(conditions) = conditions.into_iter().collect::<Option<Vec<Formula>>>() else {
        diagnostic::sort(&mut cx.diagnostics);
        return Err(cx.diagnostics);
    };
    let steps: Vec<(Status, Formula)> = lines.iter().map(|line| line.status).zip(conditions).collect();
    let deleted = Formula::of(deletion(kind));
    let in_progress = Formula::any([deleted, decided(&steps, Status::InProgress)]);
    let [in_progress, failed, current] =
        [in_progress, decided(&steps, Status::Failed), decided(&steps, Status::Current)].map(tidy);
    // Flux waits for nothing that has been simplified away.
    let mut read = BTreeSet::new();
    [&in_progress, &failed, &current].into_iter().for_each(|formula| formula.variables(&mut read));
    let check = Check {
        in_progress: laid_out(&in_progress),
        failed: (failed != Formula::False).then(|| laid_out(&failed)),
        current: laid_out(&current),
        without: without(&cx, &lines, &read),
        may_fail: cx.may_fail.into_keys().collect(),
        since: lines.iter().any(|line| line.since),
    };
    let longest = [Some(&check.in_progress), check.failed.as_ref(), Some(&check.current)].into_iter().flatten();
    if longest.map(|text| text.chars().count()).max() > Some(EXPRESSION_CHARS_MAX) {
        let message = format!("the health of `{}` as one expression is longer than Flux reads", kind.short.node);
        let help = format!("at most {EXPRESSION_CHARS_MAX} characters, with every `let` in its place");
        return Err(vec![Diagnostic::error(Code::NOT_IN_FLUX, kind.short.span, message).help(help)]);
    }
    Ok(Some(check))
}

/// A line that gives a status.
struct Line<'t> {
    status: Status,
    when: Option<&'t Expr>,
    since: bool,
}

impl<'t> Line<'t> {
    fn of(line: &'t KindLine) -> Option<Line<'t>> {
        match line {
            KindLine::Health { status, when, since, .. } => {
                Some(Line { status: status.node.into(), when: when.as_ref(), since: since.is_some() })
            }
            _ => None,
        }
    }

    fn condition(&self, cx: &mut Cx<'_>) -> Option<Formula> {
        self.when.map_or(Some(Formula::True), |when| Some(tidy(cx.truth(when, true)?)))
    }
}

/// When the first line that holds is one of a status.
fn decided(steps: &[(Status, Formula)], wanted: Status) -> Formula {
    // Without `otherwise`, which the language asks for, the rest is unknown.
    let rest = if wanted == Status::InProgress { Formula::True } else { Formula::False };
    steps.iter().rev().fold(rest, |rest, (status, holds)| {
        if *status == wanted {
            Formula::any([holds.clone(), rest])
        } else {
            Formula::all([holds.clone().negated(), rest])
        }
    })
}

/// An object that is being deleted is progressing, whatever its lines say. With expressions of its own Flux does not look at that.
fn deletion(kind: &KindDecl) -> Expr {
    let span = kind.span;
    let metadata = make::ident(span, "metadata");
    let field = make::name(span, "deletionTimestamp");
    let path = make::of(span, ExprNode::Select(Box::new(metadata), field));
    make::of(span, ExprNode::Has(Box::new(path)))
}

/// What the rules read the absence of a field at the top as, where that is not plainly in progress. `read`: the variables of the conditions.
fn without(cx: &Cx<'_>, lines: &[Line<'_>], read: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<Status>> {
    let mut found = BTreeMap::new();
    for root in cx.roots.intersection(read).filter(|root| !ALWAYS_THERE.contains(&root.as_str())) {
        let mut cx = cx.again();
        cx.absent = Some(root.clone());
        let mut statuses = BTreeSet::new();
        for line in lines {
            match line.condition(&mut cx) {
                Some(Formula::False) => {}
                Some(Formula::True) => {
                    statuses.insert(line.status);
                    break;
                }
                _ => {
                    statuses.insert(line.status);
                }
            }
        }
        if statuses.iter().any(|status| *status != Status::InProgress) {
            found.insert(root.clone(), statuses);
        }
    }
    found
}

/// Whether Flux has its own reading of a kind. Source: fluxcd/cli-utils `pkg/kstatus/status/core.go`.
fn flux_knows(group: &str, kind: &str) -> bool {
    const KNOWN: &[(&str, &str)] = &[
        ("", "ConfigMap"),
        ("", "PersistentVolumeClaim"),
        ("", "Pod"),
        ("", "Secret"),
        ("", "Service"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("policy", "PodDisruptionBudget"),
    ];
    KNOWN.contains(&(group, kind))
}

/// What the text holds.
#[derive(Default)]
struct Written<'r> {
    checks: Vec<(&'r Kind, Check)>,
    /// Kinds without lines.
    kstatus: Vec<&'r Kind>,
    /// Flux reads them by itself.
    left_out: Vec<&'r Kind>,
    /// Built-in kinds that Flux cannot read, and why.
    cannot: Vec<(&'r Kind, String)>,
}

/// The text: a part of `spec`, or a patch. The same bytes for the same rules.
///
/// # Errors
/// TG206 at each expression of the user's kinds that Flux's CEL cannot say (a built-in kind is left out instead); TG110 where two kinds are one type, which Flux refuses.
pub fn flux(rulebook: &Rulebook, options: &Options) -> Result<String, Vec<Diagnostic>> {
    let chosen = choose(rulebook, options.all, flux_knows);
    let mut errors = Vec::new();
    let mut written = Written { left_out: chosen.left_out, ..Written::default() };
    let mut types: BTreeMap<(&str, &str), &Kind> = BTreeMap::new();
    for kind in &chosen.emitted {
        if let Some(other) = types.insert((&kind.group, &kind.kind), kind) {
            let message = format!("two kinds say the health of {} in `{}`", kind.kind, kind.group);
            let found = Diagnostic::error(Code::BAD_KIND, kind.decl.short.span, message);
            errors.push(
                found.help("Flux takes one, whatever the version").related(other.decl.short.span, "the other one"),
            );
        }
        match check(&kind.decl) {
            Ok(Some(check)) => written.checks.push((kind, check)),
            Ok(None) => written.kstatus.push(kind),
            // Nobody can mend a built-in kind but by one of their own.
            Err(found) if kind.builtin => {
                written.cannot.extend(found.into_iter().next().map(|first| (*kind, first.message)));
            }
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        diagnostic::sort(&mut errors);
        return Err(errors);
    }
    Ok(print::document(&written, options.target.as_ref()))
}

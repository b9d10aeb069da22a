//! A scenario made ready: paths read, names looked up, steps in order. What is wrong is said before anything is played.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::expect::{Expected, Pattern, PatternDeed};
use super::hooks::WaitHook;
use super::scene::argo_namespace;
use super::sync::Resource;
use crate::diagnostic::{Code, Diagnostic, Severity, Sources, Span};
use crate::manifests::{App, Defaults, Object, Platform, read};
use crate::rulebook::{AppName, ObjectRef, Options, Rulebook, load_condition};
use crate::syntax::tree::{
    ActionDecl, ActionVerb, Expectation, Predicate, ReplicaEvent, ResourceCondition, ResourceName, ScenarioDecl,
    StepKind, TargetExpr, Text, TextPart,
};

/// When a scenario begins that does not say.
const START: &str = "2026-01-01T00:00:00Z";

/// Compiled rules, and the texts from which the controller compiles them itself.
pub struct Rules {
    /// The rules.
    pub rulebook: Arc<Rulebook>,
    /// The user's files: name, text.
    pub texts: Vec<(String, String)>,
    /// How they are compiled.
    pub options: Options,
}

/// A scenario that can be played.
pub struct Script {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub start: Timestamp,
    /// What Git holds, for each Application.
    pub git: BTreeMap<AppName, Vec<Resource>>,
    /// What Git's revision is called.
    pub revision: String,
    /// What is in the cluster from the start: objects that belong to no Application.
    pub live: Vec<Json>,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Conditions with `for`, which must be watched from the start.
    pub watched: Vec<Arc<Rulebook>>,
    /// Jobs that run `tidegate wait`.
    pub hooks: Vec<WaitHook>,
}

/// What happens or is expected at a time.
pub struct Step {
    /// After the start; none for the end.
    pub at: Option<Duration>,
    /// What.
    pub what: What,
}

/// What happens or is expected.
pub enum What {
    /// Argo CD syncs.
    Sync(AppName),
    /// The outside moves an object.
    Becomes(ObjectRef, Predicate, Option<Json>),
    /// Objects are applied by hand: the path as written, the objects.
    Apply(String, Vec<Json>),
    /// An object is deleted by hand.
    Delete(ObjectRef),
    /// Something happens to the controller.
    Tidegate(ReplicaEvent),
    /// All of it is expected.
    Expect(Vec<Expected>),
}

/// Makes a scenario ready. Findings are added to `diagnostics`.
pub fn script(
    rules: &Rules,
    scenario: &ScenarioDecl,
    manifests: &[PathBuf],
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Script {
    let folder = sources.get(scenario.span.file).map(|source| PathBuf::from(&*source.name));
    let folder = folder.and_then(|file| file.parent().map(Path::to_owned)).unwrap_or_default();
    let mut reader = Reader { rules, folder, sources, diagnostics, watched: Vec::new() };
    let start = reader.start(scenario);
    let mut script = Script {
        name: scenario.name.node.clone(),
        start,
        git: BTreeMap::new(),
        revision: String::new(),
        live: Vec::new(),
        steps: Vec::new(),
        watched: Vec::new(),
        hooks: Vec::new(),
    };
    let named = scenario.manifests.iter().map(|name| (reader.folder.join(&name.node), name.span));
    let paths: Vec<(PathBuf, Span)> =
        named.chain(manifests.iter().map(|path| (path.clone(), scenario.name.span))).collect();
    let home = rules.rulebook.application.as_ref();
    let home = home.map(|app| App { namespace: app.namespace.clone(), name: app.name.clone() });
    if !paths.is_empty() {
        let objects = reader.read(&paths, home);
        reader.share_out(objects, &mut script);
    }
    reader.steps(scenario, &mut script);
    script.watched = reader.watched;
    script
}

struct Reader<'a> {
    rules: &'a Rules,
    folder: PathBuf,
    sources: &'a mut Sources,
    diagnostics: &'a mut Vec<Diagnostic>,
    watched: Vec<Arc<Rulebook>>,
}

impl Reader<'_> {
    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(Code::SCENARIO, span, message).help(help));
    }

    fn start(&mut self, scenario: &ScenarioDecl) -> Timestamp {
        let Some(start) = &scenario.start else { return START.parse().unwrap_or_default() };
        start.node.parse().unwrap_or_else(|_| {
            let help = "write date, time and zone, such as `\"2026-03-01T08:00:00Z\"`";
            self.error(start.span, format!("`{}` is not a time", start.node), help);
            Timestamp::default()
        })
    }

    fn read(&mut self, paths: &[(PathBuf, Span)], application: Option<App>) -> Vec<Object> {
        let mut found = crate::manifests::Manifests::default();
        for (path, span) in paths {
            match read(std::slice::from_ref(path), self.sources) {
                Ok(more) => {
                    found.documents.extend(more.documents);
                    found.diagnostics.extend(more.diagnostics);
                }
                Err(error) => self.error(*span, error.to_string(), "paths are relative to the rule file"),
            }
        }
        let defaults = Defaults { application, namespace: self.rules.rulebook.namespace.clone() };
        let platform = Platform::new(found, &defaults, self.sources);
        // What is merely odd is for `plan` and `lint` to say.
        let errors = platform.diagnostics.into_iter().filter(|finding| finding.severity == Severity::Error);
        self.diagnostics.extend(errors);
        platform.objects
    }

    /// Objects of an Application wait in Git for its sync; the others are there from the start.
    fn share_out(&mut self, objects: Vec<Object>, script: &mut Script) {
        let argo = argo_namespace(&self.rules.rulebook).to_owned();
        let mut hash = Sha256::new();
        for object in objects {
            hash.update(object.value.to_string());
            self.hook(&object, script);
            match &object.application {
                Some(app) => {
                    let namespace = if app.namespace.is_empty() { argo.as_str().into() } else { app.namespace.clone() };
                    let app = AppName { namespace, name: app.name.clone() };
                    script.git.entry(app).or_default().push(Resource::new(&object));
                }
                None => script.live.push(object.value),
            }
        }
        for byte in hash.finalize().iter().take(20) {
            let _ = write!(script.revision, "{byte:02x}");
        }
    }

    /// A Job that runs `tidegate wait` will be asked what it waits for.
    fn hook(&mut self, object: &Object, script: &mut Script) {
        let Some(command) = object.wait_command() else { return };
        let mut options = self.rules.options.clone();
        options.default_namespace = Some(command.namespace.unwrap_or_else(|| object.namespace.to_string()));
        let compiled = load_condition(self.rules.texts.iter().cloned(), &command.condition, &options);
        let timeout = command.timeout.as_deref().map(crate::syntax::parse_duration);
        let why = match (&compiled.rulebook, &timeout) {
            (None, _) => compiled.diagnostics.first().map(|finding| finding.message.clone()).unwrap_or_default(),
            (_, None) => "it has no `--timeout`".to_owned(),
            (_, Some(Err((message, _)))) => format!("--timeout: {message}"),
            (Some(_), Some(Ok(_))) => String::new(),
        };
        if let (Some(rulebook), Some(Ok(seconds))) = (compiled.rulebook.map(Arc::new), timeout) {
            let place = Resource::new(object).place;
            script.hooks.push(WaitHook { place, rulebook, timeout: Duration::from_secs(seconds) });
        } else {
            self.error(object.place, format!("what `{}` waits for cannot be asked: {why}", object.name), "");
        }
    }

    fn steps(&mut self, scenario: &ScenarioDecl, script: &mut Script) {
        let mut last = 0;
        for step in &scenario.steps {
            let seconds = step.at.as_ref().map(|at| at.node);
            if let Some(at) = step.at.as_ref().filter(|at| at.node < last) {
                self.error(at.span, "this comes before the step above it", "write the steps in the order of time");
            }
            last = seconds.unwrap_or(last);
            if let Some(what) = self.step(&step.what) {
                script.steps.push(Step { at: seconds.map(Duration::from_secs), what });
            }
        }
        // Those without a time stand for the end, wherever they are written.
        script.steps.sort_by_key(|step| step.at.is_none());
    }

    fn step(&mut self, step: &StepKind) -> Option<What> {
        Some(match step {
            StepKind::Sync(target) => {
                let app = self.object(target)?;
                let app = AppName { namespace: app.namespace, name: app.name };
                What::Sync(app)
            }
            StepKind::Becomes { target, predicate, with } => {
                let with = with.as_ref().and_then(|with| serde_json::from_str(&with.node).ok());
                let object = self.object(target)?;
                let kind = self.rules.rulebook.kind(object.kind);
                let runs = kind.is_some_and(|kind| kind.runs);
                if matches!(predicate.node, Predicate::Succeeds | Predicate::Fails) && !runs {
                    let message = format!("`{}` does not run to completion", target.kind.node);
                    self.error(predicate.span, message, "write `is healthy` or `is degraded`");
                    return None;
                }
                if matches!(predicate.node, Predicate::Missing | Predicate::Stale) {
                    let help = "`delete KIND NAME` takes an object away; a model becomes stale by time alone";
                    self.error(predicate.span, "nothing can be made so", help);
                    return None;
                }
                What::Becomes(object, predicate.node, with)
            }
            StepKind::Apply(path) => {
                let place = (self.folder.join(&path.node), path.span);
                let objects = self.read(&[place], None);
                What::Apply(path.node.clone(), objects.into_iter().map(|object| object.value).collect())
            }
            StepKind::Delete(target) => What::Delete(self.object(target)?),
            StepKind::Tidegate(event) => What::Tidegate(event.node),
            StepKind::Expect(expected) => {
                What::Expect(expected.iter().filter_map(|expected| self.expectation(expected)).collect())
            }
        })
    }

    fn object(&self, target: &TargetExpr) -> Option<ObjectRef> {
        self.named(&target.kind.node, &target.name)
    }

    /// As the rules resolve names.
    fn named(&self, kind: &str, name: &ResourceName) -> Option<ObjectRef> {
        let rulebook = &self.rules.rulebook;
        let ix = rulebook.kind_by_short(kind)?;
        let kind = rulebook.kind(ix)?;
        let namespace = match &name.namespace {
            Some(given) => given.node.as_str().into(),
            None if !kind.namespaced => Arc::from(""),
            None if &*kind.group == "argoproj.io" && &*kind.kind == "Application" => argo_namespace(rulebook).into(),
            None => rulebook.namespace.clone(),
        };
        Some(ObjectRef { kind: ix, namespace, name: name.name.node.as_str().into() })
    }

    fn words(&self, span: Span) -> String {
        self.sources.words(span).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn expectation(&mut self, expected: &Expectation) -> Option<Expected> {
        Some(match expected {
            Expectation::Nothing(_) => Expected::Nothing,
            Expectation::NothingMore(_) => Expected::NothingMore,
            Expectation::Wave(wave, word) => Expected::Wave(wave.node, word.node),
            Expectation::Action(action) => Expected::Action(self.pattern(action)?),
            Expectation::No(action) => Expected::No(self.pattern(action)?),
            Expectation::State(condition) => self.state(condition)?,
        })
    }

    fn state(&mut self, condition: &ResourceCondition) -> Option<Expected> {
        let words = self.words(condition.span);
        let rules = self.rules;
        let compiled = load_condition(rules.texts.iter().cloned(), &words, &rules.options);
        let Some(rulebook) = compiled.rulebook.map(Arc::new) else {
            let why = compiled.diagnostics.first().map(|finding| finding.message.clone()).unwrap_or_default();
            self.error(condition.span, format!("this cannot be asked: {why}"), "");
            return None;
        };
        let slot = condition.lasting.is_some().then_some(self.watched.len());
        if slot.is_some() {
            self.watched.push(rulebook.clone());
        }
        Some(Expected::State { rulebook, slot, words })
    }

    fn pattern(&mut self, action: &ActionDecl) -> Option<Pattern> {
        let words = self.words(action.span);
        let (deed, object) = match &action.verb {
            ActionVerb::Restart { target, by_deleting_pods } => {
                (PatternDeed::Restart(*by_deleting_pods), self.object(target))
            }
            ActionVerb::Sync(target) => (PatternDeed::Sync, self.object(target)),
            ActionVerb::Refresh { target, hard } => (PatternDeed::Refresh(*hard), self.object(target)),
            ActionVerb::Annotate(target, key, value) => {
                (PatternDeed::Annotate(key.node.clone(), glob(value)), self.object(target))
            }
            ActionVerb::Label(target, key, value) => {
                (PatternDeed::Label(key.node.clone(), glob(value)), self.object(target))
            }
            ActionVerb::Notify { kind, text, .. } => (PatternDeed::Notify(kind.node.clone(), glob(text)), None),
            _ => {
                let message = format!("`{words}` is not built yet, so nothing can do it");
                self.error(action.span, message, "");
                return None;
            }
        };
        Some(Pattern { deed, object, words })
    }
}

/// The literal parts of a text; expressions between them match anything.
fn glob(text: &Text) -> Vec<Option<String>> {
    let part = |part: &TextPart| match part {
        TextPart::Literal(text) => Some(text.clone()),
        TextPart::Expr(_) => None,
    };
    text.parts.iter().map(part).collect()
}

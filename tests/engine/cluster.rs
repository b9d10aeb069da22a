//! A cluster of JSON objects under the engine: no kube, no tokio, time by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tidegate::engine::{Change, Effect, Failure, Gate, Intent, Ledger, Listing, State, WriteOp, writes};
use tidegate::expr::{Interner, Truth};
use tidegate::facts::{KindFields, Row};
use tidegate::rulebook::{self, KindIx, ObjectRef, Rulebook};

/// When every story begins.
pub const START: &str = "2026-03-01T08:00:00Z";

/// Objects, the engine over them, and what was written.
pub struct Cluster {
    pub ledger: Ledger,
    pub objects: BTreeMap<ObjectRef, Json>,
    pub events: BTreeSet<String>,
    pub refused: BTreeSet<String>,
    gates: BTreeMap<String, String>,
    pub log: Vec<String>,
    stored: String,
    pub now: Timestamp,
    versions: u64,
    /// What is kept of each kind.
    keeps: BTreeMap<KindIx, KindFields>,
}

impl Cluster {
    pub fn new(rules: &str) -> Result<Cluster, String> {
        Cluster::over(compile(rules)?)
    }

    pub fn over(rulebook: Arc<Rulebook>) -> Result<Cluster, String> {
        let ledger = Ledger::new(rulebook, State::fresh());
        let mut cluster = Cluster {
            keeps: ledger.rulebook().fields(),
            ledger,
            objects: BTreeMap::new(),
            events: BTreeSet::new(),
            refused: BTreeSet::new(),
            gates: BTreeMap::new(),
            log: Vec::new(),
            stored: String::new(),
            now: START.parse().unwrap(),
            versions: 0,
        };
        cluster.list();
        Ok(cluster)
    }

    /// New rules over the same cluster; kinds may have moved in the rulebook.
    pub fn reload(mut self, rules: &str) -> Result<Cluster, String> {
        self.settle();
        let new = compile(rules)?;
        let old = self.ledger.rulebook().clone();
        let moved = |object: &ObjectRef| {
            let kind = old.kind(object.kind).and_then(|kind| new.kind_by_type(&kind.group, &kind.kind));
            ObjectRef { kind: kind.expect("a kind that the new rules lack"), ..object.clone() }
        };
        self.objects = self.objects.iter().map(|(object, json)| (moved(object), json.clone())).collect();
        self.keeps = new.fields();
        self.ledger = Ledger::reloaded(new, self.ledger.world());
        self.list();
        Ok(self)
    }

    /// The kind of a short name.
    pub fn kind(&self, short: &str) -> KindIx {
        self.rulebook().kind_by_short(short).unwrap_or_else(|| panic!("no kind `{short}`"))
    }

    pub fn rulebook(&self) -> Arc<Rulebook> {
        self.ledger.rulebook().clone()
    }

    /// Everything is listed, as at a start.
    pub fn list(&mut self) {
        let objects: Vec<ObjectRef> = self.objects.keys().cloned().collect();
        objects.iter().for_each(|object| self.show(object));
        for kind in self.rulebook().fields().into_keys() {
            self.ledger.set_listing(kind, Listing::Listed);
        }
        self.settle();
    }

    pub fn restart(&mut self, keep_state: bool) {
        self.settle();
        let state = if keep_state { State::from_json(&self.stored).unwrap() } else { State::default() };
        self.ledger = Ledger::new(self.rulebook(), state);
        self.list();
    }

    pub fn show(&mut self, object: &ObjectRef) {
        let Some(keep) = self.keeps.get(&object.kind) else { return };
        let row = Row::from_json(&self.objects[object], keep, &mut Interner::new()).unwrap();
        self.ledger.change(Change::Upsert(object.kind, Box::new(row)), self.now);
    }

    pub fn apply(&mut self, yaml: &str) {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object: Json = serde::Deserialize::deserialize(document).unwrap();
            self.put_quietly(object);
        }
    }

    /// One object becomes so, and the engine acts.
    pub fn apply_json(&mut self, object: Json) {
        self.put_quietly(object);
        self.settle();
    }

    /// One object becomes so.
    pub fn put_quietly(&mut self, object: Json) {
        let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let kind = self.rulebook().kind_by_type(group, kind).unwrap_or_else(|| panic!("no kind {version} {kind}"));
        self.put(kind, object);
    }

    pub fn put(&mut self, kind: KindIx, patch: Json) {
        let text = |key: &str| patch["metadata"][key].as_str().map(str::to_owned);
        let name = text("name").expect("a name");
        let namespace = text("namespace").unwrap_or_else(|| self.rulebook().namespace.to_string());
        let object = ObjectRef { kind, namespace: namespace.as_str().into(), name: name.as_str().into() };
        self.versions += 1;
        let fresh = json!({"metadata": {
            "namespace": namespace, "uid": format!("uid-{}", self.versions), "creationTimestamp": self.now.to_string(), "generation": 1,
        }});
        let held = self.objects.entry(object.clone()).or_insert(fresh);
        merge(held, &patch);
        held["metadata"]["resourceVersion"] = json!(self.versions.to_string());
        self.show(&object);
    }

    pub fn delete(&mut self, line: &str) {
        let object = self.object(line);
        assert!(self.objects.remove(&object).is_some(), "{line} is not there");
        self.ledger.change(Change::Delete(object), self.now);
    }

    pub fn object(&self, line: &str) -> ObjectRef {
        let (kind, name) = line.trim().split_once(' ').unwrap();
        let kind = self.rulebook().kind_by_short(kind).unwrap_or_else(|| panic!("no kind `{kind}`"));
        let (namespace, name) =
            name.split_once('/').map_or((self.rulebook().namespace.clone(), name), |(ns, n)| (ns.into(), n));
        ObjectRef { kind, namespace, name: name.into() }
    }

    /// Time goes on to `at`, with a stop at each time at which the engine asked to be woken.
    pub fn pass(&mut self, at: Timestamp) {
        for _ in 0..10_000 {
            let wake = self.settle();
            match wake.filter(|wake| *wake <= at && *wake > self.now) {
                Some(wake) => self.now = wake,
                None => break,
            }
        }
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        self.settle();
    }

    /// Writes until there is nothing to write; says when to look again.
    pub fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..1_000 {
            let tick = self.ledger.tick(self.now);
            self.note_gates();
            self.stored = self.ledger.world().storable().0.to_json().unwrap();
            if tick.intents.is_empty() {
                return tick.wake;
            }
            for intent in tick.intents {
                self.ledger.sent(&intent);
                self.write(&intent);
            }
        }
        panic!("the engine never rests: {:?}", self.log.last());
    }

    pub fn write(&mut self, intent: &Intent) {
        let rulebook = self.rulebook();
        if self.refused.contains(&rulebook.say(&intent.target)) && !matches!(intent.effect, Effect::Event(_)) {
            let failure = Failure { refused: true, ..Failure::passing("forbidden") };
            self.log.push(format!("refused: {}", words(&rulebook, intent)));
            return self.ledger.failed(intent, &failure, self.now);
        }
        let requests = writes(&rulebook, self.ledger.world(), intent);
        assert!(!requests.is_empty(), "no request for {intent:?}");
        for request in requests {
            match request.op {
                WriteOp::MergePatch(patch) => {
                    let held = &self.objects[&request.object]["metadata"]["resourceVersion"];
                    assert_eq!(patch["metadata"]["resourceVersion"], *held, "every patch compares and swaps");
                    let mut patch = patch;
                    patch["metadata"]["name"] = json!(&*request.object.name);
                    patch["metadata"]["namespace"] = json!(&*request.object.namespace);
                    self.put(request.object.kind, patch);
                }
                WriteOp::CreateEvent(event) => {
                    let name = event["metadata"]["name"].as_str().unwrap().to_owned();
                    if !self.events.insert(name) {
                        self.log.push("(the next Event was there already)".to_owned());
                    }
                }
                WriteOp::DeletePods { .. } => {}
            }
        }
        let told = matches!(&intent.effect, Effect::Event(draft) if draft.reason == "ActionDone");
        if !told {
            self.log.push(words(&rulebook, intent));
        }
        self.ledger.done(intent, self.now);
    }

    pub fn note_gates(&mut self) {
        let gates: Vec<Gate> = self.ledger.gates().cloned().collect();
        for gate in gates {
            let app = gate.application.as_ref().map(|app| format!(" of {}", app.name)).unwrap_or_default();
            let key = format!("wave {}{app}", gate.wave);
            let first = gate.reasons.iter().find(|reason| reason.truth != Truth::True);
            let word = match gate.open {
                Truth::True => "open".to_owned(),
                _ => format!("held: {}", first.map(|r| format!("{} ({})", r.what, r.why)).unwrap_or_default()),
            };
            if self.gates.insert(key.clone(), word.clone()).as_ref() != Some(&word) {
                self.log.push(format!("{key} {word}"));
            }
        }
    }

    pub fn expect(&mut self, text: &str, all: &mut Vec<String>) -> Result<(), String> {
        self.settle();
        let found = std::mem::take(&mut self.log).join("\n");
        all.push(found.clone());
        if found == text.trim_end() {
            return Ok(());
        }
        let mut message = format!("at {}\n--- expected\n{}\n--- found\n{found}\n", self.now, text.trim_end());
        for verdict in self.ledger.verdicts() {
            write!(message, "\n{}: {:?}", verdict.rule.name, verdict.standing).unwrap();
            for reason in &verdict.reasons {
                write!(message, "\n    {}: {:?} ({})", reason.what, reason.truth, reason.why).unwrap();
            }
        }
        Err(message)
    }
}

/// An intent in a line.
fn words(rulebook: &Rulebook, intent: &Intent) -> String {
    let target = rulebook.say(&intent.target);
    let causes: BTreeSet<&str> =
        intent.firings.iter().flat_map(|f| &f.causes).map(|cause| cause.text.as_str()).collect();
    let causes = causes.into_iter().collect::<Vec<_>>().join(", ");
    match &intent.effect {
        Effect::Notify(event, _) => {
            format!("{} {} on {target}: {}", event.notification.as_deref().unwrap_or(""), event.reason, event.message)
        }
        Effect::Event(event) => format!("Event {} on {target}: {}", event.reason, event.message.replace('\n', " / ")),
        Effect::WaveRecord { complete, failed } => format!("mark {target}: complete {complete:?}, failed {failed:?}"),
        Effect::Status(changes) => {
            let changes =
                changes.iter().map(|(key, value)| format!("{key}={}", value.as_deref().unwrap_or("(removed)")));
            format!("{target}: {}", changes.collect::<Vec<_>>().join(" "))
        }
        _ => {
            let text = intent.firings.first().map_or("", |firing| &firing.text);
            format!("{text} because {causes}")
        }
    }
}

pub fn compile(rules: &str) -> Result<Arc<Rulebook>, String> {
    compile_as("default", rules)
}

/// For an installation of this name.
pub fn compile_as(id: &str, rules: &str) -> Result<Arc<Rulebook>, String> {
    let options = rulebook::Options { id: id.to_owned(), ..rulebook::Options::default() };
    let compiled = rulebook::load(vec![("rules.tide".to_owned(), rules.to_owned())], &options);
    let said: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|d| format!("{} {}: {}", compiled.sources.place(d.span), d.code, d.message))
        .collect();
    compiled.rulebook.map(Arc::new).ok_or_else(|| format!("the rules do not compile:\n{}", said.join("\n")))
}

/// RFC 7396.
fn merge(held: &mut Json, patch: &Json) {
    let (Json::Object(map), Json::Object(changes)) = (&mut *held, patch) else {
        *held = patch.clone();
        return;
    };
    for (key, value) in changes {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert_with(|| json!({})), value);
        }
    }
}

//! The meaning of rules, as Markdown: rules, what happens in the cluster, and what the engine does about it.
//!
//! A case is a heading and its blocks, in order:
//! - `tide`: the rules (again: they are loaded anew);
//! - `yaml +20m`: at that time these objects become so (merged into what is there; new ones get a uid and a creation time);
//! - `delete +20m`: lines `kind [namespace/]name`;
//! - `restart +20m`: the controller is killed and starts again; `lose-state +20m`: it also finds its state object gone;
//! - `refuse +20m`: from now on writes to these objects (lines as above) are refused; an empty block: none any more;
//! - `expect +20m`: what is written from the last block until then, in order. Events `ActionDone` are left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tidegate::engine::{Change, Effect, Failure, Gate, Intent, Ledger, Listing, State, WriteOp, writes};
use tidegate::expr::{Interner, Truth};
use tidegate::facts::Row;
use tidegate::rulebook::{self, KindIx, ObjectRef, Rulebook};

const START: &str = "2026-03-01T08:00:00Z";

#[test]
fn rules_mean_what_the_pages_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/meaning");
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    // Rewrites what is expected; read the difference before you believe it.
    let update = std::env::var_os("MEANING_UPDATE").is_some();
    let only = std::env::var("CASE").unwrap_or_default();
    let (mut failures, mut count) = (Vec::new(), 0);
    for page in pages {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        let mut found = Vec::new();
        for case in cases(&text) {
            if case.title.contains(&only) {
                count += 1;
                failures.extend(case.check(&mut found).err().map(|error| format!("{name}: {}\n{error}", case.title)));
            }
        }
        if update {
            std::fs::write(&page, rewritten(&text, found)).unwrap();
        }
    }
    println!("{count} cases of meaning");
    assert!(failures.is_empty(), "{} of {count} cases fail\n\n{}", failures.len(), failures.join("\n\n"));
}

/// The page with its `expect` blocks, in order, replaced by what was found.
fn rewritten(page: &str, found: Vec<String>) -> String {
    let (mut text, mut found, mut inside) = (String::new(), found.into_iter(), false);
    for line in page.lines() {
        if inside && line != "```" {
            continue;
        }
        inside = line.starts_with("```expect");
        text.push_str(line);
        text.push('\n');
        if inside {
            let lines = found.next().unwrap_or_default();
            text.push_str(&lines);
            if !lines.is_empty() {
                text.push('\n');
            }
        }
    }
    text
}

struct Case {
    title: String,
    blocks: Vec<Block>,
}

struct Block {
    word: String,
    at: Option<Timestamp>,
    text: String,
}

fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_owned(), blocks: Vec::new() });
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        let (word, at) = info.split_once(' ').map_or((info, None), |(word, at)| (word, Some(time(at))));
        let case = cases.last_mut().expect("a block before the first heading");
        case.blocks.push(Block { word: word.to_owned(), at, text: text.join("\n") });
    }
    cases
}

fn time(text: &str) -> Timestamp {
    let (mut total, mut number) = (0_i64, String::new());
    for c in text.trim().trim_start_matches('+').chars() {
        let unit = match c {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            digit => {
                number.push(digit);
                continue;
            }
        };
        total += unit * number.parse::<i64>().unwrap_or_else(|_| panic!("`{text}` is not a time"));
        number.clear();
    }
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(total)
}

impl Case {
    fn check(&self, found: &mut Vec<String>) -> Result<(), String> {
        let (mut cluster, mut result): (Option<Cluster>, _) = (None, Ok(()));
        for block in &self.blocks {
            if block.word == "tide" {
                cluster = Some(match cluster.take() {
                    None => Cluster::new(&block.text)?,
                    Some(old) => old.reload(&block.text)?,
                });
                continue;
            }
            let cluster = cluster.as_mut().ok_or("no rules before the first block")?;
            if let Some(at) = block.at {
                cluster.pass(at);
            }
            match block.word.as_str() {
                "yaml" => cluster.apply(&block.text),
                "delete" => block.text.lines().for_each(|line| cluster.delete(line)),
                "refuse" => cluster.refused = block.text.lines().map(str::to_owned).collect(),
                "restart" => cluster.restart(true),
                "lose-state" => cluster.restart(false),
                "expect" => {
                    let expected = cluster.expect(&block.text, found);
                    result = result.and(expected);
                }
                other => return Err(format!("unknown block `{other}`")),
            }
        }
        result
    }
}

struct Cluster {
    ledger: Ledger,
    objects: BTreeMap<ObjectRef, Json>,
    events: BTreeSet<String>,
    refused: BTreeSet<String>,
    gates: BTreeMap<String, String>,
    log: Vec<String>,
    stored: String,
    now: Timestamp,
    versions: u64,
}

impl Cluster {
    fn new(rules: &str) -> Result<Cluster, String> {
        let ledger = Ledger::new(compile(rules)?, State::default());
        let mut cluster = Cluster {
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
    fn reload(mut self, rules: &str) -> Result<Cluster, String> {
        self.settle();
        let new = compile(rules)?;
        let old = self.ledger.rulebook().clone();
        let moved = |object: &ObjectRef| {
            let kind = old.kind(object.kind).and_then(|kind| new.kind_by_type(&kind.group, &kind.kind));
            ObjectRef { kind: kind.expect("a kind that the new rules lack"), ..object.clone() }
        };
        self.objects = self.objects.iter().map(|(object, json)| (moved(object), json.clone())).collect();
        self.ledger = Ledger::new(new, self.ledger.world().storable().0);
        self.list();
        Ok(self)
    }

    fn rulebook(&self) -> Arc<Rulebook> {
        self.ledger.rulebook().clone()
    }

    /// Everything is listed, as at a start.
    fn list(&mut self) {
        let objects: Vec<ObjectRef> = self.objects.keys().cloned().collect();
        objects.iter().for_each(|object| self.show(object));
        for kind in self.rulebook().fields().into_keys() {
            self.ledger.set_listing(kind, Listing::Listed);
        }
        self.settle();
    }

    fn restart(&mut self, keep_state: bool) {
        self.settle();
        let state = if keep_state { State::from_json(&self.stored).unwrap() } else { State::default() };
        self.ledger = Ledger::new(self.rulebook(), state);
        self.list();
    }

    fn show(&mut self, object: &ObjectRef) {
        let Some(keep) = self.rulebook().fields().remove(&object.kind) else { return };
        let row = Row::from_json(&self.objects[object], &keep, &mut Interner::new()).unwrap();
        self.ledger.change(Change::Upsert(object.kind, Box::new(row)), self.now);
    }

    fn apply(&mut self, yaml: &str) {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object: Json = serde::Deserialize::deserialize(document).unwrap();
            let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
            let group = version.split_once('/').map_or("", |(group, _)| group);
            let kind = self.rulebook().kind_by_type(group, kind).unwrap_or_else(|| panic!("no kind {version} {kind}"));
            self.put(kind, object);
        }
    }

    fn put(&mut self, kind: KindIx, patch: Json) {
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

    fn delete(&mut self, line: &str) {
        let object = self.object(line);
        assert!(self.objects.remove(&object).is_some(), "{line} is not there");
        self.ledger.change(Change::Delete(object), self.now);
    }

    fn object(&self, line: &str) -> ObjectRef {
        let (kind, name) = line.trim().split_once(' ').unwrap();
        let kind = self.rulebook().kind_by_short(kind).unwrap_or_else(|| panic!("no kind `{kind}`"));
        let (namespace, name) =
            name.split_once('/').map_or((self.rulebook().namespace.clone(), name), |(ns, n)| (ns.into(), n));
        ObjectRef { kind, namespace, name: name.into() }
    }

    /// Time goes on to `at`, with a stop at each time at which the engine asked to be woken.
    fn pass(&mut self, at: Timestamp) {
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
    fn settle(&mut self) -> Option<Timestamp> {
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

    fn write(&mut self, intent: &Intent) {
        let rulebook = self.rulebook();
        if self.refused.contains(&rulebook.say(&intent.target)) && !matches!(intent.effect, Effect::Event(_)) {
            let failure = Failure { refused: true, message: "forbidden".to_owned() };
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

    fn note_gates(&mut self) {
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

    fn expect(&mut self, text: &str, all: &mut Vec<String>) -> Result<(), String> {
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

fn compile(rules: &str) -> Result<Arc<Rulebook>, String> {
    let compiled = rulebook::load(vec![("rules.tide".to_owned(), rules.to_owned())], &rulebook::Options::default());
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

#[test]
fn times_in_pages_are_read() {
    let start: Timestamp = START.parse().unwrap();
    assert_eq!(time("+1h30m"), start + SignedDuration::from_secs(5400));
    assert_eq!(time("+0s"), start);
    assert!(Duration::try_from(time("+1d").duration_since(start)).unwrap().as_secs() == 86_400);
}

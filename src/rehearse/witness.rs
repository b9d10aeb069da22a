//! What the controller did, read from what it wrote: each of its changes is compared with the object before, and its Events are read.
//! Nothing here is taken from the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::apiserver::Stored;
use super::scene::{Place, Scene};
use super::timeline::Who;
use crate::engine::{CAUSES, RULE};

/// What tidegate's clients are tagged with.
pub const CALLER: &str = "tidegate";
/// An Event belongs to a write on the same object that is not older than this.
const EVENT_LAG: Duration = Duration::from_secs(60);
/// Characters of a message in one line, at most.
const MESSAGE_CHARS_MAX: usize = 220;

/// What was done to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A restart; `true` by deleting pods.
    Restart(bool),
    /// A sync.
    Sync,
    /// A refresh; `true` a hard one.
    Refresh(bool),
    /// An annotation: key, value.
    Annotate(String, String),
    /// A label: key, value.
    Label(String, String),
    /// A notification: type, text.
    Notify(String, String),
}

/// One action that the controller carried out.
#[derive(Clone, Debug)]
pub struct Action {
    /// What.
    pub deed: Deed,
    /// On which object.
    pub place: Place,
    /// After the scenario's start.
    pub at: Duration,
    /// Its place in the timeline.
    line: usize,
    /// Rules and causes that Events have told of it.
    told: usize,
    /// In words, as in the timeline.
    pub text: String,
}

/// A wave that has opened or is held, as an Application says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The Application.
    pub application: Place,
    /// The wave.
    pub wave: i64,
    /// Open, or held.
    pub open: bool,
}

/// What has been seen.
#[derive(Default)]
pub struct Witness {
    /// In order.
    pub actions: Vec<Action>,
    /// In order.
    pub turns: Vec<Turn>,
    /// How each wave of each Application stands.
    waves: BTreeMap<(Place, i64), bool>,
}

impl Witness {
    /// A change in the cluster, whoever made it.
    pub fn hear(&mut self, scene: &mut Scene, change: &Stored) {
        if !change.by.starts_with(CALLER) {
            return;
        }
        match (&change.before, &change.after) {
            (None, Some(new)) if new.get("kind").and_then(Json::as_str) == Some("Event") => self.event(scene, new),
            (Some(old), Some(new)) => self.written(scene, old, new),
            (Some(old), None) => self.deleted(scene, old),
            _ => {}
        }
    }

    /// How a wave stands, by what the Applications say; none when no rule blocks it.
    pub fn wave(&self, wave: i64) -> Option<bool> {
        let (mut known, mut open) = (false, true);
        for ((_, number), state) in &self.waves {
            if *number <= wave {
                (known, open) = (true, open && *state);
            }
        }
        known.then_some(open)
    }

    fn act(&mut self, scene: &mut Scene, place: &Place, deed: Deed, text: String) {
        let line = scene.say(Who::Tidegate, text.clone(), "");
        self.actions.push(Action { deed, place: place.clone(), at: scene.at(), line, told: 0, text });
    }

    fn written(&mut self, scene: &mut Scene, old: &Map<String, Json>, new: &Map<String, Json>) {
        let place = Place::of(new);
        if place.namespace == super::replica::NAMESPACE {
            return leads(scene, old, new);
        }
        let name = scene.name(&place);
        let annotations = changed(old, new, &["metadata", "annotations"]);
        let mut others: Vec<(String, Option<String>)> = Vec::new();
        let (mut recorded, mut known) = (false, false);
        for (key, value) in annotations {
            known |= self.own(scene, &place, &name, &key, value.as_deref());
            recorded |= key.starts_with("tidegate.dev/fired.");
            if !is_own(&key) {
                others.push((key, value));
            }
        }
        let is_application = place.is("argoproj.io", "Application");
        if is_application && new.contains_key("operation") && !old.contains_key("operation") {
            self.act(scene, &place, Deed::Sync, format!("sync {name}"));
            known = true;
        }
        if is_application && let Some(hard) = refreshed(old, new) {
            let how = if hard { " hard" } else { "" };
            self.act(scene, &place, Deed::Refresh(hard), format!("refresh {name}{how}"));
            known = true;
        }
        for (key, value) in &others {
            let text = match value {
                Some(value) => format!("annotate {name} {key}={}", short(value)),
                None => format!("takes the annotation {key} from {name}"),
            };
            self.act(scene, &place, Deed::Annotate(key.clone(), value.clone().unwrap_or_default()), text);
        }
        let labels = changed(old, new, &["metadata", "labels"]);
        for (key, value) in &labels {
            let value = value.clone().unwrap_or_default();
            let text = format!("label {name} {key}={value}");
            self.act(scene, &place, Deed::Label(key.clone(), value), text);
        }
        let template = changed(old, new, &["spec", "template", "metadata", "annotations"]);
        let predictor = changed(old, new, &["spec", "predictor", "annotations"]);
        let restarted = template.iter().any(|(key, _)| key == "tidegate.dev/restart");
        known |= !others.is_empty() || !labels.is_empty();
        if restarted || (!known && predictor.iter().any(|(key, _)| key.starts_with("tidegate.dev/fired."))) {
            self.act(scene, &place, Deed::Restart(false), format!("restart {name}"));
        } else if recorded && !known {
            // Nothing but the record: that alone makes another controller look again.
            self.act(scene, &place, Deed::Refresh(false), format!("refresh {name}"));
        }
    }

    /// tidegate's own annotations. True if this one explains the write.
    fn own(&mut self, scene: &mut Scene, place: &Place, name: &str, key: &str, value: Option<&str>) -> bool {
        match key {
            "mlops.dev/wave-complete" | "mlops.dev/wave-failed" => {
                let what = if key.ends_with("complete") { "complete" } else { "failed" };
                if let Some(wave) = value {
                    scene.say(Who::Tidegate, format!("marks {name}: wave {wave} {what}"), "");
                }
            }
            "mlops.dev/notebook-status" => {
                let status: Json = value.and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
                let count = |key: &str| status.get(key).and_then(Json::as_u64).unwrap_or_default();
                let (all, failed, running) = (count("total"), count("failed"), count("running"));
                let text = format!(
                    "{name} says: {} of {all} notebooks succeeded, {failed} failed, {running} running",
                    count("succeeded")
                );
                scene.say(Who::Tidegate, text, "");
            }
            "mlops.dev/notebook-summary" => {}
            _ if key.starts_with("tidegate.dev/gates.") => self.gates(scene, place, value),
            _ if key.starts_with("tidegate.dev/notification.") => {}
            _ => return false,
        }
        true
    }

    /// What an Application says of its waves.
    fn gates(&mut self, scene: &mut Scene, place: &Place, value: Option<&str>) {
        let gates: Vec<Json> = value.and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default();
        let wave = |gate: &Json| gate.get("wave").and_then(Json::as_i64);
        let is_open = |gate: &Json| gate.get("open").and_then(Json::as_bool) == Some(true);
        let numbers: BTreeSet<i64> = gates.iter().filter_map(wave).collect();
        for number in &numbers {
            let held: Vec<&Json> =
                gates.iter().filter(|gate| wave(gate).is_some_and(|w| w <= *number) && !is_open(gate)).collect();
            let open = held.is_empty();
            let was = self.waves.insert((place.clone(), *number), open);
            if was == Some(open) {
                continue;
            }
            let own = gates.iter().filter(|gate| wave(gate) == Some(*number));
            let rules: Vec<&str> = own.filter_map(|gate| gate.get("rule")?.as_str()).collect();
            let waits = held.iter().filter_map(|gate| gate.get("waitsFor")?.as_str()).find(|text| !text.is_empty());
            let text = match (was, open) {
                (_, false) => {
                    scene.shorter(&format!("wave {number} is held until {}", waits.unwrap_or("its rule holds")))
                }
                (Some(_), true) => format!("wave {number} opens"),
                (None, true) => format!("wave {number} is open"),
            };
            scene.say(Who::Tidegate, format!("{text} (rule {})", rules.join(", ")), "");
            if was.is_some() {
                self.turns.push(Turn { application: place.clone(), wave: *number, open });
            }
        }
        self.waves.retain(|(app, number), _| app != place || numbers.contains(number));
    }

    /// Pods are deleted to restart what owns them.
    fn deleted(&mut self, scene: &mut Scene, old: &Map<String, Json>) {
        let place = Place::of(old);
        let owner = old.get("metadata").and_then(|meta| meta.pointer("/ownerReferences/0"));
        let text =
            |key: &str| owner.and_then(|owner| owner.get(key)).and_then(Json::as_str).unwrap_or_default().to_owned();
        if !place.is("", "Pod") || owner.is_none() {
            scene.say(Who::Tidegate, format!("deletes {}", scene.name(&place)), "");
            return;
        }
        let owner = Place {
            api_version: text("apiVersion"),
            kind: text("kind"),
            namespace: place.namespace,
            name: text("name"),
        };
        let at = scene.at();
        let same = |action: &Action| {
            action.place == owner && action.deed == Deed::Restart(true) && action.at + Duration::from_secs(5) > at
        };
        if !self.actions.iter().rev().take(20).any(same) {
            let name = scene.name(&owner);
            self.act(scene, &owner, Deed::Restart(true), format!("restart {name} by deleting pods"));
        }
    }

    fn event(&mut self, scene: &mut Scene, event: &Map<String, Json>) {
        let text = |key: &str| event.get(key).and_then(Json::as_str).unwrap_or_default();
        let involved = |key: &str| {
            event
                .get("involvedObject")
                .and_then(|object| object.get(key))
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let place = Place {
            api_version: involved("apiVersion"),
            kind: involved("kind"),
            namespace: involved("namespace"),
            name: involved("name"),
        };
        let (reason, message) = (text("reason"), scene.shorter(text("message")));
        let label =
            event.get("metadata").and_then(|meta| meta.get("labels")?.get("mlops.dev/notification-type")?.as_str());
        let annotation = |key: &str| event.get("metadata").and_then(|meta| meta.get("annotations")?.get(key)?.as_str());
        let name = scene.name(&place);
        if place.namespace == super::replica::NAMESPACE && reason == "NewBaseline" {
            return;
        }
        match (reason, label) {
            ("ActionDone", _) => self.done(scene, &place, &message),
            // The controller's own Event about a finished notebook, beside what rules notify.
            (_, Some(_)) if message.starts_with("NotebookValidationJob '") => {
                let said = message.split_once("' ").map_or(&*message, |(_, said)| said);
                scene.say(Who::Tidegate, format!("Event {reason} on {name}: {}", short(said)), "");
            }
            (_, Some(kind)) => {
                let deed = Deed::Notify(kind.to_owned(), text("message").to_owned());
                self.act(scene, &place, deed, format!("notify {kind} \"{}\" on {name}", short(&message)));
                let why = scene.shorter(annotation(CAUSES).unwrap_or_default());
                let why = with_rule(&short(&why), annotation(RULE).unwrap_or_default());
                if let Some(action) = self.actions.last() {
                    scene.timeline.because(action.line, &why);
                }
            }
            ("ActionNotNeeded", _) => {
                let (rule, text) = told(&message);
                let (what, why) = text.split_once(", ").unwrap_or((text, ""));
                scene.say(Who::Tidegate, short(what), with_rule(&short(why), rule));
            }
            _ => {
                scene.say(Who::Tidegate, format!("Event {reason} on {name}: {}", short(&message)), "");
            }
        }
    }

    /// An Event says which rule did something, and why.
    fn done(&mut self, scene: &mut Scene, place: &Place, message: &str) {
        let (rule, text) = told(message);
        let (what, why) = text.split_once(" done, because ").unwrap_or((text, ""));
        let verb = what.split_whitespace().next().unwrap_or_default();
        let at = scene.at();
        let matching = |action: &&mut Action| {
            let same = action.text.split_whitespace().next() == Some(verb);
            same && action.place == *place && action.at + EVENT_LAG >= at
        };
        let found = self.actions.iter_mut().rev().filter(matching).min_by_key(|action| action.told);
        match found {
            Some(action) => {
                action.told += 1;
                scene.timeline.because(action.line, &with_rule(&short(why), rule));
            }
            None => {
                scene.say(Who::Tidegate, format!("{} done", short(what)), with_rule(&short(why), rule));
            }
        }
    }
}

/// Another replica has taken the lease.
fn leads(scene: &mut Scene, old: &Map<String, Json>, new: &Map<String, Json>) {
    let holder = |lease: &Map<String, Json>| {
        lease.get("spec").and_then(|spec| spec.get("holderIdentity")?.as_str()).unwrap_or_default().to_owned()
    };
    let (before, after) = (holder(old), holder(new));
    if before != after && !after.is_empty() {
        scene.say(Who::Tidegate, format!("{after} leads, once the lease of {before} has expired"), "");
    }
}

/// `rule NAME: TEXT`
fn told(message: &str) -> (&str, &str) {
    message.strip_prefix("rule ").and_then(|rest| rest.split_once(": ")).unwrap_or(("", message))
}

fn with_rule(why: &str, rule: &str) -> String {
    match (why, rule) {
        (_, "") => why.to_owned(),
        ("", _) => format!("rule {rule}"),
        _ => format!("{why} (rule {rule})"),
    }
}

/// A text in one line of a bearable length.
pub fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MESSAGE_CHARS_MAX {
        return line;
    }
    line.chars().take(MESSAGE_CHARS_MAX).chain(['…']).collect()
}

/// Annotations that are no action of a rule.
fn is_own(key: &str) -> bool {
    let prefixes = ["tidegate.dev/", "mlops.dev/notebook-", "mlops.dev/wave-"];
    key.starts_with("argocd.argoproj.io/refresh") || prefixes.iter().any(|prefix| key.starts_with(prefix))
}

fn annotation<'o>(object: &'o Map<String, Json>, key: &str) -> Option<&'o str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// `Some(true)`: a hard refresh was asked for.
fn refreshed(old: &Map<String, Json>, new: &Map<String, Json>) -> Option<bool> {
    let keys = ["argocd.argoproj.io/refresh", "argocd.argoproj.io/refresh-timestamp"];
    let differs = keys.iter().any(|key| annotation(old, key) != annotation(new, key));
    let how = annotation(new, "argocd.argoproj.io/refresh")?;
    differs.then_some(how == "hard")
}

/// The entries of a map of texts that differ, sorted; none for one that is gone.
fn changed(old: &Map<String, Json>, new: &Map<String, Json>, path: &[&str]) -> Vec<(String, Option<String>)> {
    let map = |object: &Map<String, Json>| -> BTreeMap<String, String> {
        let (first, rest) = path.split_first().unwrap_or((&"", &[]));
        let found = object.get(*first).and_then(|value| rest.iter().try_fold(value, |value, key| value.get(key)));
        let entries = found.and_then(Json::as_object).into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    let (old, new) = (map(old), map(new));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differing = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    differing.map(|key| (key.clone(), new.get(key).cloned())).collect()
}

//! The parameters of the admission policy: one ConfigMap that says which waves of which Application are held, since when and why.
//!
//! In: what the engine says is held, and the ConfigMap as a watch of that one object sees it. Out: the write that makes them agree, by
//! compare-and-swap, only when content moves. The policy itself is emitted (`emit admission`) and not the controller's.
//!
//! A key is `NAMESPACE_NAME` of an Application, a value has a line for each rule that holds: the first held wave, `*` or the namespaces
//! in which it holds, since when, and the rest for people. `emit/admission.rs` has the expressions that read it. Since when is kept by
//! the ConfigMap itself, so that a new leader says the same. What is not known yet stays as it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::controller::{Controller, Flight};
use super::env::Env;
use super::metrics::Id;
use super::resource::Resource;
use super::watch::{News, Watch};
use super::writer::{Live, Order, Outcome, Place};
use crate::engine::{Hold, Holds};
use crate::rulebook::AppName;

/// Writes are so far apart, at least.
const WRITE_INTERVAL: Duration = Duration::from_millis(250);
/// A write that was refused is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// Lines of one Application for one set of namespaces, at most: the lowest waves, so nothing opens by it.
const LINES_MAX: usize = 4;
/// Bytes of all keys and values, at most. A ConfigMap takes 1 MiB.
const PARAMS_BYTES_MAX: usize = 900 * 1024;
/// Characters of a key. Source: Kubernetes `IsConfigMapKey`.
const KEY_CHARS_MAX: usize = 253;
/// News that are not taken in yet, at most.
const NEWS_MAX: usize = 16;

const BY: &str = "by rule ";
const WAITS: &str = ", which waits for ";

/// What the ConfigMap holds.
pub(super) type Data = BTreeMap<String, String>;

/// The ConfigMap as seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// None: there is none.
    version: Option<String>,
    data: Data,
}

impl Params {
    fn of(object: Option<&Json>) -> Params {
        let version = object.and_then(|o| o.pointer("/metadata/resourceVersion")).and_then(Json::as_str);
        let data = object.and_then(|o| o.get("data")).and_then(Json::as_object).into_iter().flatten();
        let data = data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        Params { version: version.map(str::to_owned), data }
    }
}

/// The controller's part in it; none unless it was asked for.
pub(super) struct Admission {
    place: Place,
    /// None until the watch has told.
    seen: Option<Params>,
    /// What is held may have changed since it was last compared.
    pub(super) dirty: bool,
    writing: bool,
    not_before: Option<Instant>,
    pub(super) trouble: Option<String>,
    watch: JoinHandle<()>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Where news of the ConfigMap comes in.
pub(super) type ParamsNews = mpsc::Receiver<(u64, News<Params>)>;

impl Admission {
    /// Begins to watch the ConfigMap of a rulebook, if that is asked for; else nothing ever comes in.
    pub(super) fn new(env: &Env, rulebook: &str, asked: bool) -> (Option<Admission>, ParamsNews) {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        if !asked {
            return (None, news);
        }
        let resource = Resource::builtin("", "v1", "ConfigMap", "configmaps");
        let name: Arc<str> = format!("tidegate-gates-{rulebook}").into();
        let place =
            Place { resource: resource.clone(), namespace: env.namespace.clone(), name: name.clone(), uid: "".into() };
        let key = (env.namespace.clone(), name.clone());
        let watch = Watch {
            resource,
            namespace: Some(env.namespace.clone()),
            name: Some(name),
            decode: Box::new(move |json| Some((key.clone(), Params::of(Some(json))))),
            id: 0,
            news: sender,
        };
        let watch = tokio::spawn(watch.run(env.clone()));
        let admission =
            Admission { place, seen: None, dirty: true, writing: false, not_before: None, trouble: None, watch };
        (Some(admission), news)
    }

    /// For `/status`.
    pub(super) fn status(&self) -> Json {
        let held = self.seen.as_ref().map_or(0, |params| params.data.len());
        let object = format!("{}/{}", self.place.namespace, self.place.name);
        json!({"configMap": object, "applicationsHeld": held, "trouble": self.trouble})
    }

    fn hear(&mut self, news: News<Params>) {
        match news {
            News::Upsert(params) => self.take(*params),
            News::Delete(..) => self.take(Params::default()),
            News::Listed(keys) if keys.is_empty() => self.take(Params::default()),
            News::Listed(_) => {}
            News::Absent(why) => self.troubled(why),
            News::Trouble(trouble) => self.troubled(format!("the ConfigMap cannot be watched: {}", trouble.message)),
        }
    }

    fn take(&mut self, params: Params) {
        self.dirty |= self.seen.as_ref() != Some(&params);
        self.seen = Some(params);
        self.trouble = None;
    }

    fn troubled(&mut self, why: String) {
        if self.trouble.as_ref() != Some(&why) {
            tracing::error!(object = %self.place.name, why, "held waves cannot be kept for the admission policy");
            self.trouble = Some(why);
        }
    }

    /// When it wants to be looked at again.
    fn next(&self) -> Option<Instant> {
        let waits = self.dirty && !self.writing && self.seen.is_some();
        waits.then(|| self.not_before.unwrap_or_else(Instant::now))
    }

    fn order(&self, seen: &Params, wanted: &Data) -> Order {
        let Some(version) = &seen.version else {
            let metadata = json!({"name": &*self.place.name, "namespace": &*self.place.namespace,
                "labels": {"app.kubernetes.io/managed-by": "tidegate"},
                "annotations": {"tidegate.dev/about": "Which waves are held, for the policy that `tidegate emit admission` prints. \
                    tidegate keeps it: what is written by hand is replaced."}});
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wanted});
            return Order::CreateNew(self.place.clone(), body);
        };
        let gone = seen.data.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), Json::Null));
        let new = wanted.iter().map(|(key, value)| (key.clone(), Json::from(value.as_str())));
        let data: serde_json::Map<String, Json> = gone.chain(new).collect();
        Order::Merge(self.place.clone(), json!({"metadata": {"resourceVersion": version}, "data": data}))
    }
}

impl Controller {
    /// The ConfigMap has changed.
    pub(super) fn params_news(&mut self, news: News<Params>) {
        if let Some(admission) = &mut self.admission {
            admission.hear(news);
        }
    }

    /// When the parameters want to be looked at again.
    pub(super) fn params_look(&self) -> Option<Instant> {
        self.admission.as_ref().filter(|_| self.may_decide()).and_then(Admission::next)
    }

    /// Writes what is held, if it is not so already. After decisions, and before what they do: a sync that is done again when a wave opens
    /// must find it open.
    pub(super) fn keep_params(&mut self, now: Timestamp) {
        if !self.may_decide() {
            return;
        }
        let (Some(ledger), Some(admission)) = (&self.ledger, &mut self.admission) else { return };
        let early = admission.not_before.is_some_and(|at| at > Instant::now());
        let Some(seen) = admission.seen.as_ref().filter(|_| admission.dirty && !admission.writing && !early) else {
            return;
        };
        let since = |hold: &Hold| {
            let app = format!("{}/{}", hold.application.namespace, hold.application.name);
            *self.held.get(&(hold.rule.to_string(), app, hold.wave)).unwrap_or(&now)
        };
        let (wanted, lost) = wanted(&seen.data, &ledger.holds(), since);
        let same = seen.version.is_some() && seen.data == wanted;
        let order = (!same).then(|| admission.order(seen, &wanted));
        admission.dirty = false;
        if let Some(lost) = lost {
            admission.troubled(lost);
        }
        let Some(order) = order else { return };
        admission.not_before = Some(Instant::now() + WRITE_INTERVAL);
        let sent = self.send(order, Flight::Params);
        if let Some(admission) = &mut self.admission {
            (admission.writing, admission.dirty) = (sent, !sent);
        }
    }

    /// A write of the parameters has ended.
    pub(super) fn params_ended(&mut self, outcome: Outcome) {
        let Some(admission) = &mut self.admission else { return };
        admission.writing = false;
        admission.dirty = true;
        let of_it = |live: &[Live]| {
            let found = live.iter().rev().find(|(place, _)| *place == admission.place);
            found.map(|(_, object)| Params::of(object.as_ref()))
        };
        let (found, why) = match &outcome {
            Outcome::Done(live) | Outcome::Conflict(live) => (of_it(live), None),
            Outcome::Uncertain(live, why) => (of_it(live), Some(why)),
            Outcome::Refused(live, why) => (of_it(live), Some(why)),
            Outcome::Later(why, _) => (None, Some(why)),
            Outcome::NotLeader => (None, None),
        };
        if let Some(found) = found {
            admission.take(found);
            admission.dirty = true;
        }
        let result = if matches!(outcome, Outcome::Done(_)) { "done" } else { "failed" };
        self.metrics.count(Id::AdmissionWrites, &[result]);
        if let Some(why) = why {
            admission.troubled(format!("the ConfigMap cannot be written: {why}"));
            admission.not_before = Some(Instant::now() + AGAIN);
        }
    }
}

/// A line of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    wave: i32,
    rule: String,
    /// `*`, or names with commas.
    namespaces: String,
    since: String,
    waits_for: String,
}

impl Line {
    fn read(line: &str) -> Option<Line> {
        let mut words = line.splitn(4, ' ');
        let (wave, namespaces, since) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        let (rule, waits_for) = words.next()?.strip_prefix(BY)?.split_once(WAITS)?;
        let _: Timestamp = since.parse().ok()?;
        let own = |text: &str| text.to_owned();
        Some(Line { wave, rule: own(rule), namespaces: own(namespaces), since: own(since), waits_for: own(waits_for) })
    }

    fn print(&self) -> String {
        let Line { wave, namespaces, since, rule, waits_for } = self;
        format!("{wave} {namespaces} {since} {BY}{rule}{WAITS}{waits_for}")
    }
}

/// What the ConfigMap is to hold, given what it holds; and what has no room in it.
fn wanted(before: &Data, holds: &Holds, since: impl Fn(&Hold) -> Timestamp) -> (Data, Option<String>) {
    let before: BTreeMap<&String, Vec<Line>> =
        before.iter().map(|(key, value)| (key, value.lines().filter_map(Line::read).collect())).collect();
    let mut lines: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut lost = None;
    for hold in &holds.held {
        let key = key(&hold.application);
        if key.len() > KEY_CHARS_MAX {
            lost = Some(format!(
                "`{key}` is too long for a key of a ConfigMap, so waves of that Application are not held by it"
            ));
            continue;
        }
        let mut old = before.get(&key).into_iter().flatten();
        let old = old.find(|line| line.wave == hold.wave && line.rule == *hold.rule);
        let line = match (hold.known, old) {
            (false, Some(old)) => old.clone(),
            (false, None) => continue,
            (true, old) => Line {
                wave: hold.wave,
                rule: hold.rule.to_string(),
                namespaces: namespaces(hold),
                since: old.map_or_else(|| second(since(hold)), |old| old.since.clone()),
                waits_for: hold.waits_for.clone(),
            },
        };
        lines.entry(key).or_default().push(line);
    }
    if !holds.annotations_known {
        for (key, old) in &before {
            let kept = lines.entry((*key).clone()).or_default();
            for line in old.iter().filter(|line| line.namespaces != "*") {
                if !kept.iter().any(|other| other.wave == line.wave && other.rule == line.rule) {
                    kept.push(line.clone());
                }
            }
        }
    }
    let mut data = printed(lines.clone());
    if bytes(&data) > PARAMS_BYTES_MAX {
        lost =
            Some("more is held than a ConfigMap takes: what annotations of live objects hold is left out".to_owned());
        lines.values_mut().for_each(|lines| lines.retain(|line| line.namespaces == "*"));
        data = printed(lines.clone());
    }
    if bytes(&data) > PARAMS_BYTES_MAX {
        lost = Some("more is held than a ConfigMap takes: only the first held wave of each Application is kept, without reasons".to_owned());
        for lines in lines.values_mut() {
            lines.sort();
            lines.truncate(1);
            lines.iter_mut().for_each(|line| line.waits_for.clear());
        }
        data = printed(lines);
    }
    if bytes(&data) > PARAMS_BYTES_MAX {
        lost = Some("more is held than a ConfigMap takes: some Applications are not held by it".to_owned());
        while bytes(&data) > PARAMS_BYTES_MAX {
            data.pop_last();
        }
    }
    (data, lost)
}

/// `NAMESPACE_NAME`: neither holds a `_`.
fn key(app: &AppName) -> String {
    format!("{}_{}", app.namespace, app.name)
}

fn namespaces(hold: &Hold) -> String {
    match &hold.namespaces {
        None => "*".to_owned(),
        Some(names) => names.iter().map(|name| &**name).collect::<Vec<_>>().join(","),
    }
}

fn second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn bytes(data: &Data) -> usize {
    data.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// The lines of each key, the lowest waves first, at most so many for the same namespaces.
fn printed(lines: BTreeMap<String, Vec<Line>>) -> Data {
    let mut data = Data::new();
    for (key, mut lines) in lines {
        lines.sort();
        lines.dedup();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        lines.retain(|line| {
            let count = counts.entry(line.namespaces.clone()).or_insert(0);
            *count += 1;
            *count <= LINES_MAX
        });
        let mut value = String::new();
        // Writing to a String does not fail.
        for line in &lines {
            let _ = writeln!(value, "{}", line.print());
        }
        if !value.is_empty() {
            data.insert(key, value);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn hold(app: &str, wave: i32, rule: &str, known: bool) -> Hold {
        let application = AppName { namespace: "argocd".into(), name: app.into() };
        Hold { application, wave, rule: rule.into(), namespaces: None, waits_for: "job a succeeds".to_owned(), known }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_772_352_000 + seconds).unwrap_or_default()
    }

    fn after(before: &Data, held: Vec<Hold>, annotations_known: bool, seconds: i64) -> Data {
        wanted(before, &Holds { held, annotations_known }, |_| at(seconds)).0
    }

    #[test]
    fn since_when_stays_and_what_is_not_known_stays_as_it_was() {
        let first = after(&Data::new(), vec![hold("fraud", 4, "good", true)], true, 0);
        let line = "4 * 2026-03-01T08:00:00Z by rule good, which waits for job a succeeds\n";
        assert_eq!(first, Data::from([("argocd_fraud".to_owned(), line.to_owned())]));
        assert_eq!(after(&first, vec![hold("fraud", 4, "good", true)], true, 60), first, "a minute later the same");
        assert_eq!(after(&first, vec![hold("fraud", 4, "good", false)], true, 60), first, "not known: as it was");
        assert_eq!(after(&Data::new(), vec![hold("fraud", 4, "good", false)], true, 60), Data::new());
        assert_eq!(after(&first, Vec::new(), true, 60), Data::new(), "it has opened");
    }

    #[test]
    fn what_annotations_hold_stays_until_all_are_known_and_pushes_nothing_out() {
        let team = |name: &str| Some(BTreeSet::from([Arc::from(name)]));
        let mut held: Vec<Hold> =
            (0..20).map(|i| Hold { namespaces: team("team"), ..hold("fraud", i, "t", true) }).collect();
        held.push(hold("fraud", 30, "good", true));
        let data = after(&Data::new(), held, true, 0);
        let lines: Vec<&str> = data.values().flat_map(|value| value.lines()).collect();
        assert_eq!(lines.len(), LINES_MAX + 1, "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("30 * ")), "{lines:?}");
        let kept = after(&data, Vec::new(), false, 60);
        assert_eq!(kept.values().flat_map(|value| value.lines()).count(), LINES_MAX, "{kept:?}");
        assert_eq!(after(&data, Vec::new(), true, 60), Data::new());
    }

    #[test]
    fn what_has_no_room_is_said_and_the_first_wave_stays() {
        let many = |apps: usize| -> Holds {
            let held = (0..apps).flat_map(|i| [1, 2, 3].map(|wave| hold(&format!("app-{i}"), wave, "good", true)));
            let held = held.map(|hold| Hold { waits_for: "x".repeat(240), ..hold }).collect();
            Holds { held, annotations_known: true }
        };
        let (data, lost) = wanted(&Data::new(), &many(5_000), |_| at(0));
        assert!(bytes(&data) <= PARAMS_BYTES_MAX && lost.is_some());
        assert_eq!(data.len(), 5_000);
        assert!(data.values().all(|value| value.starts_with("1 * ")));
        assert_eq!(wanted(&Data::new(), &many(100), |_| at(0)).1, None);
    }
}

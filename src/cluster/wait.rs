//! Waiting for a condition, for hooks and scripts: watches the objects that it names, and nothing else.
//!
//! In: a rulebook with one rule, whose condition is read as states. Out: whether it held, cannot hold any more, or not in time.
//! It writes nothing, so it needs no lease and no state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::env::Env;
use super::request::shortened;
use super::resource::Resource;
use super::watch::{Key, News, Watch};
use crate::engine::{self, Change, Listers, Listing, Reason, World};
use crate::expr::{Interner, Truth};
use crate::facts::Row;
use crate::rulebook::{KindIx, ObjectRef, Rule, Rulebook};

/// What is waited for is said this often.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// What may not be read is asked for again for so long: the role may be applied beside the hook. Then it is given up.
pub const REFUSED_GRACE: Duration = Duration::from_secs(60);
/// News that are not taken in yet, at most.
const NEWS_MAX: usize = 256;

/// How waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The condition holds.
    Holds,
    /// It cannot hold any more as things are: why.
    Failed(String),
    /// It did not hold in time: what was missing.
    TimedOut(String),
    /// It could not be asked: what may not be read.
    Refused(String),
}

/// Waits at most `patience`. `say` gets a line a minute, and one whenever a watch has another trouble than before.
pub async fn wait(env: &Env, rulebook: &Rulebook, patience: Duration, mut say: impl FnMut(&str)) -> Waited {
    let Some(rule) = rulebook.rules.first() else {
        return Waited::Failed("no condition".to_owned());
    };
    let (sender, mut news) = mpsc::channel(NEWS_MAX);
    let watches = watches(env, rulebook, rule, &sender);
    let open = (0..watches.len()).collect();
    let (troubles, refused) = (BTreeMap::new(), BTreeMap::new());
    let mut waiting = Waiting { rulebook, world: World::default(), open, watches, troubles, refused };
    waiting.world.ask_missing(rulebook);
    let deadline = Instant::now() + patience;
    let mut next = Instant::now() + SAY_EVERY;
    loop {
        waiting.world.note_missing(env.clock.now());
        let now = env.clock.now();
        let (truth, reasons, wake) = engine::timed(rulebook, &waiting.world, rule, now);
        if truth == Truth::True {
            return Waited::Holds;
        }
        if waiting.open.is_empty() && engine::cannot_hold(rulebook, &waiting.world, rule, truth) {
            return Waited::Failed(missing(&reasons));
        }
        let late = Instant::now() >= deadline;
        if let Some(why) = waiting.refusal(late) {
            return Waited::Refused(why);
        }
        if late {
            return Waited::TimedOut(waiting.missing(&reasons));
        }
        tokio::select! {
            heard = news.recv() => {
                let Some((id, heard)) = heard else { return Waited::Failed("the watches ended".to_owned()) };
                if let Some(trouble) = waiting.hear(id, heard, env.clock.now()) {
                    say(&trouble);
                }
            }
            () = tokio::time::sleep_until(looks_at(wake, now).unwrap_or(next).min(next).min(deadline)) => {
                if next <= Instant::now() {
                    if next < deadline {
                        say(&format!("waiting for {}", waiting.missing(&reasons)));
                    }
                    next = Instant::now() + SAY_EVERY;
                }
            }
        }
    }
}

/// When time alone may change the condition.
fn looks_at(wake: Option<Timestamp>, now: Timestamp) -> Option<Instant> {
    // Never without a pause: a clock of milliseconds may wake just before its time.
    let left = Duration::try_from(wake?.duration_since(now)).unwrap_or_default().max(Duration::from_millis(1));
    Instant::now().checked_add(left)
}

/// The parts that do not hold, with why.
fn missing(reasons: &[Reason]) -> String {
    let open = reasons.iter().filter(|reason| reason.truth != Truth::True);
    open.map(|reason| format!("{} ({})", reason.what, shortened(&reason.why))).collect::<Vec<_>>().join("; ")
}

/// What one watch sees: a kind, and of it all, those of a namespace, or one object.
struct Watched {
    kind: KindIx,
    object: Option<ObjectRef>,
    namespace: Option<Arc<str>>,
}

impl Watched {
    fn sees(&self, object: &ObjectRef) -> bool {
        self.kind == object.kind
            && self.object.as_ref().is_none_or(|only| only == object)
            && self.namespace.as_ref().is_none_or(|only| *only == object.namespace)
    }
}

struct Waiting<'a> {
    rulebook: &'a Rulebook,
    world: World,
    /// Watches whose first list is not complete.
    open: BTreeSet<usize>,
    watches: Vec<Watched>,
    /// What is wrong with a watch, with what tells it from another trouble.
    troubles: BTreeMap<usize, (String, String)>,
    /// Watches that the server refuses: since when, when it last said so, and what.
    refused: BTreeMap<usize, (Instant, Instant, String)>,
}

fn watches(env: &Env, rulebook: &Rulebook, rule: &Rule, sender: &mpsc::Sender<(u64, News<Row>)>) -> Vec<Watched> {
    let fields = rulebook.fields();
    let mut watched: BTreeSet<(KindIx, Option<ObjectRef>, Option<Arc<str>>)> = BTreeSet::new();
    for term in &rule.terms {
        let namespace =
            term.source.object.as_ref().map(|o| o.namespace.clone()).or_else(|| term.source.namespace.clone());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        watched.insert((term.source.kind, term.source.object.clone(), namespace));
    }
    for term in &rule.terms {
        // What belongs to an application, its Application says.
        match engine::listers(rulebook, &term.source) {
            Listers::Nobody => {}
            Listers::One(app) => {
                watched.insert((app.kind, Some(app.clone()), Some(app.namespace)));
            }
            Listers::All => {
                let kind = rulebook.kind_by_type("argoproj.io", "Application");
                watched.extend(kind.map(|kind| (kind, None, None)));
            }
        }
    }
    let mut begun = Vec::new();
    for (kind_ix, object, namespace) in watched {
        let (Some(kind), Some(keep)) = (rulebook.kind(kind_ix), fields.get(&kind_ix)) else { continue };
        let (keep, mut interner) = (keep.clone(), Interner::default());
        let watch = Watch {
            resource: Resource {
                group: kind.group.clone(),
                version: kind.version.clone(),
                kind: kind.kind.clone(),
                plural: kind.plural.clone(),
                namespaced: kind.namespaced,
            },
            namespace: namespace.clone(),
            name: object.as_ref().map(|object| object.name.clone()),
            decode: Box::new(move |json| {
                let row = Row::from_json(json, &keep, &mut interner)?;
                Some(((row.namespace.clone(), row.name.clone()), row))
            }),
            id: u64::try_from(begun.len()).unwrap_or(u64::MAX),
            news: sender.clone(),
        };
        tokio::spawn(watch.run(env.clone()));
        begun.push(Watched { kind: kind_ix, object, namespace });
    }
    begun
}

impl Waiting<'_> {
    /// Takes news in; gives what is to be said about it.
    fn hear(&mut self, id: u64, news: News<Row>, now: Timestamp) -> Option<String> {
        let index = usize::try_from(id).ok()?;
        let kind = self.watches.get(index)?.kind;
        let good = matches!(news, News::Upsert(_) | News::Delete(..) | News::Listed(_));
        if good {
            self.troubles.remove(&index);
            self.refused.remove(&index);
        }
        match news {
            News::Upsert(row) => {
                self.world.apply(self.rulebook, Change::Upsert(kind, row), now);
            }
            News::Delete(key, _) => self.delete(kind, key, now),
            News::Listed(listed) => {
                self.open.remove(&index);
                let watched = self.watches.get(index)?;
                let gone = self.world.missing_from(kind, &listed).into_iter().filter(|object| watched.sees(object));
                for object in gone.collect::<Vec<ObjectRef>>() {
                    self.delete(kind, (object.namespace, object.name), now);
                }
                let mut of_kind = self.watches.iter().enumerate().filter(|(_, other)| other.kind == kind);
                let complete = of_kind.all(|(i, _)| !self.open.contains(&i));
                if complete {
                    self.world.set_listing(kind, Listing::Listed);
                }
            }
            News::Absent(why) => {
                self.world.set_listing(kind, Listing::Absent);
                return self.troubled(index, why.clone(), why);
            }
            News::Trouble(trouble) if trouble.refused => {
                let now = Instant::now();
                let since = self.refused.get(&index).map_or(now, |(since, ..)| *since);
                self.refused.insert(index, (since, now, trouble.message.clone()));
                let seconds = REFUSED_GRACE.as_secs();
                let hint = format!("{}; if that stays so for {seconds} s, it is given up", trouble.message);
                return self.troubled(index, trouble.class, trouble.message).map(|_| hint);
            }
            News::Trouble(trouble) => return self.troubled(index, trouble.class, trouble.message),
        }
        None
    }

    /// The message, unless the watch had the same trouble already.
    fn troubled(&mut self, index: usize, class: String, message: String) -> Option<String> {
        let had = self.troubles.insert(index, (class.clone(), message.clone()));
        had.is_none_or(|(before, _)| before != class).then_some(message)
    }

    /// What may not be read, once that has been so for the time of grace, or at the deadline.
    fn refusal(&self, late: bool) -> Option<String> {
        let lasting =
            |(since, last, _): &&(Instant, Instant, String)| late || last.duration_since(*since) >= REFUSED_GRACE;
        self.refused.values().find(lasting).map(|(.., why)| why.clone())
    }

    /// The parts that do not hold, with why, and what is wrong with the watches.
    fn missing(&self, reasons: &[Reason]) -> String {
        let troubles = self.troubles.values().map(|(_, message)| format!("; {message}"));
        format!("{}{}", missing(reasons), troubles.collect::<String>())
    }

    fn delete(&mut self, kind: KindIx, (namespace, name): Key, now: Timestamp) {
        self.world.apply(self.rulebook, Change::Delete(ObjectRef { kind, namespace, name }), now);
    }
}

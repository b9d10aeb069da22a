//! Watches of one kind: discovery until the cluster serves it, a list, then every change; each object cut down to a row at once.
//!
//! Errors are counted, said once and retried with pauses of our own; kube's watcher alone would retry them in silence. A list that
//! comes again says what is there, so what it lacks is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::discover::{Served, served};
use super::env::{Backoff, Env};
use super::request::{chain, shortened};
use super::resource::Resource;
use super::seen::Seen;

/// Objects that are held whole at the same time while a kind is listed.
pub const PAGE_OBJECTS_MAX: u32 = 250;
/// How often a missing kind is looked for.
pub const MISSING_POLL_SECONDS: u64 = 10;
/// A kind that was listed is gone only when the server has said so twice, so far apart: for a moment, one that starts anew serves nothing.
pub const GONE_SECONDS: u64 = 10;
/// The same for a kind that has never been listed: nothing is lost by taking it for missing.
pub const MISSING_SECONDS: u64 = 2;
/// First and longest pause after an error.
pub const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Namespace and name.
pub type Key = (Arc<str>, Arc<str>);

/// What a watch tells.
#[derive(Debug)]
pub enum News<R> {
    /// The cluster does not serve this kind: none of its objects exist. Why.
    Absent(String),
    /// An object is so.
    Upsert(Box<R>),
    /// An object is gone: the one with this uid.
    Delete(Key, Arc<str>),
    /// The list is complete: within the watch's bounds, nothing else exists.
    Listed(BTreeSet<Key>),
    /// It does not work just now, and will be tried again.
    Trouble(Trouble),
}

/// An error of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For a person.
    pub message: String,
    /// What stays the same while the same thing is wrong.
    pub class: String,
    /// The server says that this account may not, which lasts until someone gives it the right.
    pub refused: bool,
}

impl Trouble {
    fn plain(message: String) -> Trouble {
        Trouble { class: message.clone(), message, refused: false }
    }
}

/// Turns an object into a row; none when it has no name.
pub type Decode<R> = Box<dyn FnMut(&Json) -> Option<(Key, R)> + Send>;

/// What to watch and whom to tell.
pub struct Watch<R> {
    /// The kind.
    pub resource: Resource,
    /// Only this namespace; all if none. A watch for each namespace, so that trouble in one does not slow the others down.
    pub namespace: Option<Arc<str>>,
    /// Only the object of this name; all if none.
    pub name: Option<Arc<str>>,
    /// Cuts objects down.
    pub decode: Decode<R>,
    /// Says which watch it is, beside the news.
    pub id: u64,
    /// Where the news goes. Bounded: a slow reader slows the watch down.
    pub news: mpsc::Sender<(u64, News<R>)>,
}

/// Nobody reads the news any more.
struct Closed;

type Events = BoxStream<'static, Result<Event<Seen>, watcher::Error>>;

impl<R: Send + 'static> Watch<R> {
    /// Watches until nobody reads the news any more.
    pub async fn run(mut self, env: Env) {
        let _ = self.run_until_closed(&env).await;
    }

    async fn run_until_closed(&mut self, env: &Env) -> Result<(), Closed> {
        let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
        let (mut listed, mut missing_since) = (false, None);
        loop {
            match served(&env.client, &self.resource).await {
                Served::Yes => {
                    missing_since = None;
                    self.follow(env, &mut backoff, &mut listed).await?;
                }
                Served::No(why) => {
                    let since = *missing_since.get_or_insert_with(Instant::now);
                    let sure = Duration::from_secs(if listed { GONE_SECONDS } else { MISSING_SECONDS });
                    let poll = if since.elapsed() >= sure {
                        listed = false;
                        self.tell(News::Absent(why)).await?;
                        Duration::from_secs(MISSING_POLL_SECONDS)
                    } else {
                        if listed {
                            self.tell(News::Trouble(Trouble::plain(why))).await?;
                        }
                        sure
                    };
                    tokio::time::sleep(env.random.jitter(poll)).await;
                }
                Served::Unclear(message) => {
                    self.tell(News::Trouble(Trouble::plain(message))).await?;
                    tokio::time::sleep(backoff.pause(&env.random)).await;
                }
            }
        }
    }

    /// Until the kind is no longer served, or the watch must begin anew.
    async fn follow(&mut self, env: &Env, backoff: &mut Backoff, listed: &mut bool) -> Result<(), Closed> {
        let mut events = self.events(env);
        let mut listing: BTreeSet<Key> = BTreeSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(seen)) => {
                    if let Some((key, row)) = (self.decode)(&seen.json) {
                        listing.insert(key);
                        self.tell(News::Upsert(Box::new(row))).await?;
                    }
                }
                Ok(Event::InitDone) => {
                    backoff.reset();
                    *listed = true;
                    self.tell(News::Listed(std::mem::take(&mut listing))).await?;
                }
                Ok(Event::Apply(seen)) => {
                    backoff.reset();
                    if let Some((_, row)) = (self.decode)(&seen.json) {
                        self.tell(News::Upsert(Box::new(row))).await?;
                    }
                }
                Ok(Event::Delete(seen)) => {
                    backoff.reset();
                    if let Some((key, _)) = (self.decode)(&seen.json) {
                        let uid = seen.json.pointer("/metadata/uid").and_then(Json::as_str);
                        let uid = Arc::from(uid.unwrap_or(""));
                        self.tell(News::Delete(key, uid)).await?;
                    }
                }
                Err(error) => {
                    let code = code(&error);
                    self.tell(News::Trouble(trouble(&error))).await?;
                    tokio::time::sleep(backoff.pause(&env.random)).await;
                    // kube's watcher goes on from the same resourceVersion after a 410 that comes as an HTTP status, for ever; and
                    // after a 404 it is worth asking whether the kind is still served.
                    if matches!(code, Some(404 | 410)) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn events(&self, env: &Env) -> Events {
        let config = watcher::Config::default().page_size(PAGE_OBJECTS_MAX);
        let config = match &self.name {
            Some(name) => config.fields(&format!("metadata.name={name}")),
            None => config,
        };
        let (client, resource) = (env.client.clone(), self.resource.api_resource());
        let api: Api<Seen> = match &self.namespace {
            Some(namespace) if self.resource.namespaced => Api::namespaced_with(client, namespace, &resource),
            _ => Api::all_with(client, &resource),
        };
        watcher(api, config).boxed()
    }

    async fn tell(&mut self, news: News<R>) -> Result<(), Closed> {
        self.news.send((self.id, news)).await.map_err(|_| Closed)
    }
}

/// HTTP status of an error, if the server answered.
fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

fn trouble(error: &watcher::Error) -> Trouble {
    let what = match error {
        watcher::Error::InitialListFailed(_) => "cannot list",
        watcher::Error::WatchStartFailed(_) => "cannot watch",
        _ => "watch failed",
    };
    let why = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => format!("{}: {}", status.code, shortened(&status.message)),
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => chain(error),
        watcher::Error::NoResourceVersion => error.to_string(),
    };
    // Messages of the same kind differ in resourceVersions and ports.
    let class: String = format!("{what}: {why}").chars().filter(|c| !c.is_ascii_digit()).collect();
    let code = code(error);
    Trouble {
        message: format!("{what}: {why}"),
        class: format!("{class}{}", code.unwrap_or(0)),
        refused: matches!(code, Some(401 | 403)),
    }
}

//! A cluster as it is now, for `plan --live` and `explain`: each kind listed once, the stored state, nothing watched or written.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde_json::Value as Json;

use super::ClusterError;
use super::discover::{Served, served};
use super::kinds::resource;
use super::request;
use super::resource::Resource;
use super::store::{Store, Stored};
use crate::engine::{Change, Ledger, Listing, State};
use crate::expr::Interner;
use crate::facts::{KindFields, Row};
use crate::rulebook::{KindIx, Rulebook};

/// Objects of one request.
const PAGE_OBJECTS_MAX: u32 = 500;
/// How long an answer may take.
const ANSWER_SECONDS_MAX: u64 = 30;

/// What was found.
#[derive(Debug)]
pub struct Snapshot {
    /// The engine over it.
    pub ledger: Ledger,
    /// What to know about it: kinds that the cluster does not have, no stored state.
    pub notes: Vec<String>,
}

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Where the controller keeps its state.
    pub state: &'a str,
    /// Only objects of these namespaces; all if none.
    pub watched: &'a [String],
}

/// Takes a snapshot.
///
/// # Errors
/// When the cluster does not answer, or refuses a list that the rules need.
pub async fn snapshot(
    client: &Client,
    rulebook: &Arc<Rulebook>,
    places: Places<'_>,
    now: Timestamp,
) -> Result<Snapshot, ClusterError> {
    let mut notes = Vec::new();
    let state = stored(client, rulebook, places.state, &mut notes).await?;
    let mut ledger = Ledger::new(rulebook.clone(), state);
    let mut interner = Interner::default();
    for (ix, keep) in rulebook.fields() {
        let Some(kind) = rulebook.kind(ix) else { continue };
        let resource = resource(kind);
        match served(client, &resource).await {
            Served::Yes => {
                for path in paths(&resource, places.watched).map_err(ClusterError::Answer)? {
                    list(client, &path, ix, &keep, &mut ledger, &mut interner, now).await?;
                }
                ledger.set_listing(ix, Listing::Listed);
            }
            Served::No(why) => {
                notes.push(why);
                ledger.set_listing(ix, Listing::Absent);
            }
            Served::Unclear(why) => return Err(ClusterError::Answer(why)),
        }
    }
    Ok(Snapshot { ledger, notes })
}

async fn stored(
    client: &Client,
    rulebook: &Rulebook,
    namespace: &str,
    notes: &mut Vec<String>,
) -> Result<State, ClusterError> {
    let mut store = Store::new(&Arc::from(namespace), &rulebook.id);
    let place = store.place().clone();
    let object =
        Store::read(client, &place, Duration::from_secs(ANSWER_SECONDS_MAX)).await.map_err(ClusterError::Answer)?;
    let missing = format!(
        "no state of rulebook `{}` in namespace `{namespace}`: no controller has run there yet, so runs that have ended count as its baseline",
        rulebook.id
    );
    match store.found(object.as_ref()) {
        Stored::Found(text) => {
            State::from_json(&text).map_err(|why| ClusterError::Answer(format!("the stored state: {why}")))
        }
        Stored::Malformed(why) => Err(ClusterError::Answer(format!("the stored state: {why}"))),
        Stored::Missing => {
            notes.push(missing);
            Ok(State::fresh())
        }
    }
}

/// Where the objects of a kind are listed.
fn paths(resource: &Resource, watched: &[String]) -> Result<Vec<String>, String> {
    if watched.is_empty() || !resource.namespaced {
        return Ok(vec![format!("{}/{}", resource.root(), resource.plural)]);
    }
    watched.iter().map(|namespace| resource.collection(namespace)).collect()
}

async fn list(
    client: &Client,
    path: &str,
    kind: KindIx,
    keep: &KindFields,
    ledger: &mut Ledger,
    interner: &mut Interner,
    now: Timestamp,
) -> Result<(), ClusterError> {
    let mut token = String::new();
    loop {
        let page = format!("{path}?limit={PAGE_OBJECTS_MAX}{token}");
        let answer = request::get(client, &page, Duration::from_secs(ANSWER_SECONDS_MAX)).await;
        let answer = answer.map_err(|error| ClusterError::Answer(error.0))?;
        if !answer.status.is_success() {
            return Err(ClusterError::Answer(format!("cannot list {path}: {}", answer.message())));
        }
        let items = answer.body.get("items").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for item in items {
            if let Some(row) = Row::from_json(item, keep, interner) {
                ledger.change(Change::Upsert(kind, Box::new(row)), now);
            }
        }
        match answer.body.pointer("/metadata/continue").and_then(Json::as_str).filter(|next| !next.is_empty()) {
            Some(next) => token = format!("&continue={next}"),
            None => return Ok(()),
        }
    }
}

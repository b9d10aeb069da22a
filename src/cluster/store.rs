//! The state object: one ConfigMap in which the rulebook's state is kept, by compare-and-swap.
//!
//! In: the JSON that the engine keeps. Out: what was stored, and the orders with which the writer stores the next. Writes are
//! coalesced: at most one a second, none while nothing changes. What is unreadable is never overwritten: an operator has to look,
//! and deletes the object if now is to be the baseline.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::request;
use super::resource::Resource;
use super::writer::{Live, Order, Place};
use crate::engine::STATE_BYTES_MAX;

/// Writes of the state are so far apart, at least.
pub const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// The key of the ConfigMap that holds the state.
pub const KEY: &str = "state.json";

/// The state object as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// There is none.
    Missing,
    /// There it is: its text.
    Found(String),
    /// There is one without a text. Why it cannot be used.
    Malformed(String),
}

/// Where the state is, and what of it is stored.
#[derive(Debug)]
pub struct Store {
    place: Place,
    rulebook: Arc<str>,
    /// resourceVersion of what is stored; none if there is nothing.
    version: Option<String>,
    /// Uid of the object, for Events on it.
    uid: Arc<str>,
    last_write: Option<Instant>,
}

impl Store {
    /// The store of one rulebook.
    #[must_use]
    pub fn new(namespace: &Arc<str>, rulebook: &Arc<str>) -> Store {
        let place = Place {
            resource: Resource::builtin("", "v1", "ConfigMap", "configmaps"),
            namespace: namespace.clone(),
            name: format!("tidegate-state-{rulebook}").into(),
            uid: "".into(),
        };
        Store { place, rulebook: rulebook.clone(), version: None, uid: "".into(), last_write: None }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Uid of the object; empty if there is none.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Reads the object.
    ///
    /// # Errors
    /// When the API server does not give it: why.
    pub async fn read(client: &Client, place: &Place, deadline: Duration) -> Result<Option<Json>, String> {
        let path = place.resource.object(&place.namespace, &place.name)?;
        match request::get(client, &path, deadline).await {
            Ok(answer) if answer.status.is_success() => Ok(Some(answer.body)),
            Ok(answer) if answer.status.as_u16() == 404 => Ok(None),
            Ok(answer) => Err(answer.message()),
            Err(no_answer) => Err(no_answer.0),
        }
    }

    /// Takes in the object as it is in the cluster.
    pub fn found(&mut self, object: Option<&Json>) -> Stored {
        let text = |path: &str| object.and_then(|o| o.pointer(path)).and_then(Json::as_str);
        self.version = text("/metadata/resourceVersion").map(str::to_owned);
        self.uid = text("/metadata/uid").unwrap_or("").into();
        match (object, text(&format!("/data/{KEY}"))) {
            (None, _) => Stored::Missing,
            (Some(_), Some(state)) => Stored::Found(state.to_owned()),
            (Some(_), None) => Stored::Malformed(format!("it has no data under `{KEY}`")),
        }
    }

    /// When the next write may go out; none: at once.
    #[must_use]
    pub fn not_before(&self) -> Option<Instant> {
        self.last_write.map(|last| last + WRITE_INTERVAL)
    }

    /// The write that stores a state.
    ///
    /// # Errors
    /// When it is too large to be stored.
    pub fn order(&mut self, state: &str) -> Result<Order, String> {
        if state.len() > STATE_BYTES_MAX {
            return Err(format!("the state has {} bytes, and a ConfigMap takes {STATE_BYTES_MAX}", state.len()));
        }
        self.last_write = Some(Instant::now());
        let labels = json!({"app.kubernetes.io/managed-by": "tidegate"});
        Ok(match &self.version {
            Some(version) => Order::Merge(
                self.place.clone(),
                json!({"metadata": {"resourceVersion": version}, "data": {KEY: state}}),
            ),
            None => {
                let metadata = json!({"name": &*self.place.name, "namespace": &*self.place.namespace, "labels": labels,
                    "annotations": {"tidegate.dev/about": about(&self.rulebook)}});
                let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: state}});
                Order::CreateNew(self.place.clone(), body)
            }
        })
    }

    /// Takes in what the writer found or left.
    pub fn written(&mut self, live: &[Live]) -> Option<Stored> {
        let (_, object) = live.iter().rev().find(|(place, _)| *place == self.place)?;
        Some(self.found(object.as_ref()))
    }

    /// An Event on the state object. Its name is derived from what it says, and when there is no time in that, it is said once.
    #[must_use]
    pub fn event(&self, key: &str, reason: &str, message: &str, time: jiff::Timestamp) -> Order {
        let name: Arc<str> = format!("{}.{key}", self.place.name).into();
        let time = jiff::Timestamp::from_second(time.as_second()).unwrap_or(time).to_string();
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": &*name, "namespace": &*self.place.namespace, "labels": {"app.kubernetes.io/managed-by": "tidegate"}},
            "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": &*self.place.namespace,
                "name": &*self.place.name, "uid": &*self.uid},
            "type": "Warning",
            "reason": reason,
            "message": super::request::shortened(message).chars().take(900).collect::<String>(),
            "source": {"component": "tidegate"},
            "reportingComponent": "tidegate",
            "reportingInstance": &*self.rulebook,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        });
        let resource = Resource::builtin("", "v1", "Event", "events");
        Order::Create(Place { resource, namespace: self.place.namespace.clone(), name, uid: "".into() }, body)
    }
}

fn about(rulebook: &str) -> String {
    format!(
        "What tidegate remembers for the rulebook {rulebook}. Stop tidegate and delete this to make now the baseline: nothing that \
         has finished by then is acted on."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_replaced_and_what_is_not_is_made() {
        let mut store = Store::new(&"tidegate".into(), &"default".into());
        assert_eq!(store.found(None), Stored::Missing);
        assert!(matches!(store.order("{}"), Ok(Order::CreateNew(..))));
        let object = json!({"metadata": {"resourceVersion": "7", "uid": "u"}, "data": {KEY: "{}"}});
        assert_eq!(store.found(Some(&object)), Stored::Found("{}".to_owned()));
        let Ok(Order::Merge(place, patch)) = store.order("{\"a\":1}") else { return assert_eq!(0, 1) };
        assert_eq!(&*place.name, "tidegate-state-default");
        assert_eq!(patch, json!({"metadata": {"resourceVersion": "7"}, "data": {KEY: "{\"a\":1}"}}));
        assert!(store.not_before() == Some(Instant::now() + WRITE_INTERVAL));
        assert!(matches!(store.found(Some(&json!({"metadata": {}, "binaryData": {}}))), Stored::Malformed(_)));
        assert!(store.order(&"x".repeat(STATE_BYTES_MAX + 1)).is_err());
    }
}

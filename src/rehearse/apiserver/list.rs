//! Lists: selectors, pages, and lists of an earlier revision.

use std::sync::Arc;

use serde_json::{Value, json};

use super::builtin;
use super::failure::{ApiError, Cause};
use super::json::Object;
use super::kinds::Resource;
use super::request::Query;
use super::selector::Selector;
use super::state::{Key, State};

/// The parameters of list and watch.
#[derive(Clone, Debug, Default)]
pub(super) struct ListOptions {
    pub selector: Selector,
    pub limit: usize,
    pub token: String,
    /// `None` when not given.
    pub version: Option<u64>,
    pub version_match: String,
}

impl ListOptions {
    /// Parses and checks the parameters.
    pub fn parse(resource: &Resource, query: &Query, watch: bool) -> Result<Self, ApiError> {
        let selector = Selector::parse(resource, query.get("labelSelector"), query.get("fieldSelector"))?;
        check_match(query, watch)?;
        let given = query.get("resourceVersion");
        let bad = || {
            let why = format!(
                "resourceVersion: Invalid value: {given:?}: strconv.ParseUint: parsing {given:?}: invalid syntax"
            );
            match watch {
                true => ApiError::new(500, "", why, None),
                false => ApiError::bad_request(format!("invalid resource version: {why}")),
            }
        };
        let version = if given.is_empty() { None } else { Some(given.parse().map_err(|_| bad())?) };
        let token = query.get("continue").to_owned();
        if !token.is_empty() && version.is_some_and(|version| version != 0) && !watch {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        Ok(Self {
            selector,
            limit: query.get("limit").parse().unwrap_or_default(),
            token,
            version,
            version_match: query.get("resourceVersionMatch").to_owned(),
        })
    }
}

fn check_match(query: &Query, watch: bool) -> Result<(), ApiError> {
    const FIELD: &str = "resourceVersionMatch";
    let (how, version) = (query.get(FIELD), query.get("resourceVersion"));
    let initial = query.has("sendInitialEvents");
    let cause = if initial && !watch {
        Cause::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")
    } else if initial && how != "NotOlderThan" {
        Cause::forbidden(FIELD, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    } else if watch && !how.is_empty() && !initial {
        Cause::forbidden(FIELD, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    } else if how.is_empty() || watch {
        return Ok(());
    } else if version.is_empty() {
        Cause::forbidden(FIELD, "resourceVersionMatch is forbidden unless resourceVersion is provided")
    } else if !query.get("continue").is_empty() {
        Cause::forbidden(FIELD, "resourceVersionMatch is forbidden when continue is provided")
    } else if !matches!(how, "Exact" | "NotOlderThan") {
        Cause::not_supported(FIELD, how, "\"Exact\", \"NotOlderThan\", \"\"")
    } else if how == "Exact" && version == "0" {
        Cause::forbidden(FIELD, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
    } else {
        return Ok(());
    };
    Err(ApiError::invalid_as("meta.k8s.io", "ListOptions", "", &[cause]))
}

/// One page of a list.
pub(super) struct Page {
    pub items: Vec<Object>,
    pub revision: u64,
    /// Names the rest, when there is a rest.
    pub token: Option<String>,
    /// How many objects are left, where that is known (it is not under a selector).
    pub remaining: Option<usize>,
}

impl Page {
    /// The list object. Items of built-in kinds carry no apiVersion and kind, as in the real server's lists.
    pub fn body(self, resource: &Resource) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let Some(fields) = metadata.as_object_mut() {
            if resource.custom || self.token.is_some() {
                fields.insert("continue".to_owned(), Value::from(self.token.unwrap_or_default()));
            }
            if let Some(remaining) = self.remaining {
                fields.insert("remainingItemCount".to_owned(), Value::from(remaining));
            }
        }
        let bare = |mut item: Object| {
            if !resource.custom {
                item.remove("apiVersion");
                item.remove("kind");
            }
            Value::Object(item)
        };
        let items: Vec<Value> = self.items.into_iter().map(bare).collect();
        json!({
            "apiVersion": resource.api_version(), "kind": format!("{}List", resource.kind),
            "metadata": metadata, "items": items,
        })
    }
}

impl State {
    /// One page of the objects of a namespace, or of all.
    pub fn list(
        &mut self,
        resource: &Resource,
        namespace: Option<&str>,
        options: &ListOptions,
    ) -> Result<Page, ApiError> {
        let current = self.revision;
        let asked = options.version.unwrap_or_default();
        if asked > current {
            return Err(ApiError::too_large_version(asked, current));
        }
        let (revision, after) = match decode_token(&options.token)? {
            Some((revision, after)) => (revision, Some(after)),
            None if options.version_match == "Exact" => (asked, None),
            None => (current, None),
        };
        let collection = self.collection(&resource.storage);
        let objects = if revision == current { Some(collection.objects.clone()) } else { collection.at(revision) };
        let gone = || ApiError::expired(if after.is_some() { OLD_TOKEN } else { OLD_LIST });
        let objects = objects.ok_or_else(gone)?;
        let within = |key: &Key| namespace.is_none_or(|namespace| key.namespace == namespace);
        let mut chosen = (objects.iter())
            .filter(|(key, _)| within(key) && after.as_ref().is_none_or(|after| *key > after))
            .filter(|(_, object)| options.selector.matches(object));
        let limit = if options.limit == 0 { usize::MAX } else { options.limit };
        let page: Vec<(&Key, &Arc<Object>)> = chosen.by_ref().take(limit).collect();
        let remaining = chosen.count();
        let last = page.last().map(|(key, _)| (*key).clone());
        let token = last.filter(|_| remaining > 0).map(|last| encode_token(revision, &last));
        let counted = token.is_some() && options.selector.is_everything();
        let items = page.into_iter().map(|(_, object)| builtin::to_served(resource, object)).collect();
        Ok(Page { items, revision, token, remaining: Some(remaining).filter(|_| counted) })
    }
}

const OLD_LIST: &str = "The resourceVersion for the provided list is too old.";
const OLD_TOKEN: &str = "The provided continue parameter is too old to display a consistent list result. You can start a \
    new list without the continue parameter.";

/// Where the next page begins: opaque to clients.
fn encode_token(revision: u64, last: &Key) -> String {
    format!("v1:{revision}:{}/{}", last.namespace, last.name)
}

fn decode_token(token: &str) -> Result<Option<(u64, Key)>, ApiError> {
    if token.is_empty() {
        return Ok(None);
    }
    let parse = || {
        let (revision, key) = token.strip_prefix("v1:")?.split_once(':')?;
        let (namespace, name) = key.split_once('/')?;
        Some((revision.parse().ok()?, Key { namespace: namespace.to_owned(), name: name.to_owned() }))
    };
    match parse() {
        Some(found) => Ok(Some(found)),
        None => Err(ApiError::bad_request("invalid continue token: continue key is not valid: not one of this server")),
    }
}

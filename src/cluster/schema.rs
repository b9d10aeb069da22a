//! The CustomResourceDefinitions of the rules' kinds, for the types of expressions: each read by its name, nothing listed.

use std::time::Duration;

use kube::Client;
use serde_json::Value as Json;

use super::ClusterError;
use super::discover::{Served, served};
use super::kinds::resource;
use super::request;
use crate::rulebook::{Kind, Rulebook};

/// How long an answer may take.
const ANSWER_SECONDS_MAX: u64 = 30;

/// What the cluster says of kinds.
#[derive(Debug, Default)]
pub struct Definitions {
    /// CustomResourceDefinitions, as they are.
    pub objects: Vec<Json>,
    /// Kinds without one, and why: their expressions stay unchecked.
    pub notes: Vec<String>,
}

/// Reads the definitions of the kinds that the rules touch or declare. The account needs no more than the verb `get` of
/// `customresourcedefinitions`; one that it may not get is a note.
///
/// # Errors
/// When the cluster does not answer.
pub async fn definitions(client: &Client, rulebook: &Rulebook) -> Result<Definitions, ClusterError> {
    let touched = rulebook.fields();
    let mut found = Definitions::default();
    for (kind, ix) in rulebook.kinds.iter().filter_map(|kind| Some((kind, rulebook.kind_by_short(&kind.short)?))) {
        // Groups without a dot are Kubernetes' own. Source: k8s.io/apiextensions-apiserver `validation.go`.
        if (kind.builtin && !touched.contains_key(&ix)) || !kind.group.contains('.') {
            continue;
        }
        match definition(client, kind).await? {
            Ok(object) => found.objects.push(object),
            Err(why) => found.notes.push(format!("no schema for {}: {why}", kind.short)),
        }
    }
    Ok(found)
}

async fn definition(client: &Client, kind: &Kind) -> Result<Result<Json, String>, ClusterError> {
    let name = format!("{}.{}", kind.plural, kind.group);
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    let answer = request::get(client, &path, Duration::from_secs(ANSWER_SECONDS_MAX)).await;
    let answer = answer.map_err(|error| ClusterError::Answer(error.0))?;
    Ok(match answer.status.as_u16() {
        200..=299 if answer.body.pointer("/spec/names/kind").and_then(Json::as_str) == Some(&*kind.kind) => {
            Ok(answer.body)
        }
        401 | 403 => Err(format!(
            "{}; grant `get` of `customresourcedefinitions` in `apiextensions.k8s.io` for it",
            answer.message()
        )),
        // Or the rules have another plural than the cluster, which its own list of kinds tells.
        200..=299 | 404 => Err(match served(client, &resource(kind)).await {
            Served::No(why) | Served::Unclear(why) => why,
            Served::Yes => format!("the cluster serves it without a CustomResourceDefinition `{name}`"),
        }),
        _ => return Err(ClusterError::Answer(format!("cannot read {path}: {}", answer.message()))),
    })
}

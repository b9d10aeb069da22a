//! Whether the cluster serves a kind, and as what.

use std::time::Duration;

use kube::Client;
use serde_json::Value as Json;

use super::request;
use super::resource::Resource;

/// How long the server may take to say what it serves.
const ANSWER_SECONDS_MAX: u64 = 10;

/// What the API server says of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// As the rules say.
    Yes,
    /// Not served: its CRD is missing, or is there in another form than the rules say. Why, and how to mend it.
    No(String),
    /// It did not say.
    Unclear(String),
}

/// Asks the API server. One small request; no list.
pub async fn served(client: &Client, wanted: &Resource) -> Served {
    match request::get(client, &wanted.root(), Duration::from_secs(ANSWER_SECONDS_MAX)).await {
        Err(no_answer) => Served::Unclear(no_answer.0),
        Ok(answer) if answer.status.is_success() => compare(wanted, &answer.body),
        Ok(answer) if answer.status.as_u16() == 404 => Served::No(format!(
            "the cluster does not serve `{}`: install the CRD of {}",
            wanted.api_version(),
            wanted.kind
        )),
        Ok(answer) => Served::Unclear(answer.message()),
    }
}

fn compare(wanted: &Resource, list: &Json) -> Served {
    let text = |resource: &Json, key: &str| resource.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
    let resources = list.get("resources").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_kind = |resource: &&Json| text(resource, "kind") == *wanted.kind && !text(resource, "name").contains('/');
    let (kind, version) = (&wanted.kind, wanted.api_version());
    let Some(found) = resources.iter().find(of_kind) else {
        return Served::No(format!("`{version}` has no kind `{kind}`: install its CRD"));
    };
    let plural = text(found, "name");
    if plural != *wanted.plural {
        return Served::No(format!(
            "the cluster calls {kind} `{plural}`, the rules `{}`: write `kind … = {version} {kind} ({plural})`",
            wanted.plural
        ));
    }
    let namespaced = found.get("namespaced").and_then(Json::as_bool).unwrap_or(false);
    if namespaced != wanted.namespaced {
        let word = |namespaced| if namespaced { "in namespaces" } else { "outside namespaces" };
        return Served::No(format!(
            "in the cluster, {kind} lives {}; the rules say {}",
            word(namespaced),
            word(wanted.namespaced)
        ));
    }
    let verbs = found.get("verbs").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if !["list", "watch"].iter().all(|verb| verbs.iter().any(|v| v.as_str() == Some(verb))) {
        return Served::No(format!("{kind} of `{version}` cannot be listed and watched"));
    }
    Served::Yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(found: Json, expected: &str) {
        let wanted = Resource::builtin("a.io", "v1", "Thing", "things");
        let got = match compare(&wanted, &json!({"resources": found})) {
            Served::Yes => "yes".to_owned(),
            Served::No(why) | Served::Unclear(why) => why,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn what_differs_is_said_with_its_fix() {
        let thing = |name: &str, namespaced: bool, verbs: &[&str]| json!({"name": name, "kind": "Thing", "namespaced": namespaced, "verbs": verbs});
        check(json!([thing("things/status", true, &["get"]), thing("things", true, &["list", "watch"])]), "yes");
        check(json!([]), "`a.io/v1` has no kind `Thing`: install its CRD");
        check(
            json!([thing("thingies", true, &["list", "watch"])]),
            "the cluster calls Thing `thingies`, the rules `things`: write `kind … = a.io/v1 Thing (thingies)`",
        );
        check(
            json!([thing("things", false, &["list", "watch"])]),
            "in the cluster, Thing lives outside namespaces; the rules say in namespaces",
        );
        check(json!([thing("things", true, &["get"])]), "Thing of `a.io/v1` cannot be listed and watched");
    }
}

//! Objects that tests make: definitions, namespaces, accounts, and whatever a YAML stream holds.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, ServiceAccount};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Object, Patch, PatchParams, PostParams,
};
use kube::core::PartialObjectMeta;
use kube::discovery::{Scope, pinned_kind};
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long an answer that is only a matter of the API server may take.
const ANSWER_SECONDS_MAX: u64 = 60;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// What is read of a definition: all but its schemas, which can be megabytes.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct DefinitionSpec {
    group: String,
    names: Names,
    versions: Vec<Version>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct Names {
    plural: String,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct Version {
    name: String,
    served: bool,
}

/// Makes the resource definition of a YAML file and waits until its resources are served. The file goes to the server as it is:
/// parsing 2 MB of YAML here, or applying it, would take longer than all the rest.
pub async fn create_crd(client: &Client, file: &Path) -> Result<(), Box<dyn Error>> {
    let yaml = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let request = http::Request::post(DEFINITIONS)
        .header(http::header::CONTENT_TYPE, "application/yaml")
        .header(http::header::ACCEPT, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        .body(yaml)?;
    let made: PartialObjectMeta<DynamicObject> = client.request(request).await?;
    let limit = Duration::from_secs(ANSWER_SECONDS_MAX);
    tokio::time::timeout(limit, until_served(client, &made.name_any()))
        .await
        .map_err(|_| format!("{} is not served", file.display()))?
}

async fn until_served(client: &Client, name: &str) -> Result<(), Box<dyn Error>> {
    let gvk = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let api: Api<Object<DefinitionSpec, Value>> = Api::all_with(client.clone(), &ApiResource::from_gvk(&gvk));
    let established = |crd: Option<&Object<DefinitionSpec, Value>>| {
        let conditions = crd.and_then(|crd| crd.status.as_ref()?.get("conditions")?.as_array());
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Established" && one["status"] == "True"))
    };
    let crd = await_condition(api, name, established).await?.ok_or("the definition is gone")?;
    for version in crd.spec.versions.iter().filter(|version| version.served) {
        let path = format!("/apis/{}/{}", crd.spec.group, version.name);
        // The part of the server that serves the resources learns of this a moment after the condition is set.
        while !listed(client, &path, &crd.spec.names.plural).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

async fn listed(client: &Client, path: &str, plural: &str) -> bool {
    let list = http::Request::get(format!("{path}/{plural}?limit=1")).body(Vec::new()).unwrap();
    let discovery = http::Request::get(path).body(Vec::new()).unwrap();
    let Ok(resources) = client.request::<Value>(discovery).await else { return false };
    let discovered = resources["resources"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == plural));
    discovered && client.request_text(list).await.is_ok()
}

/// Makes the fake node; kwok keeps it alive.
pub async fn create_node(client: &Client) -> Result<(), Box<dyn Error>> {
    let node = serde_json::from_value(
        json!({"metadata": {"name": "fake-0", "labels": {"kubernetes.io/hostname": "fake-0"}}}),
    )?;
    Api::<Node>::all(client.clone()).create(&PostParams::default(), &node).await?;
    Ok(())
}

/// A node begins with a taint, and loses it when it is ready.
pub async fn node_is_ready(client: &Client) -> bool {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
    nodes.is_ok_and(|nodes| nodes.iter().any(|node| node.spec.as_ref().is_some_and(|spec| spec.taints.is_none())))
}

/// Makes a namespace named PREFIX and a few random characters.
pub async fn create_namespace(client: &Client, prefix: &str) -> String {
    let wanted = serde_json::from_value(json!({"metadata": {"generateName": format!("{prefix}-")}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &wanted).await.unwrap().name_any()
}

/// A bearer token of a service account, which must exist.
pub async fn account_token(client: &Client, namespace: &str, account: &str) -> String {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..Default::default() };
    let request = TokenRequest { spec: Some(spec), ..Default::default() };
    let answer = api.create_token_request(account, &PostParams::default(), &request).await;
    answer.unwrap_or_else(|error| panic!("no token for {namespace}/{account}: {error}")).status.unwrap().token.unwrap()
}

/// Makes every object of a YAML stream, in its order and with its status. Objects of a namespaced kind that name no namespace go
/// into `namespace`.
pub async fn create_all(client: &Client, namespace: &str, yaml: &str) {
    for document in serde_yaml::Deserializer::from_str(yaml) {
        let value = Value::deserialize(document).unwrap();
        if !value.is_null() {
            create(client, namespace, value).await;
        }
    }
}

/// Makes one object, with its status, and returns it as the server then holds it.
pub async fn create(client: &Client, namespace: &str, value: Value) -> DynamicObject {
    let status = value.get("status").cloned();
    let object: DynamicObject = serde_json::from_value(value).unwrap();
    let name = object.name_any();
    let types = object.types.clone().unwrap_or_else(|| panic!("{name} has no apiVersion and kind"));
    let gvk = GroupVersionKind::try_from(&types).unwrap();
    let (resource, capabilities) =
        pinned_kind(client, &gvk).await.unwrap_or_else(|error| panic!("{} {name}: {error}", types.kind));
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            Api::namespaced_with(client.clone(), object.namespace().as_deref().unwrap_or(namespace), &resource)
        }
    };
    let made = api.create(&PostParams::default(), &object).await;
    let made = made.unwrap_or_else(|error| panic!("{} {name}: {error}", types.kind));
    match status {
        // Where the kind has no status of its own, it went along with the rest.
        Some(status) if made.data.get("status") != Some(&status) => set_status(&api, &made.name_any(), status).await,
        _ => made,
    }
}

/// Merges `status` into the status of an object, as that kind's own controller would.
pub async fn set_status(api: &Api<DynamicObject>, name: &str, status: Value) -> DynamicObject {
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap_or_else(|error| panic!("status of {name}: {error}"))
}

/// The NotebookValidationJobs of a namespace.
pub fn notebooks(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("mlops.mlops.dev", "v1alpha1", "NotebookValidationJob");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&gvk, "notebookvalidationjobs"))
}

/// The InferenceServices of a namespace.
pub fn inference_services(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("serving.kserve.io", "v1beta1", "InferenceService");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&gvk, "inferenceservices"))
}

//! From a request that was taken apart to its answer, under the server's lock.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::discovery;
use super::failure::{ApiError, Cause};
use super::json::{Object, meta_text};
use super::kinds::Resource;
use super::list::{ListOptions, Page};
use super::patch;
use super::removal::DeleteOptions;
use super::request::{Projection, Query, ResourcePath, Route};
use super::selector::Selector;
use super::state::State;
use super::verbs::{Source, Target, WriteOptions, Written};
use super::watch::Watch;

/// Bytes of a request body (the real server's limit).
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A request.
pub(super) struct Call {
    pub method: Method,
    pub route: Route,
    pub query: Query,
    pub accept: String,
    pub content_type: String,
    /// Field manager when the request names none.
    pub manager: String,
    pub body: Bytes,
}

/// An answer that is no refusal.
pub(super) enum Answer {
    Json { code: u16, body: Value },
    Text(&'static str),
    Watch(Box<Watch>),
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self::Json { code: 200, body }
    }
}

/// `kind` and `metadata` of an object, as clients ask for that need no more.
pub(super) fn metadata_only(mut object: Object) -> Value {
    let metadata = object.remove("metadata").unwrap_or_default();
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

impl Call {
    /// Answers the request.
    pub fn answer(&self, state: &mut State) -> Result<Answer, ApiError> {
        let projection = Projection::negotiate(&self.accept).ok_or_else(not_acceptable)?;
        let found = |body: Option<Value>| body.map(Answer::ok).ok_or_else(ApiError::page_not_found);
        match (&self.route, projection) {
            (Route::Version, _) => Ok(Answer::ok(discovery::version())),
            (Route::Health, _) => Ok(Answer::Text("ok")),
            (Route::CoreVersions, Projection::Discovery) => {
                Ok(Answer::ok(discovery::aggregated(&state.registry, true)))
            }
            (Route::Groups, Projection::Discovery) => Ok(Answer::ok(discovery::aggregated(&state.registry, false))),
            (Route::CoreVersions, _) => Ok(Answer::ok(discovery::core_versions())),
            (Route::Groups, _) => Ok(Answer::ok(discovery::groups(&state.registry))),
            (Route::Group(group), _) => found(discovery::group(&state.registry, group)),
            (Route::GroupVersion(group, version), _) => {
                match discovery::group_version(&state.registry, group, version) {
                    None if state.registry.is_builtin_group(group) => Err(ApiError::no_such_resource()),
                    body => found(body),
                }
            }
            (Route::Resource(path), _) => self.resource(state, path, projection),
            (Route::Unknown, _) => Err(ApiError::page_not_found()),
        }
    }

    fn resource(&self, state: &mut State, path: &ResourcePath, projection: Projection) -> Result<Answer, ApiError> {
        if path.group == "authorization.k8s.io" && path.plural == "selfsubjectaccessreviews" {
            return self.review();
        }
        let unknown = || match state.registry.is_builtin_group(&path.group) {
            true => ApiError::no_such_resource(),
            false => ApiError::page_not_found(),
        };
        let resource = state.registry.find(&path.group, &path.version, &path.plural).ok_or_else(unknown)?;
        let misplaced = match &path.namespace {
            Some(_) => !resource.namespaced,
            None => resource.namespaced && (!path.name.is_empty() || self.method != Method::GET),
        };
        if misplaced {
            return Err(match (resource.custom, path.name.is_empty() && resource.namespaced) {
                (true, _) => ApiError::page_not_found(),
                (false, true) => ApiError::method_not_allowed(),
                (false, false) => ApiError::no_such_resource(),
            });
        }
        let status = path.subresource == "status" && resource.status;
        if !path.subresource.is_empty() && !status {
            return Err(match resource.custom {
                true => ApiError::not_found(&resource, &path.name),
                false => ApiError::no_such_resource(),
            });
        }
        if self.body.len() > BODY_BYTES_MAX {
            let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
            return Err(ApiError::new(413, "RequestEntityTooLarge", message, None));
        }
        let namespace = path.namespace.clone().unwrap_or_default();
        let target = Target { resource, namespace, name: path.name.clone(), status };
        if path.name.is_empty() {
            self.on_collection(state, path, &target, projection)
        } else {
            self.on_object(state, &target, projection)
        }
    }

    fn on_collection(
        &self,
        state: &mut State,
        path: &ResourcePath,
        target: &Target,
        projection: Projection,
    ) -> Result<Answer, ApiError> {
        let resource = &target.resource;
        let namespace = path.namespace.as_deref();
        match self.method {
            Method::GET if self.query.flag("watch") => {
                let watch = Watch::open(state, resource, namespace, projection, &self.query)?;
                Ok(Answer::Watch(Box::new(watch)))
            }
            Method::GET => {
                let options = ListOptions::parse(resource, &self.query, false)?;
                let page = state.list(resource, namespace, &options)?;
                list_body(page, resource, projection).map(Answer::ok)
            }
            Method::POST => {
                let written = state.create(target, self.object(resource)?, &self.options())?;
                self.written(written, resource, projection)
            }
            Method::DELETE => {
                let selector = self.selector(resource)?;
                let items = state.delete_collection(target, &selector, &self.delete_options()?)?;
                let page = Page { items, revision: state.revision, token: None, remaining: None };
                Ok(Answer::ok(page.body(resource)))
            }
            _ if resource.custom => Err(ApiError::bad_request("name must be provided")),
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn on_object(&self, state: &mut State, target: &Target, projection: Projection) -> Result<Answer, ApiError> {
        let resource = &target.resource;
        match self.method {
            Method::GET => {
                let options = ListOptions::parse(resource, &self.query, false)?;
                let asked = options.version.unwrap_or_default();
                if asked > state.revision {
                    return Err(ApiError::too_large_version(asked, state.revision));
                }
                let object = state.get(target)?;
                object_body(object, resource, projection).map(Answer::ok)
            }
            Method::PUT => {
                let object = self.object(resource)?;
                let (named, url) = (meta_text(&object, "name").to_owned(), &target.name);
                if named != *url {
                    return Err(ApiError::bad_request(match named.as_str() {
                        "" => "the name of the object (based on the request URL) is missing".to_owned(),
                        _ => format!("the name of the object ({named}) does not match the name on the URL ({url})"),
                    }));
                }
                let written = state.update(target, &self.options(), Source::Put, |_| Ok(object))?;
                self.written(written, resource, projection)
            }
            Method::PATCH => {
                let written = self.patch(state, target)?;
                self.written(written, resource, projection)
            }
            Method::DELETE if !target.status => {
                let deleted = state.delete(target, &self.delete_options()?)?;
                Ok(Answer::ok(deleted.body(resource)))
            }
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn patch(&self, state: &mut State, target: &Target) -> Result<Written, ApiError> {
        let resource = &target.resource;
        let media = self.content_type.split(';').next().unwrap_or_default().trim();
        let unreadable = |error: String| ApiError::bad_request(format!("error decoding patch: {error}"));
        let json = || serde_json::from_slice::<Value>(&self.body).map_err(|error| unreadable(error.to_string()));
        match media {
            "application/merge-patch+json" => {
                let patch = json()?;
                state.update(target, &self.options(), Source::Patch, |live| {
                    let mut value = Value::Object(live);
                    patch::merge(&mut value, patch);
                    patched(target, value)
                })
            }
            "application/json-patch+json" => {
                let patch = json()?;
                state.update(target, &self.options(), Source::Patch, |live| {
                    patched(target, patch::json_patch(Value::Object(live), &patch)?)
                })
            }
            "application/apply-patch+yaml" => {
                if self.query.get("fieldManager").is_empty() {
                    let cause = Cause::required("fieldManager", "is required for apply patch");
                    return Err(ApiError::invalid_as("meta.k8s.io", "PatchOptions", "", &[cause]));
                }
                // kube sends JSON here, and not every JSON text means the same in YAML.
                let manifest = json().or_else(|_| {
                    serde_yaml::from_slice::<Value>(&self.body).map_err(|error| unreadable(error.to_string()))
                })?;
                let Value::Object(manifest) = manifest else { return Err(unreadable("not an object".to_owned())) };
                state.apply(target, manifest, self.query.flag("force"), &self.options())
            }
            _ if resource.custom => Err(ApiError::new(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: \
                 application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                None,
            )),
            // Strategic merge patches of built-in kinds end here too: they are not implemented.
            _ => Err(ApiError::new(415, "UnsupportedMediaType", "415: Unsupported Media Type", Some(json!({})))),
        }
    }

    /// The object in the body, JSON or YAML.
    fn object(&self, resource: &Resource) -> Result<Object, ApiError> {
        let parsed: Result<Value, String> = if self.content_type.starts_with("application/yaml") {
            serde_yaml::from_slice(&self.body).map_err(|error| error.to_string())
        } else {
            serde_json::from_slice(&self.body).map_err(|error| error.to_string())
        };
        let why = match parsed {
            Ok(Value::Object(object)) if !resource.custom || object.contains_key("kind") => return Ok(object),
            Ok(Value::Object(_)) => return Err(self.kind_missing(resource)),
            Ok(_) => "not an object".to_owned(),
            Err(error) => error,
        };
        Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {why}",
            resource.kind
        )))
    }

    /// Built-in kinds may leave out what they are; custom resources may not.
    fn kind_missing(&self, resource: &Resource) -> ApiError {
        let text = String::from_utf8_lossy(&self.body);
        let short: String = text.chars().take(30).collect();
        let short = if text.chars().count() > 30 { format!("{short} ...") } else { short };
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{text}' ({short})",
            resource.kind
        ))
    }

    fn options(&self) -> WriteOptions {
        let named = self.query.get("fieldManager");
        let manager = if named.is_empty() { self.manager.clone() } else { named.to_owned() };
        WriteOptions { manager, dry_run: self.query.get("dryRun") == "All", with_status: false }
    }

    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        let body = if self.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&self.body).map_err(|error| ApiError::bad_request(error.to_string()))?
        };
        let mut options = DeleteOptions::parse(&body);
        let policy = self.query.get("propagationPolicy");
        options.propagation = options.propagation.or_else(|| (!policy.is_empty()).then(|| policy.to_owned()));
        options.dry_run |= self.query.get("dryRun") == "All";
        Ok(options)
    }

    fn selector(&self, resource: &Resource) -> Result<Selector, ApiError> {
        Selector::parse(resource, self.query.get("labelSelector"), self.query.get("fieldSelector"))
    }

    fn written(&self, written: Written, resource: &Resource, projection: Projection) -> Result<Answer, ApiError> {
        let code = if written.created { 201 } else { 200 };
        object_body(written.object, resource, projection).map(|body| Answer::Json { code, body })
    }

    /// Everybody may do everything here; refusals are for the fault hook to make.
    fn review(&self) -> Result<Answer, ApiError> {
        let mut review: Value =
            serde_json::from_slice(&self.body).map_err(|error| ApiError::bad_request(error.to_string()))?;
        if let Some(fields) = review.as_object_mut() {
            fields.insert("status".to_owned(), json!({"allowed": true}));
        }
        Ok(Answer::Json { code: 201, body: review })
    }
}

/// The object that a patch made; it may not be renamed.
fn patched(target: &Target, value: Value) -> Result<Object, ApiError> {
    let Value::Object(object) = value else { return Err(ApiError::unprocessable()) };
    let (name, url) = (meta_text(&object, "name"), &target.name);
    if name != *url {
        let message = format!("the name of the object ({name}) does not match the name on the URL ({url})");
        return Err(ApiError::bad_request(message));
    }
    Ok(object)
}

fn not_acceptable() -> ApiError {
    let message = "406: Not Acceptable\n\nAvailable representations: application/json";
    ApiError::new(406, "NotAcceptable", message, Some(json!({})))
}

fn object_body(object: Object, resource: &Resource, projection: Projection) -> Result<Value, ApiError> {
    match projection {
        Projection::Full | Projection::Discovery => Ok(Value::Object(object)),
        Projection::Metadata => Ok(metadata_only(object)),
        Projection::MetadataList => {
            let message = format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list (*core.{})",
                resource.kind
            );
            Err(ApiError::new(406, "NotAcceptable", message, None))
        }
    }
}

fn list_body(page: Page, resource: &Resource, projection: Projection) -> Result<Value, ApiError> {
    match projection {
        Projection::Full | Projection::Discovery => Ok(page.body(resource)),
        Projection::Metadata => {
            let message = format!(
                "you requested PartialObjectMetadata, but the requested object is a list (*core.{}List)",
                resource.kind
            );
            Err(ApiError::new(406, "NotAcceptable", message, None))
        }
        Projection::MetadataList => {
            let mut body = page.body(resource);
            if let Some(fields) = body.as_object_mut() {
                fields.insert("kind".to_owned(), json!("PartialObjectMetadataList"));
                fields.insert("apiVersion".to_owned(), json!("meta.k8s.io/v1"));
                let items = fields.get_mut("items").and_then(Value::as_array_mut);
                for item in items.into_iter().flatten() {
                    if let Value::Object(object) = item.take() {
                        *item = metadata_only(object);
                    }
                }
            }
            Ok(body)
        }
    }
}

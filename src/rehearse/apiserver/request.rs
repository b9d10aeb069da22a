//! A request taken apart: path, query, wanted representation, and what the audit log says of it.

use std::collections::BTreeMap;

use http::Method;

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Route {
    Version,
    Health,
    CoreVersions,
    Groups,
    Group(String),
    GroupVersion(String, String),
    Resource(ResourcePath),
    Unknown,
}

/// The path of a resource, or of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ResourcePath {
    pub group: String,
    pub version: String,
    /// Absent for cluster-wide paths.
    pub namespace: Option<String>,
    pub plural: String,
    /// Empty for the collection.
    pub name: String,
    /// Empty for the object itself.
    pub subresource: String,
}

impl Route {
    /// Takes a path apart.
    pub fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["version"] => Self::Version,
            ["healthz" | "readyz" | "livez"] => Self::Health,
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::GroupVersion(String::new(), (*version).to_owned()),
            ["apis", group, version] => Self::GroupVersion((*group).to_owned(), (*version).to_owned()),
            ["api", version, rest @ ..] => Self::resource("", version, rest),
            ["apis", group, version, rest @ ..] => Self::resource(group, version, rest),
            _ => Self::Unknown,
        }
    }

    fn resource(group: &str, version: &str, rest: &[&str]) -> Self {
        let base = ResourcePath { group: group.to_owned(), version: version.to_owned(), ..ResourcePath::default() };
        let path = |namespace: Option<&str>, plural: &str, name: &str, subresource: &str| ResourcePath {
            namespace: namespace.map(str::to_owned),
            plural: plural.to_owned(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
            ..base.clone()
        };
        Self::Resource(match rest {
            ["namespaces", name] => path(None, "namespaces", name, ""),
            ["namespaces", name, sub @ ("status" | "finalize")] => path(None, "namespaces", name, sub),
            ["namespaces", namespace, plural] => path(Some(namespace), plural, "", ""),
            ["namespaces", namespace, plural, name] => path(Some(namespace), plural, name, ""),
            ["namespaces", namespace, plural, name, sub] => path(Some(namespace), plural, name, sub),
            [plural] => path(None, plural, "", ""),
            [plural, name] => path(None, plural, name, ""),
            [plural, name, sub] => path(None, plural, name, sub),
            // Deeper than anything that is served: no resource has this name.
            _ => path(None, "?", "", ""),
        })
    }
}

/// The parameters after `?`.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Parses them; the last of several wins.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))).collect())
    }

    /// A parameter; empty when absent.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// A parameter that is `true`, `1`, or present without a value.
    pub fn flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| matches!(value.as_str(), "true" | "1" | ""))
    }

    /// Whether a parameter is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

/// Undoes percent-encoding; what is not UTF-8 after it is replaced.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = (ahead.next().and_then(hex), ahead.next().and_then(hex));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The representation that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Projection {
    Full,
    Metadata,
    MetadataList,
    Discovery,
}

impl Projection {
    /// The first acceptable representation; `None` when there is none.
    pub fn negotiate(accept: &str) -> Option<Self> {
        if accept.trim().is_empty() {
            return Some(Self::Full);
        }
        accept.split(',').find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let mut wanted = ("", "", "");
            for (key, value) in parts.filter_map(|part| part.split_once('=')) {
                match key {
                    "as" => wanted.0 = value,
                    "g" => wanted.1 = value,
                    "v" => wanted.2 = value,
                    _ => {}
                }
            }
            match (media, wanted) {
                ("application/json" | "*/*" | "application/*", ("", _, _)) => Some(Self::Full),
                ("application/json", ("PartialObjectMetadata", "meta.k8s.io", "v1")) => Some(Self::Metadata),
                ("application/json", ("PartialObjectMetadataList", "meta.k8s.io", "v1")) => Some(Self::MetadataList),
                ("application/json", ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2")) => Some(Self::Discovery),
                _ => None,
            }
        })
    }
}

/// What the audit log and the fault hook are told of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestInfo {
    /// Counts the requests of this server, from 1.
    pub sequence: u64,
    /// The name given to [`client_as`](super::ApiServer::client_as); empty for [`client`](super::ApiServer::client).
    pub caller: String,
    /// The header `user-agent`; empty when absent.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for paths of no resource the
    /// method in lower case.
    pub verb: &'static str,
    /// Path and query as sent.
    pub uri: String,
    /// API group; empty for the core group and for paths of no resource.
    pub group: String,
    /// Plural name of the resource; empty for paths of no resource.
    pub resource: String,
    /// `status`, or empty.
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Name in the path; empty for collections and creations.
    pub name: String,
    /// Bytes of the body.
    pub body_bytes: usize,
}

impl RequestInfo {
    /// Whether the request means to change something.
    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "delete" | "deletecollection" | "post" | "put")
    }

    pub(super) fn describe(&mut self, method: &Method, route: &Route, watch: bool) {
        let Route::Resource(path) = route else {
            self.verb = match *method {
                Method::GET => "get",
                Method::POST => "post",
                Method::PUT => "put",
                Method::DELETE => "delete",
                Method::PATCH => "patch",
                _ => "other",
            };
            return;
        };
        self.verb = match (method, path.name.is_empty()) {
            (&Method::GET, _) if watch => "watch",
            (&Method::GET, true) => "list",
            (&Method::GET, false) => "get",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, true) => "deletecollection",
            (&Method::DELETE, false) => "delete",
            _ => "other",
        };
        self.group.clone_from(&path.group);
        self.resource.clone_from(&path.plural);
        self.subresource.clone_from(&path.subresource);
        self.namespace = path.namespace.clone().unwrap_or_default();
        self.name.clone_from(&path.name);
    }
}

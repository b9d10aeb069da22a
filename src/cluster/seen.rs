//! An object as the watch reads it: JSON without the parts that no rule can read.

use std::borrow::Cow;
use std::fmt;

use kube::core::{ApiResource, ObjectMeta};
use kube::core::{DynamicResourceScope, Resource};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// What kube's watcher must be able to read (name, namespace, resourceVersion), and the object itself.
///
/// Any JSON object can be read as one: an object that this could not read would be missing from the world without a word.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    metadata: ObjectMeta,
    /// The object, without `metadata.managedFields`, which are often more than half of it.
    pub json: Json,
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = deserializer.deserialize_map(ObjectVisitor)?;
        let meta = json.get("metadata");
        let text = |key: &str| meta.and_then(|m| m.get(key)).and_then(Json::as_str).map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Seen { metadata, json })
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = if key == "metadata" { map.next_value::<Metadata>()?.0 } else { map.next_value()? };
            object.insert(key, value);
        }
        Ok(Json::Object(object))
    }
}

struct Metadata(Json);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MetadataVisitor).map(Metadata)
    }
}

/// Metadata that is no object is none; that it is refused is the business of whoever reads the row.
struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == "managedFields" {
                map.next_value::<IgnoredAny>()?;
            } else {
                object.insert(key, map.next_value()?);
            }
        }
        Ok(Json::Object(object))
    }
}

impl Resource for Seen {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn managed_fields_go() {
        let text = r#"{"metadata": {"name": "a", "managedFields": [{"x": {}}], "resourceVersion": "7", "labels": {"l": "v"}}, "spec": {"a": null}}"#;
        let seen: Seen = serde_json::from_str(text).unwrap_or_default();
        assert_eq!(seen.meta().resource_version.as_deref(), Some("7"));
        let expected =
            json!({"spec": {"a": null}, "metadata": {"name": "a", "resourceVersion": "7", "labels": {"l": "v"}}});
        assert_eq!(seen.json, expected);
    }

    #[test]
    fn any_object_is_seen() {
        for text in [
            r#"{}"#,
            r#"{"metadata": [1]}"#,
            r#"{"metadata": "a"}"#,
            r#"{"metadata": null}"#,
            r#"{"metadata": {"name": 1, "resourceVersion": {}}}"#,
        ] {
            assert!(serde_json::from_str::<Seen>(text).is_ok(), "{text}");
        }
    }
}

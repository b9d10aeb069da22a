//! Schemas of CustomResourceDefinitions, as the types of expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::expr::{Shape, Type};

/// The types of kinds, by group, Kind and version.
#[derive(Debug, Default)]
pub struct Schemas {
    kinds: BTreeMap<(String, String), BTreeMap<String, Type>>,
}

impl Schemas {
    /// Takes the schemas of a CustomResourceDefinition; false for anything else.
    pub fn add(&mut self, object: &Json) -> bool {
        let text = |path: &str| object.pointer(path).and_then(Json::as_str);
        let (Some("CustomResourceDefinition"), Some(group), Some(kind)) =
            (text("/kind"), text("/spec/group"), text("/spec/names/kind"))
        else {
            return false;
        };
        let versions = self.kinds.entry((group.to_owned(), kind.to_owned())).or_default();
        for version in object.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten() {
            let Some(name) = version.get("name").and_then(Json::as_str) else { continue };
            let schema = version.pointer("/schema/openAPIV3Schema");
            versions.insert(name.to_owned(), schema.map_or(Type::Dyn, object_type));
        }
        true
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The versions of a kind, if it is here.
    #[must_use]
    pub fn versions(&self, group: &str, kind: &str) -> Option<&BTreeMap<String, Type>> {
        self.kinds.get(&(group.to_owned(), kind.to_owned()))
    }

    /// The type of a kind's objects.
    #[must_use]
    pub fn find(&self, group: &str, kind: &str, version: &str) -> Option<&Type> {
        self.versions(group, kind)?.get(version)
    }
}

/// Of a whole object. The server adds what schemas leave out: apiVersion, kind, metadata.
fn object_type(schema: &Json) -> Type {
    let Type::Object(shape) = schema_type(schema) else { return Type::Dyn };
    let mut shape = Arc::unwrap_or_clone(shape);
    for (name, of) in [("apiVersion", Type::String), ("kind", Type::String), ("metadata", metadata_type())] {
        shape.fields.insert(Arc::from(name), of);
    }
    Type::Object(Arc::new(shape))
}

/// ObjectMeta. Source: k8s.io/apimachinery `pkg/apis/meta/v1/types.go`.
fn metadata_type() -> Type {
    let map = |of| Type::Map(Box::new(of));
    let list = |of| Type::List(Box::new(of));
    let fields = [
        ("name", Type::String),
        ("generateName", Type::String),
        ("namespace", Type::String),
        ("selfLink", Type::String),
        ("uid", Type::String),
        ("resourceVersion", Type::String),
        ("generation", Type::Int),
        ("creationTimestamp", Type::String),
        ("deletionTimestamp", Type::String),
        ("deletionGracePeriodSeconds", Type::Int),
        ("labels", map(Type::String)),
        ("annotations", map(Type::String)),
        ("ownerReferences", list(Type::Dyn)),
        ("finalizers", list(Type::String)),
        ("managedFields", list(Type::Dyn)),
    ];
    let fields = fields.into_iter().map(|(name, of)| (Arc::from(name), of)).collect();
    Type::Object(Arc::new(Shape { fields, open: false }))
}

/// Of a structural schema. Numbers are not narrowed to doubles: a whole number in a `number` field is read as an int.
fn schema_type(schema: &Json) -> Type {
    let flag = |name: &str| schema.get(name).and_then(Json::as_bool).unwrap_or(false);
    if flag("x-kubernetes-int-or-string") || flag("x-kubernetes-embedded-resource") {
        return Type::Dyn;
    }
    match schema.get("type").and_then(Json::as_str) {
        Some("string") => Type::String,
        Some("boolean") => Type::Bool,
        Some("integer") => Type::Int,
        Some("array") => Type::List(Box::new(schema.get("items").map_or(Type::Dyn, schema_type))),
        Some("object") => {
            let properties = schema.get("properties").and_then(Json::as_object);
            let additional = schema.get("additionalProperties");
            match (properties, additional) {
                (None, Some(of @ Json::Object(_))) => Type::Map(Box::new(schema_type(of))),
                (None, _) => Type::Dyn,
                (Some(properties), _) => {
                    let fields = properties.iter().map(|(name, of)| (Arc::from(name.as_str()), schema_type(of)));
                    let open = flag("x-kubernetes-preserve-unknown-fields") || additional.is_some();
                    Type::Object(Arc::new(Shape { fields: fields.collect(), open }))
                }
            }
        }
        _ => Type::Dyn,
    }
}

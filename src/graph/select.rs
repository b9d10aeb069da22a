//! Which objects of the manifests a selection means.

use serde_json::Value;

use super::build::{Builder, app_name};
use crate::manifests::Object;
use crate::rulebook::{Filter, Selection};

/// What a selection means among the manifests.
pub(super) struct Chosen<'o> {
    /// The objects that match, as far as manifests tell.
    pub objects: Vec<&'o Object>,
    /// The selection is about objects that only a cluster has (runs with generated names), or asks what only a cluster tells.
    pub beyond: bool,
}

impl<'b> Builder<'b> {
    /// The objects that a selection means; those named by `where` may be fewer in a cluster.
    pub fn chosen(&self, selection: &Selection) -> Chosen<'b> {
        let beyond =
            selection.filters.iter().any(|f| matches!(f, Filter::Owner(..) | Filter::Series(..) | Filter::Where(..)));
        if let Some(object) = &selection.object {
            return Chosen { objects: self.object(object).into_iter().collect(), beyond: false };
        }
        let Some((platform, kind)) = self.platform.zip(self.rulebook.kind(selection.kind)) else {
            return Chosen { objects: Vec::new(), beyond };
        };
        let places = self.kinds.get(&(kind.group.clone(), kind.kind.clone())).map_or(&[][..], Vec::as_slice);
        let objects = places.iter().filter_map(|at| platform.objects.get(*at));
        let objects = objects.filter(|o| selection.namespace.as_ref().is_none_or(|ns| *ns == o.namespace));
        let objects = objects.filter(|o| selection.filters.iter().all(|f| self.matches(o, f)));
        Chosen { objects: objects.collect(), beyond }
    }

    fn matches(&self, object: &Object, filter: &Filter) -> bool {
        match filter {
            Filter::Label(key, value) => label(object, key) == Some(value),
            Filter::Wave(wave) => object.wave == i64::from(*wave),
            Filter::Application(app) => {
                object.application.as_ref().is_some_and(|own| app_name(self.rulebook, own) == *app)
            }
            Filter::Owner(kind, name) => {
                let owners = object.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
                let kind = self.rulebook.kind(*kind).map(|k| &*k.kind);
                let text = |owner: &Value, key: &str| owner.get(key).and_then(Value::as_str).map(str::to_owned);
                owners
                    .into_iter()
                    .flatten()
                    .any(|o| text(o, "kind").as_deref() == kind && text(o, "name").as_deref() == Some(name))
            }
            Filter::Series(key, value) => label(object, key) == Some(value),
            Filter::Where(..) => true,
        }
    }
}

fn label<'o>(object: &'o Object, key: &str) -> Option<&'o str> {
    object.value.pointer("/metadata/labels").and_then(Value::as_object)?.get(key).and_then(Value::as_str)
}

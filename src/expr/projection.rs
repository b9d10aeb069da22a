//! Keeping of an object only what expressions read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::intern::Interner;
use super::reads::{PathStep, ReadPath};
use super::value::Value;

/// A set of paths, as a tree. Projecting an object to the paths of a program changes no evaluation of that program, neither its
/// value nor its error; so does projecting it to more.
///
/// What no path names is dropped from maps. A list keeps all its elements if any path goes through them, and becomes empty
/// otherwise. Scalars on the way stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    whole: bool,
    /// For elements of lists and for entries of maps that `fields` does not name. INVARIANT: each of `fields` covers it.
    each: Option<Box<Projection>>,
    fields: BTreeMap<Arc<str>, Projection>,
}

impl Projection {
    /// Keeps everything.
    #[must_use]
    pub fn everything() -> Projection {
        Projection { whole: true, ..Projection::default() }
    }

    /// Adds a path of some variable; which one is the caller's business.
    pub fn add(&mut self, path: &ReadPath) {
        self.add_steps(&path.steps, path.whole);
    }

    /// Adds a path of plain field names, with all under it.
    pub fn add_fields<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) {
        let steps: Vec<PathStep> = fields.into_iter().map(|f| PathStep::Field(f.into())).collect();
        self.add_steps(&steps, true);
    }

    fn add_steps(&mut self, steps: &[PathStep], whole: bool) {
        match steps.split_first() {
            None => self.whole |= whole,
            Some((PathStep::Field(name), rest)) => self.field(name).add_steps(rest, whole),
            Some((PathStep::Each, rest)) => {
                self.each.get_or_insert_default().add_steps(rest, whole);
                self.fields.values_mut().for_each(|field| field.add_steps(rest, whole));
            }
        }
    }

    fn field(&mut self, name: &Arc<str>) -> &mut Projection {
        let each = &self.each;
        self.fields.entry(name.clone()).or_insert_with(|| each.as_deref().cloned().unwrap_or_default())
    }

    /// Adds all paths of another.
    pub fn merge(&mut self, other: &Projection) {
        self.whole |= other.whole;
        if let Some(each) = &other.each {
            self.each.get_or_insert_default().merge(each);
            self.fields.values_mut().for_each(|field| field.merge(each));
        }
        for (name, theirs) in &other.fields {
            self.field(name).merge(theirs);
        }
    }

    /// What is kept of a JSON value, nulls dropped as in [`Value::from_json`]; `None` for null. Short strings and keys come from the
    /// interner.
    #[must_use]
    pub fn project(&self, json: &Json, interner: &mut Interner) -> Option<Value> {
        Some(match json {
            Json::Null => return None,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => Value::from_json_number(n)?,
            Json::String(s) => Value::String(interner.text(s)),
            Json::Array(items) => match self.element() {
                Some(inner) => Value::List(items.iter().filter_map(|v| inner.project(v, interner)).collect()),
                None => Value::List(Arc::new([])),
            },
            Json::Object(map) => {
                let entries: Vec<(Arc<str>, Value)> = match self.element() {
                    Some(each) => map
                        .iter()
                        .filter_map(|(k, v)| {
                            let inner = self.fields.get(k.as_str()).filter(|_| !self.whole).unwrap_or(each);
                            inner.project(v, interner).map(|v| (interner.text(k), v))
                        })
                        .collect(),
                    // The keys are those of this projection.
                    None => {
                        let fields = self.fields.iter();
                        fields
                            .filter_map(|(name, inner)| {
                                Some((name.clone(), inner.project(map.get(name.as_ref())?, interner)?))
                            })
                            .collect()
                    }
                };
                Value::Map(interner.map(entries))
            }
        })
    }

    /// As [`Projection::project`], of a value.
    #[must_use]
    pub fn project_value(&self, value: &Value) -> Value {
        match value {
            _ if self.whole => value.clone(),
            Value::List(items) => match &self.each {
                Some(inner) => Value::List(items.iter().map(|v| inner.project_value(v)).collect()),
                None => Value::List(Arc::new([])),
            },
            Value::Map(map) => Value::Map(match &self.each {
                Some(each) => {
                    map.iter().map(|(k, v)| (k.clone(), self.fields.get(k).unwrap_or(each).project_value(v))).collect()
                }
                None => {
                    let fields = self.fields.iter();
                    fields
                        .filter_map(|(name, inner)| Some((name.clone(), inner.project_value(map.get(name)?))))
                        .collect()
                }
            }),
            scalar => scalar.clone(),
        }
    }

    /// What stands for elements and unnamed entries.
    fn element(&self) -> Option<&Projection> {
        if self.whole { Some(self) } else { self.each.as_deref() }
    }
}

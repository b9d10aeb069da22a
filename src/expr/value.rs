//! Values: what facts hold and expressions compute. Cheap to clone (shared), ordered maps, no null.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

/// A map with string keys, iterated in key order.
pub type Map = BTreeMap<Arc<str>, Value>;

/// A value. Null does not exist: facts drop it.
#[derive(Clone, Debug)]
pub enum Value {
    /// true or false
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer (`42u`, or a JSON number above `i64::MAX`).
    Uint(u64),
    /// A double.
    Double(f64),
    /// A string.
    String(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// A map.
    Map(Arc<Map>),
    /// A duration.
    Duration(SignedDuration),
    /// A point in time.
    Timestamp(Timestamp),
    /// An optional value (`a.?b`).
    Optional(Option<Arc<Value>>),
}

impl Value {
    /// A string value.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Value {
        Value::String(text.into())
    }

    /// The string inside, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// A member of a map, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// Follows member names from here.
    #[must_use]
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        path.into_iter().try_fold(self, |value, key| value.get(key))
    }

    /// From JSON; nulls are dropped from maps and lists, and a bare null is `None`.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Value::Int(i),
                (None, Some(u)) => Value::Uint(u),
                _ => Value::Double(n.as_f64()?),
            },
            serde_json::Value::String(s) => Value::string(s.as_str()),
            serde_json::Value::Array(items) => Value::List(items.iter().filter_map(Value::from_json).collect()),
            serde_json::Value::Object(map) => Value::Map(Arc::new(
                map.iter().filter_map(|(k, v)| Some((Arc::from(k.as_str()), Value::from_json(v)?))).collect(),
            )),
        })
    }
}

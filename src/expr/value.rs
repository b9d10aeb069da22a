//! Values: what facts hold and expressions compute. Cheap to clone (shared), ordered maps, no null.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use super::instant::Instant;
use super::map::Map;

/// A value. Null does not exist: facts drop it. At most 24 bytes; a clone never copies a string, list or map.
///
/// `==` is CEL's: deep, numbers by their worth whatever their type (an int beside a double is compared as a double), values of
/// different types unequal, NaN unequal to all. `partial_cmp` orders what CEL orders: numbers, strings (by code point), bools,
/// durations, timestamps, each among themselves.
#[derive(Clone, Debug)]
pub enum Value {
    /// true or false
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer (`42u`; objects hold none).
    Uint(u64),
    /// A double.
    Double(f64),
    /// A string.
    String(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// A map.
    Map(Map),
    /// A duration.
    Duration(SignedDuration),
    /// A point in time.
    Timestamp(Instant),
    /// An optional value (`a.?b`).
    Optional(Option<Arc<Value>>),
}

impl Value {
    /// A string value.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Value {
        Value::String(text.into())
    }

    /// A map value.
    #[must_use]
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(entries.into_iter().collect())
    }

    /// The string inside, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The bool inside, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
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

    /// The name of its type, as CEL says it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Duration(_) => "duration",
            Value::Timestamp(_) => "timestamp",
            Value::Optional(_) => "optional",
        }
    }

    /// From JSON; nulls are dropped from maps and lists, and a bare null is `None`.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => Value::from_json_number(n)?,
            serde_json::Value::String(s) => Value::string(s.as_str()),
            serde_json::Value::Array(items) => Value::List(items.iter().filter_map(Value::from_json).collect()),
            serde_json::Value::Object(map) => {
                Value::map(map.iter().filter_map(|(k, v)| Some((k.as_str(), Value::from_json(v)?))))
            }
        })
    }

    /// An int where it fits, else a double, as Kubernetes reads numbers (k8s.io/apimachinery `util/json`).
    pub(super) fn from_json_number(number: &serde_json::Number) -> Option<Value> {
        match number.as_i64() {
            Some(i) => Some(Value::Int(i)),
            None => number.as_f64().map(Value::Double),
        }
    }

    /// To JSON. Durations (`600s`) and timestamps (RFC 3339) become strings; an empty optional and a double that JSON cannot hold
    /// become null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(i) => Json::from(*i),
            Value::Uint(u) => Json::from(*u),
            Value::Double(d) => Json::from(*d),
            Value::String(s) => Json::from(s.as_ref()),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(map) => map.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect(),
            Value::Duration(d) => Json::String(super::time::duration_text(*d)),
            Value::Timestamp(t) => Json::String(t.to_string()),
            Value::Optional(None) => Json::Null,
            Value::Optional(Some(v)) => v.to_json(),
        }
    }

    /// Bytes on the heap that this value alone would hold: pointers' targets with their counters, shared ones counted as if they
    /// were its own; strings are counted only if `strings`. What an allocator adds is not known here.
    #[must_use]
    pub fn heap_bytes(&self, strings: bool) -> usize {
        const COUNTERS: usize = 2 * size_of::<usize>();
        let text = |s: &str| if strings { COUNTERS + s.len() } else { 0 };
        match self {
            Value::String(s) => text(s),
            Value::List(items) => {
                COUNTERS + items.iter().map(|v| size_of::<Value>() + v.heap_bytes(strings)).sum::<usize>()
            }
            Value::Map(map) => {
                map.own_bytes() + map.iter().map(|(k, v)| text(k) + v.heap_bytes(strings)).sum::<usize>()
            }
            Value::Optional(Some(v)) => COUNTERS + size_of::<Value>() + v.heap_bytes(strings),
            _ => 0,
        }
    }
}

/// JSON-like and deterministic: `{"a": [1, 2.0, "x"]}` without spaces; durations and timestamps as quoted text, optionals as
/// `optional.of(…)` and `optional.none()`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Uint(u) => write!(f, "{u}"),
            Value::Double(d) => write!(f, "{d:?}"),
            Value::String(s) => write_quoted(f, s),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Value::Map(map) => {
                f.write_str("{")?;
                for (i, (key, value)) in map.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_quoted(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
            Value::Duration(d) => write!(f, "\"{}\"", super::time::duration_text(*d)),
            Value::Timestamp(t) => write!(f, "\"{t}\""),
            Value::Optional(None) => f.write_str("optional.none()"),
            Value::Optional(Some(v)) => write!(f, "optional.of({v})"),
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "{}", serde_json::Value::from(text))
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Optional(a), Value::Optional(b)) => a == b,
            _ => self.partial_cmp(other) == Some(Ordering::Equal),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a.partial_cmp(b),
            (Value::Uint(a), Value::Uint(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
            (Value::String(a), Value::String(b)) => a.partial_cmp(b),
            (Value::Duration(a), Value::Duration(b)) => a.partial_cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.partial_cmp(b),
            _ => self.as_double()?.partial_cmp(&other.as_double()?),
        }
    }
}

impl Value {
    #[expect(clippy::cast_precision_loss, reason = "cel-go compares an int beside a double as a double")]
    fn as_double(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Uint(u) => Some(*u as f64),
            Value::Double(d) => Some(*d),
            _ => None,
        }
    }
}

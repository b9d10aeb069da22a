//! Small helpers over JSON objects: every stored object is a [`serde_json::Map`], so that none of them needs a panic.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The value at a path of keys.
pub(super) fn at<'a>(object: &'a Object, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, key| value.get(key))
}

/// The text at a path of keys; empty when absent or not a text.
pub(super) fn text<'a>(object: &'a Object, path: &[&str]) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.FIELD` as text; empty when absent.
pub(super) fn meta_text<'a>(object: &'a Object, field: &str) -> &'a str {
    text(object, &["metadata", field])
}

/// `metadata.FIELD` as a JSON object, when it is one.
pub(super) fn meta_map<'a>(object: &'a Object, field: &str) -> Option<&'a Object> {
    at(object, &["metadata", field]).and_then(Value::as_object)
}

/// The texts of the list `metadata.finalizers`.
pub(super) fn finalizers(object: &Object) -> Vec<String> {
    let list = at(object, &["metadata", "finalizers"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(String::from).collect()
}

/// The revision an object was last written at; 0 when it has none.
pub(super) fn revision_of(object: &Object) -> u64 {
    meta_text(object, "resourceVersion").parse().unwrap_or_default()
}

/// Edits the object under `key`, which is made when absent (and replaced when it is no object).
pub(super) fn edit<R>(object: &mut Object, key: &str, change: impl FnOnce(&mut Object) -> R) -> R {
    let mut inner = match object.remove(key) {
        Some(Value::Object(inner)) => inner,
        _ => Object::new(),
    };
    let result = change(&mut inner);
    object.insert(key.to_owned(), Value::Object(inner));
    result
}

/// Edits `metadata`.
pub(super) fn edit_meta<R>(object: &mut Object, change: impl FnOnce(&mut Object) -> R) -> R {
    edit(object, "metadata", change)
}

/// Sets `key` to a value, or takes it away.
pub(super) fn put(object: &mut Object, key: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
}

/// Writes whole numbers as integers: to the real server, `1.0` and `1e0` are 1.
pub(super) fn whole_numbers(value: &mut Value) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT);
            // Exact in this range: the text of a whole float is that of the integer.
            if let Some(integer) = whole.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *value = Value::from(integer);
            }
        }
        _ => {}
    }
}

/// Takes away every null, in lists too, and leaves the maps that are empty because of that.
pub(super) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

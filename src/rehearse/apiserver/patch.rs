//! Merge patches (RFC 7396) and JSON patches (RFC 6902).

use serde_json::Value;

use super::failure::ApiError;

/// Merges a patch into a value: null takes away, objects merge, all else replaces.
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(&key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Carries out a JSON patch. All of it, or an error.
pub(super) fn json_patch(mut document: Value, patch: &Value) -> Result<Value, ApiError> {
    let operations = patch.as_array().ok_or_else(|| ApiError::bad_request("error decoding patch: not a list"))?;
    for operation in operations {
        operate(&mut document, operation).ok_or_else(ApiError::unprocessable)?;
    }
    Ok(document)
}

fn operate(document: &mut Value, operation: &Value) -> Option<()> {
    let path = pointer(operation.get("path")?.as_str()?)?;
    let value = || operation.get("value").cloned();
    let from = || operation.get("from").and_then(Value::as_str).and_then(pointer);
    match operation.get("op")?.as_str()? {
        "add" => add(document, &path, value()?),
        "remove" => remove(document, &path).map(|_| ()),
        "replace" => {
            *find(document, &path)? = value()?;
            Some(())
        }
        "move" => {
            let moved = remove(document, &from()?)?;
            add(document, &path, moved)
        }
        "copy" => {
            let copied = find(document, &from()?)?.clone();
            add(document, &path, copied)
        }
        "test" => (*find(document, &path)? == value().unwrap_or(Value::Null)).then_some(()),
        _ => None,
    }
}

/// The keys of a JSON pointer.
fn pointer(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let rest = text.strip_prefix('/')?;
    Some(rest.split('/').map(|key| key.replace("~1", "/").replace("~0", "~")).collect())
}

fn find<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, key| match value {
        Value::Object(map) => map.get_mut(key),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

fn add(document: &mut Value, path: &[String], value: Value) -> Option<()> {
    let Some((last, parents)) = path.split_last() else {
        *document = value;
        return Some(());
    };
    match find(document, parents)? {
        Value::Object(map) => {
            map.insert(last.clone(), value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let index = last.parse::<usize>().ok().filter(|index| *index <= list.len())?;
            list.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    match find(document, parents)? {
        Value::Object(map) => map.remove(last),
        Value::Array(list) => {
            let index = last.parse::<usize>().ok().filter(|index| *index < list.len())?;
            Some(list.remove(index))
        }
        _ => None,
    }
}

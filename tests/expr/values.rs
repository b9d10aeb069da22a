//! Values: equality, order, display, JSON, size.

use serde_json::json;
use tidegate::expr::{INTERN_ENTRIES_MAX, Interner, Map, Value};

use super::value;

#[test]
fn a_value_is_at_most_24_bytes() {
    assert!(size_of::<Value>() <= 24, "{}", size_of::<Value>());
    assert_eq!(size_of::<Map>(), 16);
}

#[test]
fn display_and_json_are_deterministic_and_lossless() {
    let json = json!({"b": [1, 2.5, -3.0, "x\"y", true, {}], "a": {"z": 9_223_372_036_854_775_807_i64, "y": []}});
    let value = value(json.clone());
    assert_eq!(value.to_string(), r#"{"a":{"y":[],"z":9223372036854775807},"b":[1,2.5,-3.0,"x\"y",true,{}]}"#);
    assert_eq!(value.to_json(), json);
    assert_eq!(Value::from_json(&value.to_json()), Some(value));
}

/// As Kubernetes reads them: what an int cannot hold is a double.
#[test]
fn large_numbers_are_doubles() {
    assert_eq!(value(json!(u64::MAX)).type_name(), "double");
    assert_eq!(value(json!(i64::MIN)).type_name(), "int");
}

#[test]
fn nulls_are_dropped() {
    assert_eq!(Value::from_json(&json!(null)), None);
    assert_eq!(value(json!({"a": null, "b": [null, 1, {"c": null}]})).to_string(), r#"{"b":[1,{}]}"#);
}

#[test]
fn maps_are_sorted_and_the_last_of_equal_keys_stays() {
    let map: Map =
        [("b", Value::Int(1)), ("a", Value::Int(2)), ("b", Value::Int(3)), ("a", Value::Int(4))].into_iter().collect();
    assert_eq!(Value::Map(map.clone()).to_string(), r#"{"a":4,"b":3}"#);
    assert_eq!(map.get("a"), Some(&Value::Int(4)));
    assert_eq!((map.get("c"), map.len(), map.contains_key("b")), (None, 2, true));
    let more = map.with("c", Value::Bool(true)).with("a", Value::Int(0));
    assert_eq!(Value::Map(more).to_string(), r#"{"a":0,"b":3,"c":true}"#);
    assert!(Map::default().is_empty());
}

/// Maps with shared keys are like others, whatever their size.
#[test]
fn interned_maps_equal_others() {
    let mut interner = Interner::new();
    for size in 0..12 {
        let entries: Vec<(std::sync::Arc<str>, Value)> =
            (0..size).map(|i| (format!("k{i:02}").into(), Value::Int(i))).collect();
        let plain: Map = entries.iter().cloned().collect();
        let interned = interner.map(entries.clone());
        let unsorted = interner.map(entries.iter().rev().cloned().collect());
        for map in [&interned, &unsorted] {
            assert_eq!((map, map.len(), map.is_empty()), (&plain, size as usize, size == 0));
            assert_eq!(Value::Map(map.clone()).to_string(), Value::Map(plain.clone()).to_string());
            for (key, value) in plain.iter() {
                assert_eq!(map.get(key), Some(value));
            }
            assert_eq!(
                (map.get("k"), map.get("k99"), map.keys().count(), map.values().count()),
                (None, None, size as usize, size as usize)
            );
        }
        if (1..=8).contains(&size) {
            let saved = Value::Map(plain).heap_bytes(false) - Value::Map(interned).heap_bytes(false);
            assert_eq!(saved, 8 + 16 * size as usize);
        }
    }
}

#[test]
fn the_interner_shares_short_strings_and_is_bounded() {
    let mut interner = Interner::new();
    let first = interner.text("Succeeded");
    assert!(std::sync::Arc::ptr_eq(&first, &interner.text("Succeeded")));
    let long = "x".repeat(100);
    assert!(!std::sync::Arc::ptr_eq(&interner.text(&long), &interner.text(&long)));

    // A flood of strings seen once neither grows it without bound nor drives out what recurs.
    for i in 0..10 * INTERN_ENTRIES_MAX {
        interner.text(&format!("uid-{i}"));
        if i % 1000 == 0 {
            assert!(std::sync::Arc::ptr_eq(&first, &interner.text("Succeeded")), "after {i}");
        }
    }
    assert!(interner.len() <= 2 * INTERN_ENTRIES_MAX);
}

//! What holds of every expression and object.

use proptest::prelude::*;
use tidegate::expr::{Interner, Lets, Projection, Truth, Value};

use super::generate::{Dice, expression, object};
use super::{compile_with, parse, show};

/// An expression that compiles, and an object, from a seed.
fn example(seed: u64) -> Option<(String, tidegate::expr::Program, serde_json::Value)> {
    let mut dice = Dice::new(seed);
    let text = expression(&mut dice, 4);
    let object = object(&mut dice, 3);
    let program = compile_with(&text, &["self"], &Lets::new()).ok()?;
    Some((text, program, object))
}

/// More cases in a release build, as CI runs them.
const CASES: u32 = if cfg!(debug_assertions) { 200 } else { 4_000 };

/// So many cases, or `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    ProptestConfig { cases, max_global_rejects: 10 * cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Projecting an object to the paths of a program changes no evaluation: neither the value nor the error.
    #[test]
    fn projection_changes_no_evaluation(seed in any::<u64>()) {
        let Some((text, program, json)) = example(seed) else { return Err(TestCaseError::reject("refused")) };
        let mut projection = Projection::default();
        program.paths().iter().for_each(|path| projection.add(path));
        let full = Value::from_json(&json).unwrap();
        let kept = projection.project(&json, &mut Interner::new()).unwrap();
        let expected = show(&program, &full);
        prop_assert_eq!(show(&program, &kept), expected.clone(), "{}\n{} -> {}", text, full, kept);
        prop_assert_eq!(projection.project_value(&full), kept.clone());
        // And a second projection keeps it all.
        prop_assert_eq!(projection.project_value(&kept).to_string(), kept.to_string());
    }

    /// With more paths beside them, as in a kind that several rules read, neither.
    #[test]
    fn projection_to_more_changes_no_evaluation(seed in any::<u64>()) {
        let (Some((text, program, json)), Some((_, second, _)), Some((_, third, _))) =
            (example(seed), example(seed ^ 1), example(seed ^ 2)) else { return Err(TestCaseError::reject("refused")) };
        let mut projection = Projection::default();
        for path in [&second, &program, &third].iter().flat_map(|p| p.paths()) {
            projection.add(&path);
        }
        let kept = projection.project(&json, &mut Interner::new()).unwrap();
        let full = Value::from_json(&json).unwrap();
        prop_assert_eq!(show(&program, &kept), show(&program, &full), "{}\n{} -> {}", text, full, kept);
    }

    /// Merging projections is adding all their paths, in any order.
    #[test]
    fn merging_is_adding(seed in any::<u64>()) {
        let programs: Vec<_> = (0..3).filter_map(|i| example(seed.wrapping_add(i))).collect();
        let mut added = Projection::default();
        let mut merged = Projection::default();
        for (_, program, _) in &programs {
            program.paths().iter().for_each(|path| added.add(path));
        }
        for (_, program, _) in programs.iter().rev() {
            let mut one = Projection::default();
            program.paths().iter().rev().for_each(|path| one.add(path));
            merged.merge(&one);
        }
        let (_, _, json) = match programs.first() { Some(p) => p, None => return Err(TestCaseError::reject("refused")) };
        prop_assert_eq!(
            merged.project(json, &mut Interner::new()).unwrap().to_string(),
            added.project(json, &mut Interner::new()).unwrap().to_string()
        );
    }

    /// Any text that parses compiles or is refused with a diagnostic, and what compiles evaluates or errors; a result is of the type
    /// that was announced (but for `field[?i].orValue(x)`, which CEL takes to be of the type of `x`).
    #[test]
    fn nothing_panics_and_types_hold(seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let depth = 1 + dice.below(6);
        let text = expression(&mut dice, depth);
        let json = object(&mut dice, 3);
        if parse(&text).is_err() { return Ok(()) }
        let Ok(program) = compile_with(&text, &["self"], &Lets::new()) else { return Ok(()) };
        let value = Value::from_json(&json).unwrap();
        let found = program.eval(&tidegate::expr::Scope::new(&[Some(&value)]));
        let said = program.result_type().to_string();
        if let Ok(found) = &found && said != "field" && said != "value" && !text.contains("[?") {
            prop_assert_eq!(found.type_name(), said, "{}", text);
        }
        let truth = program.truth(&tidegate::expr::Scope::new(&[Some(&value)]));
        let as_bool = found.ok().and_then(|v| v.as_bool()).map_or(Truth::Unknown, Truth::from);
        prop_assert_eq!(truth, as_bool);
    }

    /// Equality is symmetric, and reflexive but for NaN, which objects cannot hold.
    #[test]
    fn equality_is_an_equality(seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let a = Value::from_json(&object(&mut dice, 2)).unwrap();
        let b = Value::from_json(&object(&mut dice, 1)).unwrap();
        prop_assert_eq!(&a, &a);
        prop_assert_eq!(a == b, b == a);
        prop_assert_eq!(Value::from_json(&a.to_json()).unwrap().to_string(), a.to_string());
    }
}

/// The generator must not drift into what is always refused or always an error.
#[test]
fn the_generator_makes_expressions_that_mean_something() {
    let (mut refused, mut errors, mut values) = (0, 0, 0);
    for seed in 0..4000 {
        match example(seed) {
            None => refused += 1,
            Some((_, program, json)) => {
                let found = show(&program, &Value::from_json(&json).unwrap());
                if found.starts_with("error") { errors += 1 } else { values += 1 }
            }
        }
    }
    println!("{refused} refused, {errors} errors, {values} values");
    assert!(values > 800 && errors > 300 && refused < 2500, "{refused} refused, {errors} errors, {values} values");
}

//! Objects that a kind's health could meet: its own fields, there or not, of the right type or of a wrong one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value as Json, json};
use tidegate::expr::{PathStep, Program};
use tidegate::rulebook::{HealthRule, Kind};

/// What is read below a place.
#[derive(Debug, Default)]
pub struct Shape {
    fields: BTreeMap<String, Shape>,
    elements: Option<Box<Shape>>,
}

impl Shape {
    /// Of all that a kind's health reads.
    pub fn of(kind: &Kind) -> Shape {
        let mut shape = Shape::default();
        for path in ["metadata.name", "metadata.generation", "status.observedGeneration", "status.conditions"] {
            shape.add(&path.split('.').map(|s| PathStep::Field(s.into())).collect::<Vec<_>>());
        }
        for field in ["type", "status", "message"] {
            let steps = ["status", "conditions"].map(|s| PathStep::Field(s.into()));
            shape.add(&[steps.as_slice(), &[PathStep::Each, PathStep::Field(field.into())]].concat());
        }
        if let HealthRule::Lines(lines) = &kind.health {
            for line in lines {
                line.when.iter().chain(line.message.programs()).for_each(|program| shape.program(program));
            }
        }
        shape
    }

    /// Of paths such as `status.list[].type`.
    pub fn of_paths(paths: &[&str]) -> Shape {
        let mut shape = Shape::default();
        for path in paths {
            let steps = path.split_inclusive("[]").flat_map(|part| {
                let names = part.trim_end_matches("[]").split('.').filter(|name| !name.is_empty());
                let each = part.ends_with("[]").then_some(PathStep::Each);
                names.map(|name| PathStep::Field(name.into())).chain(each).collect::<Vec<_>>()
            });
            shape.add(&steps.collect::<Vec<_>>());
        }
        shape
    }

    fn program(&mut self, program: &Program) {
        for path in program.paths() {
            self.add(&path.steps);
        }
    }

    fn add(&mut self, steps: &[PathStep]) {
        match steps.split_first() {
            None => {}
            Some((PathStep::Field(name), rest)) => self.fields.entry(name.to_string()).or_default().add(rest),
            Some((PathStep::Each, rest)) => self.elements.get_or_insert_default().add(rest),
        }
    }

    /// Objects of this shape: half of them as they should be, with fields missing; half with values of any type. Not among them: lists
    /// where a map is expected and empty ones of the other kind, which Lua cannot tell apart; numbers that are not whole.
    pub fn objects(&self, words: &[String], unicode: bool) -> BoxedStrategy<Json> {
        let object = |wrong| self.right(&Words { words: words.to_vec(), unicode, wrong }, "", true);
        prop_oneof![object(0), object(1)].boxed()
    }

    fn value(&self, words: &Words, name: &str, metadata: bool) -> BoxedStrategy<Json> {
        let right = self.right(words, name, metadata);
        if metadata || words.wrong == 0 {
            return right;
        }
        let mut any: Vec<(u32, BoxedStrategy<Json>)> =
            vec![(12, right), (1, words.scalar("")), (1, Just(Json::Null).boxed())];
        if self.fields.is_empty() {
            any.push((1, Just(json!({"x": 1})).boxed()));
        }
        if !name.is_empty() && self.fields.is_empty() && self.elements.is_none() {
            any.push((1, Just(json!(["x"])).boxed()));
        }
        Union::new_weighted(any).boxed()
    }

    fn right(&self, words: &Words, name: &str, root: bool) -> BoxedStrategy<Json> {
        if let Some(elements) = &self.elements {
            return prop::collection::vec(elements.value(words, "", false), 0..5).prop_map(Json::Array).boxed();
        }
        if self.fields.is_empty() {
            return words.scalar(name);
        }
        let mut object: BoxedStrategy<Vec<(String, Json)>> = Just(Vec::new()).boxed();
        for (name, shape) in &self.fields {
            // Kubernetes itself sees to the types in metadata.
            let value = shape.value(words, name, root && matches!(name.as_str(), "metadata" | "kind"));
            let field = (Just(name.clone()), prop::option::weighted(0.85, value));
            object = (object, field)
                .prop_map(|(mut object, (name, value))| {
                    object.extend(value.map(|value| (name, value)));
                    object
                })
                .boxed();
        }
        object.prop_map(|fields| Json::Object(fields.into_iter().collect::<Map<_, _>>())).boxed()
    }
}

/// What scalars are made of.
struct Words {
    words: Vec<String>,
    unicode: bool,
    wrong: u32,
}

impl Words {
    /// What a field of this name holds; anything if the name is empty.
    fn scalar(&self, name: &str) -> BoxedStrategy<Json> {
        let odd = [
            "",
            "True",
            "False",
            "Unknown",
            "x",
            if self.unicode { "é ☃ \u{1f600}" } else { "y" },
            "a \"b\"\n[c]",
            "2026-03-01T08:00:00Z",
        ]
        .map(str::to_owned);
        let mut own = self.words.clone();
        own.extend(["True".to_owned(), "False".to_owned()]);
        let words =
            prop_oneof![3 => prop::sample::select(own), 1 => prop::sample::select(odd.to_vec())].prop_map(Json::from);
        let numbers = (-1i64..5).prop_map(Json::from);
        let bools = any::<bool>().prop_map(Json::from);
        let numeric = ["eneration", "eplicas", "umber", "partition", "exitCode", "Scheduled", "Available"];
        match name {
            "" => prop_oneof![6 => words, 2 => numbers, 1 => bools].boxed(),
            "paused" | "suspend" | "disabled" => bools.boxed(),
            name if numeric.iter().any(|part| name.contains(part)) => numbers.boxed(),
            _ => words.boxed(),
        }
    }
}

/// The quoted words of a text.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|word| !word.is_empty() && word.len() < 40 && !word.contains(['{', '\\']))
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    words
}

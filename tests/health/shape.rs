//! Objects that a kind's health could meet: its own fields, there or not, of the right type or of a wrong one; and objects that exist,
//! changed at places that the kind reads.
//!
//! Not among them, since Lua cannot tell: a list where a map is expected, an empty map where a list is, a string beyond ASCII where a list is,
//! numbers that are not whole.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use tidegate::expr::{PathStep, Program};
use tidegate::rulebook::{HealthRule, Kind};

use crate::dice::Dice;

/// How long a list can become: beyond what real objects have, within what a script does in Argo CD's second.
const LIST_MAX: usize = 300;

/// What is read below a place.
#[derive(Debug, Default)]
pub struct Shape {
    fields: BTreeMap<String, Shape>,
    elements: Option<Box<Shape>>,
}

/// What a kind reads, and the words that it compares with.
pub struct Maker {
    shape: Shape,
    words: Vec<String>,
}

impl Shape {
    fn of(kind: &Kind) -> Shape {
        let mut shape = Shape::default();
        for path in ["metadata.name", "metadata.generation", "status.observedGeneration", "status.conditions"] {
            shape.add(&path.split('.').map(|s| PathStep::Field(s.into())).collect::<Vec<_>>());
        }
        for field in ["type", "status", "message", "reason"] {
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

    fn is_leaf(&self) -> bool {
        self.fields.is_empty() && self.elements.is_none()
    }
}

impl Maker {
    /// Of what a kind reads.
    pub fn new(kind: &Kind) -> Maker {
        // The tree's own Debug form is the shortest way to all quoted words in it.
        let tree = format!("{:?}", kind.decl.lines);
        let mut words: Vec<String> =
            tree.split("String(\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
        words.retain(|word| !word.is_empty() && word.len() < 60 && !word.contains('\\'));
        words.extend(["True", "False", "Ready"].map(str::to_owned));
        words.sort();
        words.dedup();
        Maker { shape: Shape::of(kind), words }
    }

    /// An object made from nothing. Half of them have only values of the types that are expected.
    pub fn object(&self, dice: &mut Dice) -> Json {
        let wrong = dice.one_in(2);
        self.right(dice, &self.shape, "", wrong, false)
    }

    /// An object that exists, changed at a few of the places that are read.
    pub fn changed(&self, dice: &mut Dice, object: &Json) -> Json {
        let mut object = object.clone();
        self.change(dice, &self.shape, &mut object, "", false);
        object
    }

    fn change(&self, dice: &mut Dice, shape: &Shape, at: &mut Json, name: &str, typed: bool) {
        match at {
            Json::Object(map) => {
                for (key, below) in &shape.fields {
                    // Kubernetes itself sees to the types in metadata.
                    let typed = typed || name.is_empty() && matches!(key.as_str(), "metadata" | "kind" | "apiVersion");
                    match dice.below(24) {
                        0 => {
                            map.remove(key);
                        }
                        1 => {
                            map.insert(key.clone(), self.value(dice, below, key, true, typed));
                        }
                        2 if !typed => {
                            map.insert(key.clone(), Json::Null);
                        }
                        _ => {
                            if let Some(value) = map.get_mut(key) {
                                self.change(dice, below, value, key, typed);
                            }
                        }
                    }
                }
                if let (Some(below), false) = (&shape.elements, map.is_empty()) {
                    map.values_mut().for_each(|value| self.change(dice, below, value, "*", typed));
                }
            }
            Json::Array(items) => {
                if let Some(below) = &shape.elements {
                    items.iter_mut().for_each(|item| self.change(dice, below, item, "*", typed));
                    self.change_list(dice, below, items);
                }
            }
            Json::String(text) if shape.is_leaf() && dice.one_in(8) => match dice.below(3) {
                0 => text.push_str(" é ☃ \u{1f600}"),
                1 => text.clear(),
                _ => text.clone_from(dice.pick(&self.words)),
            },
            Json::Number(number) if shape.is_leaf() && dice.one_in(4) => {
                if let Some(i) = number.as_i64() {
                    *number = (i + dice.below(3) as i64 - 1).into();
                }
            }
            Json::Bool(b) if dice.one_in(4) => *b = !*b,
            _ => {}
        }
    }

    fn change_list(&self, dice: &mut Dice, below: &Shape, items: &mut Vec<Json>) {
        match dice.below(16) {
            0 => items.clear(),
            1 => items.reverse(),
            2 => items.truncate(dice.below(items.len() + 1)),
            3 => items.push(self.value(dice, below, "*", true, false)),
            4 if !items.is_empty() && dice.one_in(4) => {
                let times = LIST_MAX / items.len();
                let length = items.len() * times.max(1);
                *items = items.iter().cycle().take(length).cloned().collect();
            }
            _ => {}
        }
    }

    fn value(&self, dice: &mut Dice, shape: &Shape, name: &str, wrong: bool, typed: bool) -> Json {
        if typed || !wrong || !dice.one_in(5) {
            return self.right(dice, shape, name, wrong, typed);
        }
        match dice.below(4) {
            0 if shape.fields.is_empty() => json!({"x": 1}),
            1 if shape.is_leaf() && name != "*" => json!(["x"]),
            2 => Json::Null,
            // How many characters a string has, where a list is expected, Lua cannot tell.
            _ if shape.elements.is_some() => json!("x"),
            _ => self.scalar(dice, ""),
        }
    }

    fn right(&self, dice: &mut Dice, shape: &Shape, name: &str, wrong: bool, typed: bool) -> Json {
        if shape.is_leaf() {
            return match name {
                "generation" | "observedGeneration" => json!(dice.below(3)),
                "deletionTimestamp" | "creationTimestamp" => json!("2026-03-01T08:00:00Z"),
                _ if typed => json!(dice.pick(&self.words)),
                _ => self.scalar(dice, name),
            };
        }
        // With both, it is a map whose keys are looked at too.
        if let (Some(below), true) = (&shape.elements, shape.fields.is_empty()) {
            if matches!(name, "labels" | "annotations") || shape.fields.is_empty() && dice.one_in(12) {
                let entry =
                    |dice: &mut Dice| (dice.pick(&self.words).clone(), self.value(dice, below, "*", wrong, typed));
                return (0..=dice.below(3)).map(|_| entry(dice)).collect::<Map<_, _>>().into();
            }
            let length = if dice.one_in(200) { LIST_MAX } else { dice.below(5) };
            return (0..length).map(|_| self.value(dice, below, "*", wrong, typed)).collect();
        }
        let mut map = Map::new();
        for (key, below) in &shape.fields {
            if !dice.one_in(7) {
                let typed = typed || name.is_empty() && matches!(key.as_str(), "metadata" | "kind" | "apiVersion");
                map.insert(key.clone(), self.value(dice, below, key, wrong, typed));
            }
        }
        Json::Object(map)
    }

    /// What a field of this name holds; anything if the name is empty.
    fn scalar(&self, dice: &mut Dice, name: &str) -> Json {
        const ODD: &[&str] = &["", "Unknown", "x", "é ☃ \u{1f600}", "a \"b\"\n[c]", "2026-03-01T08:00:00Z", "7", "%d"];
        let numbers =
            ["eneration", "eplicas", "umber", "artition", "Code", "ount", "cheduled", "vailable", "ailed", "ctive"];
        match name {
            "paused" | "suspend" | "disabled" | "enabled" | "ready" if !dice.one_in(4) => json!(dice.one_in(2)),
            name if numbers.iter().any(|part| name.contains(part)) && !dice.one_in(4) => {
                json!(dice.below(6) as i64 - 1)
            }
            _ => match dice.below(20) {
                0..=1 => json!(dice.below(6) as i64 - 1),
                2 => json!(dice.one_in(2)),
                3..=6 => json!(dice.pick(ODD)),
                _ => json!(dice.pick(&self.words)),
            },
        }
    }
}

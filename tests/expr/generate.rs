//! Random objects and expressions from a seed. Field names are few, so that expressions often hit what is there; most expressions
//! make sense, some do not.

use serde_json::{Map, Value as Json, json};

/// A small generator of numbers (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const FIELDS: &[&str] = &["a", "b", "c", "list", "map", "s", "n"];
const STRINGS: &[&str] = &["", "x", "abc", "größe", "a,b", "a", "list", "2026-03-01T08:00:00Z", "10m", "7"];
const NUMBERS: &[&str] = &["0", "1", "2", "-1", "7", "9223372036854775807", "1.0", "2.5", "-0.5", "3u"];

/// A JSON object, at most so deep.
pub fn object(dice: &mut Dice, depth: usize) -> Json {
    let mut map = Map::new();
    for key in FIELDS {
        if dice.below(4) == 0 {
            continue;
        }
        // Names say what is likely there.
        let value = match *key {
            "list" if dice.below(4) > 0 => list(dice, depth),
            "map" if dice.below(4) > 0 && depth > 0 => object(dice, depth - 1),
            "s" if dice.below(4) > 0 => json!(dice.pick(STRINGS)),
            "n" if dice.below(4) > 0 => scalar(dice),
            _ => any(dice, depth),
        };
        map.insert((*key).to_owned(), value);
    }
    Json::Object(map)
}

fn any(dice: &mut Dice, depth: usize) -> Json {
    match dice.below(if depth == 0 { 1 } else { 4 }) {
        0 => scalar(dice),
        1 => list(dice, depth),
        _ => object(dice, depth - 1),
    }
}

fn list(dice: &mut Dice, depth: usize) -> Json {
    let objects = depth > 0 && dice.below(2) == 0;
    let items = 0..dice.below(4);
    items.map(|_| if objects { object(dice, depth - 1) } else { scalar(dice) }).collect()
}

fn scalar(dice: &mut Dice) -> Json {
    match dice.below(8) {
        0 => json!(dice.below(2) == 0),
        1 => Json::Null,
        2 => json!([0.0, 1.0, 2.5, -0.5][dice.below(4)]),
        3 => json!(u64::MAX),
        4 | 5 => json!(dice.below(8) as i64 - 1),
        _ => json!(dice.pick(STRINGS)),
    }
}

/// An expression over `self`, any type.
pub fn expression(dice: &mut Dice, depth: usize) -> String {
    let mut maker = Maker { dice, scope: vec!["self".to_owned()] };
    match maker.dice.below(3) {
        0 => maker.truth(depth),
        _ => maker.any(depth),
    }
}

struct Maker<'d> {
    dice: &'d mut Dice,
    scope: Vec<String>,
}

impl Maker<'_> {
    fn any(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf();
        }
        let d = depth - 1;
        match self.dice.below(12) {
            0..4 => self.path(d),
            4 => self.truth(d),
            5 => self.text(d),
            6 => self.number(d),
            7 => self.list(d),
            8 => format!("({} ? {} : {})", self.truth(d), self.any(d), self.any(d)),
            9 => format!("{}.orValue({})", self.optional(d), self.any(d)),
            10 => self.time(d),
            _ => self.optional(d),
        }
    }

    fn leaf(&mut self) -> String {
        match self.dice.below(4) {
            0 => self.quoted(),
            1 => self.dice.pick(NUMBERS).to_owned(),
            2 => self.dice.pick(&["true", "false"]).to_owned(),
            _ => self.variable(),
        }
    }

    fn variable(&mut self) -> String {
        let at = self.dice.below(self.scope.len());
        self.scope[at].clone()
    }

    fn quoted(&mut self) -> String {
        format!("\"{}\"", self.dice.pick(STRINGS))
    }

    /// Fields and elements of a variable.
    fn path(&mut self, depth: usize) -> String {
        let mut path = self.variable();
        for _ in 0..=self.dice.below(3) {
            path += &match self.dice.below(10) {
                0 => format!("[{}]", self.dice.below(3)),
                1 => format!("[\"{}\"]", self.dice.pick(FIELDS)),
                2 if depth > 0 => format!("[{}]", self.any(depth - 1)),
                _ => format!(".{}", self.dice.pick(FIELDS)),
            };
        }
        path
    }

    fn optional(&mut self, depth: usize) -> String {
        let d = depth.saturating_sub(1);
        match self.dice.below(8) {
            0 => format!("{}[?{}]", self.path(d), self.dice.below(3)),
            1 => format!("{}.?{}.{}", self.path(d), self.dice.pick(FIELDS), self.dice.pick(FIELDS)),
            2 if depth > 0 => format!("{}.or({})", self.optional(d), self.optional(d)),
            3 => format!("optional.of({})", self.any(d)),
            4 => format!("optional.ofNonZeroValue({})", self.path(d)),
            5 if depth > 0 => {
                let on = self.optional(d);
                let body = self.with_variable(|maker| maker.any(d));
                format!("{on}.optMap({})", body)
            }
            _ => format!("{}.?{}", self.path(d), self.dice.pick(FIELDS)),
        }
    }

    /// `x, BODY` with a variable of its own.
    fn with_variable(&mut self, body: impl FnOnce(&mut Self) -> String) -> String {
        let name = self.dice.pick(&["x", "y", "z"]).to_owned();
        self.scope.push(name.clone());
        let made = body(self);
        self.scope.pop();
        format!("{name}, {made}")
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.dice.pick(&["true", "false", "self.a", "has(self.b)", "has(self.map.s)"]).to_owned();
        }
        let d = depth - 1;
        match self.dice.below(14) {
            0 => format!("({} && {})", self.truth(d), self.truth(d)),
            1 => format!("({} || {})", self.truth(d), self.truth(d)),
            2 => format!("!{}", self.truth(d)),
            3 => format!("has({}.{})", self.path(0), self.dice.pick(FIELDS)),
            4 => format!("({} {} {})", self.any(d), self.dice.pick(&["==", "!="]), self.any(d)),
            5 => format!("({} {} {})", self.number(d), self.dice.pick(&["<", "<=", ">", ">="]), self.number(d)),
            6 => format!("({} {} {})", self.any(d), self.dice.pick(&["==", "<", ">="]), self.any(d)),
            7 => format!("({} in {})", self.any(d), self.list(d)),
            8 => {
                let method = self.dice.pick(&["startsWith", "endsWith", "contains", "matches"]);
                format!("{}.{method}({})", self.text(d), self.quoted())
            }
            9 => format!("{}.hasValue()", self.optional(d)),
            10 => format!("({} < {})", self.time(d), self.time(d)),
            _ => {
                let range = self.list(d);
                let method = self.dice.pick(&["all", "exists", "exists_one"]);
                let body = self.with_variable(|maker| maker.truth(d));
                format!("{range}.{method}({body})")
            }
        }
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.dice.pick(NUMBERS).to_owned();
        }
        let d = depth - 1;
        match self.dice.below(6) {
            0 => self.dice.pick(NUMBERS).to_owned(),
            1 => format!("size({})", self.any(d)),
            2 => format!("({} {} {})", self.number(d), self.dice.pick(&["+", "-", "*", "/", "%"]), self.number(d)),
            3 => format!("{}({})", self.dice.pick(&["int", "uint", "double"]), self.any(d)),
            4 => format!("{}.indexOf({})", self.text(d), self.quoted()),
            _ => self.path(d),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.quoted();
        }
        let d = depth - 1;
        match self.dice.below(8) {
            0 => format!("({} + {})", self.text(d), self.text(d)),
            1 => format!("string({})", self.any(d)),
            2 => format!("{}.{}()", self.text(d), self.dice.pick(&["trim", "lowerAscii", "upperAscii"])),
            3 => format!("{}.replace({}, {})", self.text(d), self.quoted(), self.quoted()),
            4 => format!("{}.substring({})", self.text(d), self.number(d)),
            5 => format!("{}.join({})", self.list(d), self.quoted()),
            6 => self.quoted(),
            _ => self.path(d),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.dice.pick(&["[]", "[1, 2]", "self.list", "self.map", "self.a.list"]).to_owned();
        }
        let d = depth - 1;
        match self.dice.below(8) {
            0 => format!("[{}]", self.any(d)),
            1 => format!("({} + {})", self.list(d), self.list(d)),
            2 => {
                let range = self.list(d);
                let body = self.with_variable(|maker| maker.truth(d));
                format!("{range}.filter({body})")
            }
            3 => {
                let range = self.list(d);
                let body = self.with_variable(|maker| maker.any(d));
                format!("{range}.map({body})")
            }
            4 => format!("{}.split({})", self.text(d), self.quoted()),
            _ => format!("{}.{}", self.variable(), self.dice.pick(&["list", "map", "a.list"])),
        }
    }

    fn time(&mut self, depth: usize) -> String {
        let d = depth.saturating_sub(1);
        match self.dice.below(6) {
            0 => "duration(\"10m\")".to_owned(),
            1 => "timestamp(\"2026-03-01T08:00:00Z\")".to_owned(),
            2 => format!("timestamp({})", self.path(d)),
            3 => format!("duration({})", self.path(d)),
            4 if depth > 0 => format!("({} {} {})", self.time(d), self.dice.pick(&["+", "-"]), self.time(d)),
            _ => format!("timestamp({})", self.number(d)),
        }
    }
}

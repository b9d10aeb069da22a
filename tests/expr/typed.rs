//! Random expressions that mostly have a value: each is made for a type, over objects of one shape. Some reads are of what is absent,
//! and some fields hold another type than usual, so that errors and what absorbs them are seen too.

use serde_json::{Map, Value as Json, json};

use super::generate::Dice;

const STRINGS: &[&str] = &[
    "",
    "a",
    "abc",
    "Ready",
    "größe",
    "😀x",
    "a,b,,c",
    " x y ",
    "10m",
    "7",
    "-3",
    "1.5",
    "true",
    "2026-03-01T08:00:00Z",
    "É",
    "0001-01-01T00:00:00Z",
];
const KEYS: &[&str] = &["a", "b", "k"];
const INTS: &[i64] = &[0, 1, 2, 3, 7, -1, -2, 100, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, (1 << 53) + 1];
const DOUBLES: &[f64] = &[0.0, 1.0, 2.5, -0.5, 1e10, 9007199254740993.0, 1e300, -1e-7];
const TIMES: &[&str] = &[
    "2026-03-01T08:00:00Z",
    "2026-03-01T09:00:00.5+01:00",
    "1969-12-31T23:59:59.5Z",
    "9999-12-31T23:59:59Z",
    "2024-02-29T23:59:58Z",
];
const DURATIONS: &[&str] = &["10m", "1h30m", "-90s", "0.5s", "0", "2562047h", "1us"];
const PATTERNS: &[&str] = &["^a", "b+c?$", "[a-c]{2,}", "(?i)READY", "^\\\\d+$", "x|y", ".", "^$"];

/// An object of the shape; each field is there with nine chances in ten, and of another type with one in twenty.
pub fn object(dice: &mut Dice) -> Json {
    let mut made = Map::new();
    for (name, make) in FIELDS {
        if dice.below(10) == 0 {
            continue;
        }
        let value = if dice.below(20) == 0 { odd(dice) } else { make(dice) };
        made.insert((*name).to_owned(), value);
    }
    Json::Object(made)
}

type Make = fn(&mut Dice) -> Json;

const FIELDS: &[(&str, Make)] = &[
    ("s", |dice| json!(dice.pick(STRINGS))),
    ("t", |dice| json!(dice.pick(STRINGS))),
    ("n", |dice| json!(INTS[dice.below(INTS.len())])),
    ("m", |dice| json!(dice.below(9) as i64 - 2)),
    ("d", |dice| json!(DOUBLES[dice.below(DOUBLES.len())])),
    ("b", |dice| json!(dice.below(2) == 0)),
    ("ints", |dice| (0..dice.below(4)).map(|_| json!(dice.below(6) as i64 - 1)).collect()),
    ("strs", |dice| (0..dice.below(4)).map(|_| json!(dice.pick(STRINGS))).collect()),
    ("objs", |dice| (0..dice.below(4)).map(|_| small(dice)).collect()),
    ("map", |dice| {
        let entries = KEYS.iter().filter(|_| dice.below(2) == 0);
        Json::Object(entries.map(|k| ((*k).to_owned(), json!(k.len() + 1))).collect())
    }),
    ("o", |dice| json!({"s": dice.pick(STRINGS), "n": dice.below(4), "o": small(dice)})),
    ("time", |dice| json!(dice.pick(TIMES))),
    ("dur", |dice| json!(dice.pick(DURATIONS))),
];

fn small(dice: &mut Dice) -> Json {
    let mut made = Map::new();
    if dice.below(8) > 0 {
        made.insert("type".to_owned(), json!(dice.pick(&["Ready", "Failed", "Complete"])));
    }
    if dice.below(8) > 0 {
        made.insert("status".to_owned(), json!(dice.pick(&["True", "False", "Unknown"])));
    }
    if dice.below(3) > 0 {
        made.insert("n".to_owned(), json!(dice.below(4)));
    }
    Json::Object(made)
}

fn odd(dice: &mut Dice) -> Json {
    match dice.below(6) {
        0 => json!(null),
        1 => json!(u64::MAX),
        2 => json!(["x", 1]),
        3 => json!({"a": {"b": 1}}),
        4 => json!(1.5),
        _ => json!("odd"),
    }
}

/// What an expression is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ty {
    Bool,
    Int,
    Double,
    Str,
    Ints,
    Strs,
    Objs,
    Map,
    Time,
    Dur,
    Obj,
}

/// An expression of any type.
pub fn expression(dice: &mut Dice) -> String {
    let depth = 1 + dice.below(4);
    let of = match dice.below(16) {
        0 | 1 => Ty::Int,
        2 => Ty::Double,
        3 | 4 => Ty::Str,
        5 => Ty::Ints,
        6 => Ty::Strs,
        7 => Ty::Time,
        8 => Ty::Dur,
        _ => Ty::Bool,
    };
    Maker { dice, locals: Vec::new() }.make(of, depth)
}

struct Maker<'d> {
    dice: &'d mut Dice,
    locals: Vec<(String, Ty)>,
}

impl Maker<'_> {
    fn one(&mut self, of: &[&str]) -> String {
        self.dice.pick(of).to_owned()
    }

    fn make(&mut self, of: Ty, depth: usize) -> String {
        if depth == 0 || self.dice.below(6) == 0 {
            return self.leaf(of);
        }
        let d = depth - 1;
        if self.dice.below(14) == 0 && of != Ty::Obj {
            return format!("({} ? {} : {})", self.make(Ty::Bool, d), self.make(of, d), self.make(of, d));
        }
        match of {
            Ty::Bool => self.truth(d),
            Ty::Int => self.int(d),
            Ty::Double => self.double(d),
            Ty::Str => self.text(d),
            Ty::Ints => self.ints(d),
            Ty::Strs => self.strs(d),
            Ty::Time => self.time(d),
            Ty::Dur => self.duration(d),
            Ty::Objs | Ty::Map | Ty::Obj => self.leaf(of),
        }
    }

    fn leaf(&mut self, of: Ty) -> String {
        let locals: Vec<String> =
            self.locals.iter().filter(|(_, kind)| *kind == of).map(|(name, _)| name.clone()).collect();
        if !locals.is_empty() && self.dice.below(2) == 0 {
            return locals[self.dice.below(locals.len())].clone();
        }
        let objects: Vec<String> =
            self.locals.iter().filter(|(_, kind)| *kind == Ty::Obj).map(|(name, _)| name.clone()).collect();
        if !objects.is_empty() && matches!(of, Ty::Str | Ty::Int) && self.dice.below(3) > 0 {
            let object = &objects[self.dice.below(objects.len())];
            let field = if of == Ty::Int { "n" } else { self.dice.pick(&["type", "status"]) };
            return match (self.dice.below(3), of) {
                (0, Ty::Int) => format!("{object}.?{field}.orValue(0)"),
                (0, _) => format!("{object}.?{field}.orValue(\"\")"),
                _ => format!("{object}.{field}"),
            };
        }
        match of {
            Ty::Bool => self.one(&["true", "false", "self.b", "self.?b.orValue(false)"]),
            Ty::Int => match self.dice.below(3) {
                0 => INTS[self.dice.below(INTS.len())].to_string().replace("-9223372036854775808", "-7"),
                _ => self.one(&[
                    "self.n",
                    "self.m",
                    "self.o.n",
                    "self.o.o.n",
                    "self.?m.orValue(1)",
                    "self.map.a",
                    "self.map[\"b\"]",
                ]),
            },
            Ty::Double => match self.dice.below(2) {
                0 => format!("{:?}", DOUBLES[self.dice.below(6)]),
                _ => self.one(&["self.d", "self.?d.orValue(0.5)"]),
            },
            Ty::Str => match self.dice.below(3) {
                0 => format!("\"{}\"", self.dice.pick(STRINGS)),
                _ => self.one(&[
                    "self.s",
                    "self.t",
                    "self.o.s",
                    "self.time",
                    "self.dur",
                    "self.?s.orValue(\"-\")",
                    "self.?o.?o.?type.orValue(\"none\")",
                    "self.?no.?where.orValue(\"x\")",
                    "self.objs[0].type",
                    "self.strs[1]",
                ]),
            },
            Ty::Ints => self.one(&["[1, 2, 3]", "self.ints", "self.?ints.orValue([])", "[0].filter(z, false)"]),
            Ty::Strs => self.one(&["[\"a\", \"Ready\"]", "self.strs", "self.?strs.orValue([])"]),
            Ty::Objs => self.one(&["self.objs", "self.?objs.orValue([])"]),
            Ty::Map => self.one(&["self.map", "{\"a\": 2, \"b\": 2}", "self.?map.orValue({})"]),
            Ty::Time => format!("timestamp(\"{}\")", self.dice.pick(TIMES)),
            Ty::Dur => format!("duration(\"{}\")", self.dice.pick(DURATIONS)),
            Ty::Obj => self.one(&["self.o", "self.o.o", "self.objs[0]"]),
        }
    }

    fn truth(&mut self, d: usize) -> String {
        match self.dice.below(22) {
            0..3 => format!("({} && {})", self.make(Ty::Bool, d), self.make(Ty::Bool, d)),
            3..6 => format!("({} || {})", self.make(Ty::Bool, d), self.make(Ty::Bool, d)),
            6 => format!("!{}", self.make(Ty::Bool, d)),
            7 => self.one(&["has(self.s)", "has(self.o.o)", "has(self.o.n)", "has(self.map.k)", "!has(self.d)"]),
            8 => {
                let of =
                    [Ty::Int, Ty::Str, Ty::Bool, Ty::Ints, Ty::Strs, Ty::Map, Ty::Obj, Ty::Dur][self.dice.below(8)];
                format!("({} {} {})", self.make(of, d), self.one(&["==", "!="]), self.make(of, d))
            }
            9 | 10 => {
                let of = [Ty::Int, Ty::Double, Ty::Str, Ty::Time, Ty::Dur][self.dice.below(5)];
                format!("({} {} {})", self.make(of, d), self.one(&["<", "<=", ">", ">="]), self.make(of, d))
            }
            11 => format!("({} {} {})", self.make(Ty::Int, d), self.one(&["<", ">="]), self.make(Ty::Double, d)),
            12 => format!("({} in {})", self.make(Ty::Int, d), self.make(Ty::Ints, d)),
            13 => format!("({} in {})", self.make(Ty::Str, d), self.make(Ty::Strs, d)),
            14 => format!("({} in {})", self.make(Ty::Str, d), self.make(Ty::Map, d)),
            15 => {
                let test = self.one(&["startsWith", "endsWith", "contains"]);
                format!("{}.{test}({})", self.make(Ty::Str, d), self.make(Ty::Str, d))
            }
            16 => format!("{}.matches(\"{}\")", self.make(Ty::Str, d), self.dice.pick(PATTERNS)),
            17 => self.one(&[
                "self.?s.hasValue()",
                "self.?o.?o.?n.hasValue()",
                "self.ints[?1].hasValue()",
                "self.map[?\"k\"].hasValue()",
            ]),
            18 => format!("bool({})", self.make(Ty::Str, d)),
            _ => {
                let (range, of) = self.range(d);
                let op = self.one(&["all", "exists", "exists", "exists_one"]);
                self.macro_of(&range, of, &op, Ty::Bool, d)
            }
        }
    }

    fn int(&mut self, d: usize) -> String {
        match self.dice.below(12) {
            0..4 => format!(
                "({} {} {})",
                self.make(Ty::Int, d),
                self.one(&["+", "-", "*", "/", "%"]),
                self.make(Ty::Int, d)
            ),
            4 => {
                let of = [Ty::Str, Ty::Ints, Ty::Strs, Ty::Map, Ty::Objs][self.dice.below(5)];
                format!("size({})", self.make(of, d))
            }
            5 => format!("int({})", self.make(Ty::Double, d)),
            6 => format!("int({})", self.make(Ty::Str, d)),
            7 => format!(
                "{}.{}({})",
                self.make(Ty::Str, d),
                self.one(&["indexOf", "lastIndexOf"]),
                self.make(Ty::Str, d)
            ),
            8 => {
                let part = self.one(&[
                    "getFullYear",
                    "getMonth",
                    "getDate",
                    "getDayOfMonth",
                    "getDayOfWeek",
                    "getDayOfYear",
                    "getHours",
                    "getMinutes",
                    "getSeconds",
                    "getMilliseconds",
                ]);
                format!("{}.{part}()", self.make(Ty::Time, d))
            }
            9 => format!("{}.{}()", self.make(Ty::Dur, d), self.one(&["getHours", "getMinutes", "getSeconds"])),
            10 => format!("-({})", self.make(Ty::Int, d)),
            _ => format!("{}[{}]", self.make(Ty::Ints, d), self.dice.below(3)),
        }
    }

    fn double(&mut self, d: usize) -> String {
        match self.dice.below(4) {
            0 => format!("double({})", self.make(Ty::Int, d)),
            1 => format!("double({})", self.make(Ty::Str, d)),
            _ => format!(
                "({} {} {})",
                self.make(Ty::Double, d),
                self.one(&["+", "-", "*", "/"]),
                self.make(Ty::Double, d)
            ),
        }
    }

    fn text(&mut self, d: usize) -> String {
        match self.dice.below(12) {
            0..2 => format!("({} + {})", self.make(Ty::Str, d), self.make(Ty::Str, d)),
            2 => format!("string({})", self.make(Ty::Int, d)),
            3 => {
                let of = [Ty::Bool, Ty::Str, Ty::Time, Ty::Dur][self.dice.below(4)];
                format!("string({})", self.make(of, d))
            }
            4 => format!("{}.{}()", self.make(Ty::Str, d), self.one(&["trim", "lowerAscii", "upperAscii"])),
            5 => format!("{}.replace({}, {})", self.make(Ty::Str, d), self.make(Ty::Str, 0), self.make(Ty::Str, 0)),
            6 => format!("{}.replace(\"a\", \"é\", {})", self.make(Ty::Str, d), self.dice.below(3)),
            7 => format!("{}.substring({})", self.make(Ty::Str, d), self.dice.below(3)),
            8 => format!("{}.substring({}, {})", self.make(Ty::Str, d), self.dice.below(2), self.dice.below(4)),
            9 => format!("{}.join({})", self.make(Ty::Strs, d), self.one(&["\"\"", "\", \"", "\"é\""])),
            10 => format!("{}.charAt({})", self.make(Ty::Str, d), self.dice.below(4)),
            _ => format!("{}[{}]", self.make(Ty::Strs, d), self.dice.below(3)),
        }
    }

    fn ints(&mut self, d: usize) -> String {
        match self.dice.below(5) {
            0 => format!("[{}, {}]", self.literal_int(), self.dice.below(3)),
            1 => format!("({} + {})", self.make(Ty::Ints, d), self.make(Ty::Ints, d)),
            2 => {
                let range = self.make(Ty::Ints, d);
                self.macro_of(&range, Ty::Int, "filter", Ty::Bool, d)
            }
            _ => {
                let (range, of) = self.range(d);
                self.macro_of(&range, of, "map", Ty::Int, d)
            }
        }
    }

    fn strs(&mut self, d: usize) -> String {
        match self.dice.below(5) {
            0 => format!("{}.split({})", self.make(Ty::Str, d), self.one(&["\",\"", "\"\"", "\"a\"", "\",\", 2"])),
            1 => format!("({} + {})", self.make(Ty::Strs, d), self.make(Ty::Strs, d)),
            2 => {
                let range = self.make(Ty::Strs, d);
                self.macro_of(&range, Ty::Str, "filter", Ty::Bool, d)
            }
            _ => {
                let (range, of) = self.range(d);
                self.macro_of(&range, of, "map", Ty::Str, d)
            }
        }
    }

    fn time(&mut self, d: usize) -> String {
        match self.dice.below(5) {
            0 => "timestamp(self.time)".to_owned(),
            1 => format!("timestamp({})", self.make(Ty::Int, 0)),
            2 => format!("({} - {})", self.make(Ty::Time, d), self.make(Ty::Dur, d)),
            _ => format!("({} + {})", self.make(Ty::Time, d), self.make(Ty::Dur, d)),
        }
    }

    fn duration(&mut self, d: usize) -> String {
        match self.dice.below(4) {
            0 => "duration(self.dur)".to_owned(),
            1 => format!("({} - {})", self.make(Ty::Time, d), self.make(Ty::Time, d)),
            _ => format!("({} {} {})", self.make(Ty::Dur, d), self.one(&["+", "-"]), self.make(Ty::Dur, d)),
        }
    }

    fn literal_int(&mut self) -> String {
        (self.dice.below(9) as i64 - 2).to_string()
    }

    /// A list, and the type of its elements.
    fn range(&mut self, d: usize) -> (String, Ty) {
        let (list, of) = [(Ty::Ints, Ty::Int), (Ty::Strs, Ty::Str), (Ty::Objs, Ty::Obj)][self.dice.below(3)];
        (self.make(list, d), of)
    }

    fn macro_of(&mut self, range: &str, of: Ty, op: &str, body: Ty, d: usize) -> String {
        let name = self.one(&["x", "y", "z"]);
        self.locals.push((name.clone(), of));
        let made = self.make(body, d);
        self.locals.pop();
        format!("{range}.{op}({name}, {made})")
    }
}

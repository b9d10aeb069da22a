//! The one table of functions: names, types, implementations. What is not here is refused at compile.

use super::convert;
use super::error::{ErrorKind, Fault};
use super::strings;
use super::time;
use super::types::Type;
use super::value::Value;

/// The most arguments of a function, the receiver included.
pub(super) const ARGUMENTS_MAX: usize = 4;

pub(super) type Run = fn(&[&Value]) -> Result<Value, Fault>;

/// A function or method.
pub(super) struct Function {
    pub name: &'static str,
    /// Whether the first argument stands before the name.
    pub method: bool,
    /// The argument types, the receiver first.
    pub overloads: &'static [&'static [Arg]],
    pub result: Arg,
    pub run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Types in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Str,
    List,
    Strs,
    Map,
    Dur,
    Time,
    Opt,
}

impl Arg {
    pub(super) fn to_type(self) -> Type {
        match self {
            Arg::Any => Type::Any,
            Arg::Bool => Type::Bool,
            Arg::Int => Type::Int,
            Arg::Uint => Type::Uint,
            Arg::Double => Type::Double,
            Arg::Str => Type::String,
            Arg::List => Type::list(Type::Dyn),
            Arg::Strs => Type::list(Type::String),
            Arg::Map => Type::Map(Box::new(Type::Dyn)),
            Arg::Dur => Type::Duration,
            Arg::Time => Type::Timestamp,
            Arg::Opt => Type::optional(Type::Any),
        }
    }

    /// Whether an argument of a static type may be given.
    pub(super) fn takes(self, given: &Type) -> bool {
        match self {
            Arg::Any => true,
            // Whatever is in them.
            Arg::List => matches!(given, Type::List(_) | Type::Dyn | Type::Any),
            Arg::Map => matches!(given, Type::Map(_) | Type::Object(_) | Type::Dyn | Type::Any),
            Arg::Opt => matches!(given, Type::Optional(_) | Type::Any),
            _ => self.to_type().fits(given),
        }
    }
}

impl Function {
    /// A call as an error shows it: `string.startsWith(int)`.
    pub(super) fn shape(&self, args: &[&Value]) -> String {
        let types: Vec<&str> = args.iter().map(|v| v.type_name()).collect();
        self.shape_of(&types)
    }

    pub(super) fn shape_of(&self, types: &[&str]) -> String {
        match (self.method, types.split_first()) {
            (true, Some((receiver, rest))) => format!("{receiver}.{}({})", self.name, rest.join(", ")),
            _ => format!("{}({})", self.name, types.join(", ")),
        }
    }

    /// Whether any overload has so many arguments.
    pub(super) fn has_arity(&self, count: usize) -> bool {
        self.overloads.iter().any(|o| o.len() == count)
    }

    /// `1` or `1 or 2`: how many arguments, the receiver aside.
    pub(super) fn arity_text(&self) -> String {
        let mut counts: Vec<usize> = self.overloads.iter().map(|o| o.len() - usize::from(self.method)).collect();
        counts.sort_unstable();
        counts.dedup();
        counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

/// The function of a name, as a method or not.
pub(super) fn find(name: &str, method: bool) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name && f.method == method)
}

/// All names, for "did you mean".
pub(super) fn names(method: bool) -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().filter(move |f| f.method == method).map(|f| f.name)
}

const fn global(name: &'static str, overloads: &'static [&'static [Arg]], result: Arg, run: Run) -> Function {
    Function { name, method: false, overloads, result, run }
}

const fn method(name: &'static str, overloads: &'static [&'static [Arg]], result: Arg, run: Run) -> Function {
    Function { name, method: true, overloads, result, run }
}

use Arg::{Any, Bool, Double, Dur, Int, List, Opt, Str, Strs, Time, Uint};

static FUNCTIONS: &[Function] = &[
    global("size", &[&[Str], &[List], &[Arg::Map]], Int, size),
    method("size", &[&[Str], &[List], &[Arg::Map]], Int, size),
    // Conversions.
    global("int", &[&[Int], &[Uint], &[Double], &[Str], &[Time], &[Dur]], Int, convert::int),
    global("uint", &[&[Uint], &[Int], &[Double], &[Str]], Uint, convert::uint),
    global("double", &[&[Double], &[Int], &[Uint], &[Str]], Double, convert::double),
    global("string", &[&[Str], &[Bool], &[Int], &[Uint], &[Double], &[Time], &[Dur]], Str, convert::string),
    global("bool", &[&[Bool], &[Str]], Bool, convert::bool),
    global("duration", &[&[Dur], &[Str]], Dur, convert::duration),
    global("timestamp", &[&[Time], &[Str], &[Int]], Time, convert::timestamp),
    // Strings: those of CEL, then those of cel-go's extension, which Kubernetes and Flux have.
    method("startsWith", &[&[Str, Str]], Bool, strings::starts_with),
    method("endsWith", &[&[Str, Str]], Bool, strings::ends_with),
    method("contains", &[&[Str, Str]], Bool, strings::contains),
    method("matches", &[&[Str, Str]], Bool, strings::matches),
    global("matches", &[&[Str, Str]], Bool, strings::matches),
    method("charAt", &[&[Str, Int]], Str, strings::char_at),
    method("indexOf", &[&[Str, Str], &[Str, Str, Int]], Int, strings::index_of),
    method("lastIndexOf", &[&[Str, Str], &[Str, Str, Int]], Int, strings::last_index_of),
    method("join", &[&[Strs], &[Strs, Str]], Str, strings::join),
    method("lowerAscii", &[&[Str]], Str, strings::lower_ascii),
    method("upperAscii", &[&[Str]], Str, strings::upper_ascii),
    method("replace", &[&[Str, Str, Str], &[Str, Str, Str, Int]], Str, strings::replace),
    method("split", &[&[Str, Str], &[Str, Str, Int]], Strs, strings::split),
    method("substring", &[&[Str, Int], &[Str, Int, Int]], Str, strings::substring),
    method("trim", &[&[Str]], Str, strings::trim),
    // Timestamps, in UTC. On a duration the last four give the whole of it in that unit.
    method("getFullYear", &[&[Time]], Int, |a| time::part(a, "getFullYear")),
    method("getMonth", &[&[Time]], Int, |a| time::part(a, "getMonth")),
    method("getDate", &[&[Time]], Int, |a| time::part(a, "getDate")),
    method("getDayOfMonth", &[&[Time]], Int, |a| time::part(a, "getDayOfMonth")),
    method("getDayOfWeek", &[&[Time]], Int, |a| time::part(a, "getDayOfWeek")),
    method("getDayOfYear", &[&[Time]], Int, |a| time::part(a, "getDayOfYear")),
    method("getHours", &[&[Time], &[Dur]], Int, |a| time::part(a, "getHours")),
    method("getMinutes", &[&[Time], &[Dur]], Int, |a| time::part(a, "getMinutes")),
    method("getSeconds", &[&[Time], &[Dur]], Int, |a| time::part(a, "getSeconds")),
    method("getMilliseconds", &[&[Time], &[Dur]], Int, |a| time::part(a, "getMilliseconds")),
    // Optionals. `or`, `orValue`, `optMap` and `optFlatMap` evaluate lazily and are forms of their own.
    method("hasValue", &[&[Opt]], Bool, has_value),
    method("value", &[&[Opt]], Any, value),
    global("optional.of", &[&[Any]], Opt, optional_of),
    global("optional.ofNonZeroValue", &[&[Any]], Opt, optional_of_non_zero),
    global("optional.none", &[&[]], Opt, optional_none),
];

fn size(args: &[&Value]) -> Result<Value, Fault> {
    let size = match args {
        [Value::String(s)] => s.chars().count(),
        [Value::List(items)] => items.len(),
        [Value::Map(map)] => map.len(),
        _ => return Err(Fault::NoOverload),
    };
    Ok(convert::count(size))
}

fn has_value(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [Value::Optional(inner)] => Ok(Value::Bool(inner.is_some())),
        _ => Err(Fault::NoOverload),
    }
}

fn value(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [Value::Optional(Some(inner))] => Ok(inner.as_ref().clone()),
        [Value::Optional(None)] => Err(ErrorKind::NoValue.into()),
        _ => Err(Fault::NoOverload),
    }
}

fn optional_of(args: &[&Value]) -> Result<Value, Fault> {
    match args {
        [value] => Ok(Value::Optional(Some(std::sync::Arc::new((*value).clone())))),
        _ => Err(Fault::NoOverload),
    }
}

fn optional_of_non_zero(args: &[&Value]) -> Result<Value, Fault> {
    let zero = match args {
        [Value::Bool(b)] => !b,
        [Value::String(s)] => s.is_empty(),
        [Value::List(items)] => items.is_empty(),
        [Value::Map(map)] => map.is_empty(),
        [Value::Duration(d)] => d.is_zero(),
        [Value::Optional(inner)] => inner.is_none(),
        [number @ (Value::Int(_) | Value::Uint(_) | Value::Double(_))] => **number == Value::Int(0),
        _ => false,
    };
    if zero { Ok(Value::Optional(None)) } else { optional_of(args) }
}

fn optional_none(_: &[&Value]) -> Result<Value, Fault> {
    Ok(Value::Optional(None))
}

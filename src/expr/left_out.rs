//! What CEL, Kubernetes or Flux have and expressions here have not, with what to write instead.
//!
//! Left out is what not all three machines of a kind's health have (Flux lacks Kubernetes' lists, regex, URL and quantity libraries),
//! what needs a clock or a time zone database, and what makes values that objects cannot hold (types, bytes).

/// Functions and methods by name, each with the fix.
const LEFT_OUT: &[(&str, &str)] = &[
    ("now", "rules say time with `for`, `within` and `cooldown`"),
    ("type", "types are not values here"),
    ("dyn", "leave it out: a field may be of any type"),
    ("bytes", "there are no bytes here: texts are compared as strings"),
    ("existsOne", "write `exists_one(x, …)`"),
    ("format", "put the text together with `+` and `string(…)`; a message takes `{…}`"),
    ("quote", "write the quotes yourself: `\"'\" + x + \"'\"`"),
    ("reverse", "compare from the end with `endsWith` or `lastIndexOf`"),
    ("min", "ask of all: `list.all(x, x > 3)`; of two values write `a < b ? a : b`"),
    ("max", "ask of all: `list.all(x, x < 3)`; of two values write `a > b ? a : b`"),
    ("sum", "ask of each with `all`, or count with `list.filter(x, …).size()`"),
    ("isSorted", "ask of neighbours by index, as `list[0] <= list[1]`"),
    ("first", "write `list[0]`, or `list[?0].orValue(…)` where it can be empty"),
    ("last", "write `list[size(list) - 1]`"),
    ("slice", "take single elements by index: `list[0]`"),
    ("sort", "ask with `exists` and `all`, which do not depend on the order"),
    ("distinct", "ask with `exists_one`"),
    ("flatten", "nest the macros: `a.exists(x, x.exists(y, …))`"),
    ("find", "ask with `matches`, or take parts out with `split` and `substring`"),
    ("findAll", "ask with `matches`, or take parts out with `split` and `substring`"),
    ("transformList", "write `map.map(k, map[k])`: a macro over a map runs over its keys"),
    ("transformMap", "make a list with `map`: a macro over a map runs over its keys"),
    ("unwrap", "write `list.filter(x, x.hasValue()).map(x, x.value())`"),
    ("unwrapOpt", "write `list.filter(x, x.hasValue()).map(x, x.value())`"),
    ("bind", "name the value with `let` in the kind"),
    ("quantity", "compare the field as the text that it is, or convert it with `int(…)`"),
    ("isQuantity", "ask with `matches(\"^[0-9.]+[A-Za-z]*$\")`"),
    ("url", "ask with `startsWith` or `matches`"),
    ("isURL", "ask with `startsWith` or `matches`"),
    ("ip", "ask with `startsWith` or `matches`"),
    ("cidr", "ask with `startsWith` or `matches`"),
    ("semver", "take the parts out: `int(version.split(\".\")[0])`"),
    ("length", "write `size(x)`"),
    ("len", "write `size(x)`"),
    ("count", "write `size(x)`; of some, `list.filter(x, …).size()`"),
    ("any", "write `exists(x, …)`"),
    ("some", "write `exists(x, …)`"),
    ("every", "write `all(x, …)`"),
    ("includes", "write `x in list`; of a text, `text.contains(\"…\")`"),
    ("toLowerCase", "write `lowerAscii()`"),
    ("lower", "write `lowerAscii()`"),
    ("toUpperCase", "write `upperAscii()`"),
    ("upper", "write `upperAscii()`"),
    ("toString", "write `string(x)`"),
    ("regex", "write `text.matches(\"…\")`"),
    ("match", "write `text.matches(\"…\")`"),
    ("exists_any", "write `exists(x, …)`"),
    ("isEmpty", "write `size(x) == 0`"),
    ("default", "write `a.?b.orValue(…)`"),
    ("coalesce", "write `a.?b.or(a.?c).orValue(…)`"),
];

/// Namespaces of functions (`math.greatest`), each with the fix.
const SPACES: &[(&str, &str)] = &[
    ("math", "of two values write `a > b ? a : b`; there is `+ - * / %` beside"),
    ("sets", "ask of the members: `b.all(x, x in a)`"),
    ("lists", "ask of the members with `all`, `exists`, `filter`"),
    ("strings", "functions on strings are methods: `text.split(\",\")`"),
    ("base64", "there are no bytes here"),
    ("cel", "name the value with `let` in the kind"),
    ("regex", "ask with `text.matches(\"…\")`"),
    ("format", "ask with `text.matches(\"…\")`"),
];

/// What to write instead of a function.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(left_out, _)| *left_out == name).map(|(_, help)| *help)
}

/// What to write instead of the functions of a namespace.
pub(super) fn instead_of_space(name: &str) -> Option<&'static str> {
    SPACES.iter().find(|(space, _)| *space == name).map(|(_, help)| *help)
}

//! A little Lua: expressions and statements, built so that what is simple prints simply.

/// An expression. Invariant of the generator: evaluating one never raises an error where its guards hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum L {
    Nil,
    True,
    False,
    /// As printed.
    Num(String),
    Str(String),
    Name(String),
    /// `a.b`
    Dot(Box<L>, String),
    /// `a[b]`
    At(Box<L>, Box<L>),
    Call(String, Vec<L>),
    Func(Vec<String>, Vec<S>),
    Not(Box<L>),
    Neg(Box<L>),
    /// `#a`
    Len(Box<L>),
    Op(&'static str, Box<L>, Box<L>),
    /// `a and b and c`
    All(Vec<L>),
    /// `a or b or c`
    Any(Vec<L>),
    /// `{a, b}`
    List(Vec<L>),
    /// `{["k"] = v}`
    Map(Vec<(String, L)>),
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum S {
    Local(String, Option<L>),
    Set(L, L),
    If(Vec<(L, Vec<S>)>, Option<Vec<S>>),
    Return(L),
}

const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Whether a word can stand for itself after a dot.
pub(super) fn is_identifier(word: &str) -> bool {
    let start = word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    start && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !KEYWORDS.contains(&word)
}

impl L {
    pub(super) fn name(name: impl Into<String>) -> L {
        L::Name(name.into())
    }

    pub(super) fn string(text: impl Into<String>) -> L {
        L::Str(text.into())
    }

    pub(super) fn int(value: i64) -> L {
        L::Num(value.to_string())
    }

    /// `self.key`, or `self["key"]` where the key is no identifier.
    pub(super) fn field(self, key: &str) -> L {
        if is_identifier(key) { L::Dot(Box::new(self), key.to_owned()) } else { self.at(L::string(key)) }
    }

    pub(super) fn at(self, key: L) -> L {
        L::At(Box::new(self), Box::new(key))
    }

    pub(super) fn call(name: &str, args: Vec<L>) -> L {
        L::Call(name.to_owned(), args)
    }

    pub(super) fn op(op: &'static str, a: L, b: L) -> L {
        L::Op(op, Box::new(a), Box::new(b))
    }

    pub(super) fn present(self) -> L {
        L::op("~=", self, L::Nil)
    }

    pub(super) fn type_is(self, name: &str) -> L {
        L::op("==", L::call("type", vec![self]), L::string(name))
    }

    pub(super) fn is_literal(&self) -> bool {
        matches!(self, L::Nil | L::True | L::False | L::Num(_) | L::Str(_))
    }

    /// Cheap and without effect on readability if it is written twice.
    pub(super) fn is_simple(&self) -> bool {
        match self {
            L::Dot(base, _) => base.is_simple(),
            L::At(base, key) => base.is_simple() && key.is_literal(),
            other => matches!(other, L::Name(_)) || other.is_literal(),
        }
    }

    /// All of these. Flat, without repetitions and without what the others imply.
    pub(super) fn all(terms: impl IntoIterator<Item = L>) -> L {
        let mut flat: Vec<L> = Vec::new();
        for term in terms {
            match term {
                L::True => {}
                L::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.contains(&L::False) {
            return L::False;
        }
        dedupe(&mut flat);
        let implied: Vec<bool> = flat.iter().map(|term| is_implied(term, &flat)).collect();
        let mut implied = implied.into_iter();
        flat.retain(|_| !implied.next().unwrap_or(false));
        match flat.len() {
            0 => L::True,
            1 => flat.pop().unwrap_or(L::True),
            _ => L::All(flat),
        }
    }

    /// Any of these.
    pub(super) fn any(terms: impl IntoIterator<Item = L>) -> L {
        let mut flat: Vec<L> = Vec::new();
        for term in terms {
            match term {
                L::False => {}
                L::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.contains(&L::True) {
            return L::True;
        }
        dedupe(&mut flat);
        // Where one of the others does not hold, its contrary is no news.
        let others = flat.clone();
        let mut flat: Vec<L> = flat
            .into_iter()
            .map(|term| match term {
                L::All(terms) => L::all(terms.into_iter().filter(|t| !others.contains(&t.clone().negated()))),
                other => other,
            })
            .collect();
        match flat.len() {
            0 => L::False,
            1 => flat.pop().unwrap_or(L::False),
            _ => L::Any(flat),
        }
    }

    /// What is left of a condition where it is known that `no` does not hold.
    pub(super) fn without(self, no: &L) -> L {
        let known = no.clone().negated();
        match self {
            L::All(terms) => L::all(terms.into_iter().filter(|term| *term != known)),
            other if other == known => L::True,
            other => other,
        }
    }

    /// What is left of a condition where it is known that `no` does not hold.
    pub(super) fn given_not(self, no: &L) -> L {
        match self {
            L::Any(terms) => L::any(terms.into_iter().filter(|term| term != no)),
            L::All(terms) => L::all(terms.into_iter().map(|term| term.given_not(no))),
            other if other == *no => L::False,
            other => other,
        }
    }

    /// The contrary of a condition that is true or false.
    pub(super) fn negated(self) -> L {
        match self {
            L::True => L::False,
            L::False => L::True,
            L::Not(inner) => *inner,
            L::Op("==", a, b) => L::Op("~=", a, b),
            L::Op("~=", a, b) => L::Op("==", a, b),
            L::All(terms) => L::any(terms.into_iter().map(L::negated)),
            L::Any(terms) => L::all(terms.into_iter().map(L::negated)),
            other => L::Not(Box::new(other)),
        }
    }
}

fn dedupe(terms: &mut Vec<L>) {
    let mut seen: Vec<L> = Vec::with_capacity(terms.len());
    for term in terms.drain(..) {
        if !seen.contains(&term) {
            seen.push(term);
        }
    }
    *terms = seen;
}

/// Whether `x ~= nil` follows from another term, such as `x == "a"` or `type(x) == "number"`.
fn is_implied(term: &L, all: &[L]) -> bool {
    let L::Op("~=", x, nil) = term else { return false };
    **nil == L::Nil
        && all.iter().any(|other| match other {
            L::Op("==", a, b) if a == x || b == x => {
                let other = if a == x { b } else { a };
                other.is_literal() && **other != L::Nil
            }
            L::Op("==", a, b) => matches!((a.as_ref(), b.as_ref()),
                (L::Call(name, args), L::Str(of)) if name == "type" && of != "nil" && args.first() == Some(x.as_ref())),
            _ => false,
        })
}

//! After a function is made: tables that are asked for one field alone need no variable.

use super::code::{L, S};

/// Puts `local x = fields(…)` where x stands, if it stands in one place only.
pub(super) fn single_uses(mut body: Vec<S>) -> Vec<S> {
    let mut at = 0;
    while let Some(statement) = body.get(at) {
        let found = match statement {
            S::Local(name, Some(value @ L::Call(helper, _))) if helper == "fields" => {
                Some((name.clone(), value.clone()))
            }
            _ => None,
        };
        let rest = body.get(at + 1..).unwrap_or_default();
        match found {
            Some((name, value)) if count_all(rest, &name) == 1 => {
                body.remove(at);
                for statement in body.iter_mut().skip(at) {
                    each(statement, &mut |e| replace(e, &name, &value));
                }
            }
            _ => at += 1,
        }
    }
    body
}

/// Whether a variable stands somewhere in these.
pub(super) fn is_used(statements: &[S], name: &str) -> bool {
    count_all(statements, name) > 0
}

pub(super) fn count_all(statements: &[S], name: &str) -> usize {
    let mut count = 0;
    for statement in statements {
        each(&mut statement.clone(), &mut |e| count += uses(e, name));
    }
    count
}

fn uses(e: &L, name: &str) -> usize {
    let mut count = usize::from(matches!(e, L::Name(n) if n == name));
    children(&mut e.clone(), &mut |child| count += uses(child, name));
    count
}

pub(super) fn replace(e: &mut L, name: &str, value: &L) {
    if matches!(e, L::Name(n) if n == name) {
        *e = value.clone();
    } else {
        children(e, &mut |child| replace(child, name, value));
    }
}

/// The expressions of a statement.
pub(super) fn each(statement: &mut S, f: &mut dyn FnMut(&mut L)) {
    match statement {
        S::Local(_, value) => value.iter_mut().for_each(f),
        S::Set(a, b) => {
            f(a);
            f(b);
        }
        S::Return(value) => f(value),
        S::If(branches, otherwise) => {
            for (condition, body) in branches {
                f(condition);
                body.iter_mut().for_each(|s| each(s, f));
            }
            otherwise.iter_mut().flatten().for_each(|s| each(s, f));
        }
    }
}

/// The expressions right below one, those in functions included.
pub(super) fn children(e: &mut L, f: &mut dyn FnMut(&mut L)) {
    match e {
        L::Nil | L::True | L::False | L::Num(_) | L::Str(_) | L::Name(_) => {}
        L::Dot(a, _) | L::Not(a) | L::Neg(a) | L::Len(a) => f(a),
        L::At(a, b) | L::Op(_, a, b) => {
            f(a);
            f(b);
        }
        L::Call(_, items) | L::All(items) | L::Any(items) | L::List(items) => items.iter_mut().for_each(f),
        L::Map(entries) => entries.iter_mut().for_each(|(_, value)| f(value)),
        L::Func(_, body) => body.iter_mut().for_each(|s| each(s, f)),
    }
}

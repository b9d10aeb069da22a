//! After a script is laid out: what the condition of a line tells need not be asked again in its body, and a helper that is hardly used is
//! written out. Argo CD parses a script for each evaluation, so every word that is left out counts.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{L, S};
use super::helpers;
use super::inline::{children, count_all, each, replace};

/// Helpers that give a list or nil.
const LISTS: &[&str] = &["where", "filter", "filter_in", "map", "map_in", "items"];

/// Fewer uses than this take fewer words than the helper and its calls.
const USES_MIN: usize = 3;

/// What holds in the body of a condition.
#[derive(Default)]
struct Facts {
    /// Variables that are lists.
    lists: BTreeSet<String>,
    /// Such with an element at least; true: of tables.
    filled: BTreeMap<String, bool>,
    /// What equals a text.
    texts: Vec<(L, L)>,
    /// What is not nil.
    present: Vec<L>,
}

/// What is known of the script's variables, which are set once and for all.
struct Made {
    /// Those that hold a list or nil; true: of tables.
    lists: BTreeMap<String, bool>,
    /// Those that hold `fields(x)`, and x.
    tables: BTreeMap<String, L>,
}

/// The script, with what is known left out.
pub(super) fn simplified(mut script: Vec<S>) -> Vec<S> {
    let made = Made { lists: lists(&script), tables: tables(&script) };
    bodies(&mut script, &made);
    let mut used = used(&script);
    for (name, write_out) in [("text", text as fn(&mut L)), ("fields", fields)] {
        let brought = helpers::all().filter(|helper| used.contains(helper.name));
        let by_others = brought.flat_map(|helper| helper.uses).any(|other| *other == name);
        let (count, plain) = calls(&script, name);
        if !by_others && plain && count < USES_MIN {
            script.iter_mut().for_each(|s| each(s, &mut |e| everywhere(e, &write_out)));
            used.remove(name);
        }
    }
    script
}

/// The helpers that a script calls.
pub(super) fn used(script: &[S]) -> BTreeSet<&'static str> {
    helpers::all().map(|helper| helper.name).filter(|name| calls(script, name).0 > 0).collect()
}

/// How often a helper is called, and whether each time with something that can be written twice.
fn calls(script: &[S], name: &str) -> (usize, bool) {
    fn of(e: &mut L, name: &str, found: &mut (usize, bool)) {
        if let L::Call(called, args) = e
            && called == name
        {
            found.0 += 1;
            found.1 &= args.first().is_some_and(L::is_simple);
        }
        children(e, &mut |child| of(child, name, found));
    }
    let mut found = (0, true);
    for statement in script {
        each(&mut statement.clone(), &mut |e| of(e, name, &mut found));
    }
    found
}

/// Variables of the script that hold a list or nil, set once and for all; true: of tables.
fn lists(script: &[S]) -> BTreeMap<String, bool> {
    let list = |statement: &S| match statement {
        S::Local(name, Some(L::Call(helper, _))) if LISTS.contains(&helper.as_str()) => {
            Some((name.clone(), helper == "where"))
        }
        _ => None,
    };
    script.iter().filter_map(list).filter(|(name, _)| !is_set(script, name)).collect()
}

fn tables(script: &[S]) -> BTreeMap<String, L> {
    let table = |statement: &S| match statement {
        S::Local(name, Some(L::Call(helper, args))) if helper == "fields" => {
            Some((name.clone(), args.first()?.clone())).filter(|_| !is_set(script, name))
        }
        _ => None,
    };
    script.iter().filter_map(table).collect()
}

fn is_set(script: &[S], name: &str) -> bool {
    script.iter().any(|statement| match statement {
        S::Set(target, _) => *target == L::name(name),
        S::If(branches, otherwise) => {
            let otherwise = otherwise.as_deref().unwrap_or_default();
            branches.iter().any(|(_, body)| is_set(body, name)) || is_set(otherwise, name)
        }
        _ => false,
    })
}

fn bodies(script: &mut [S], made: &Made) {
    for statement in script {
        let S::If(branches, otherwise) = statement else { continue };
        for (condition, body) in branches {
            bodies(body, made);
            let mut facts = Facts::of(condition, made);
            facts.texts.retain(|(what, _)| !body.iter().any(|s| matches!(s, S::Set(target, _) if target == what)));
            facts.apply(body);
        }
        if let Some(body) = otherwise {
            bodies(body, made);
        }
    }
}

impl Facts {
    fn of(condition: &L, made: &Made) -> Facts {
        let mut facts = Facts { present: present(condition, made), ..Facts::default() };
        let one = std::slice::from_ref(condition);
        let terms = if let L::All(terms) = condition { terms } else { one };
        for term in terms {
            match term {
                L::Op("~=", name, nil) if **nil == L::Nil => {
                    if let L::Name(name) = name.as_ref()
                        && made.lists.contains_key(name)
                    {
                        facts.lists.insert(name.clone());
                    }
                }
                L::Op(">", len, zero) if **zero == L::int(0) => {
                    if let L::Len(name) = len.as_ref()
                        && let L::Name(name) = name.as_ref()
                        && let Some(of_tables) = made.lists.get(name)
                    {
                        facts.filled.insert(name.clone(), *of_tables);
                    }
                }
                L::Op("==", a, b) => match (a.as_ref(), b.as_ref()) {
                    (what @ L::Name(_), text @ L::Str(_)) | (text @ L::Str(_), what @ L::Name(_)) => {
                        facts.texts.push((what.clone(), text.clone()));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        facts
    }

    fn apply(&self, body: &mut Vec<S>) {
        if self.lists.is_empty() && self.filled.is_empty() && self.texts.is_empty() && self.present.is_empty() {
            return;
        }
        // `local y = fields(x)` of a list x: y is x.
        let mut at = 0;
        while let Some(statement) = body.get(at) {
            let same = match statement {
                S::Local(y, Some(L::Call(helper, args))) if helper == "fields" => match args.as_slice() {
                    [L::Name(x)] if self.lists.contains(x) && !is_set(body, y) => Some((y.clone(), x.clone())),
                    _ => None,
                },
                _ => None,
            };
            let Some((y, x)) = same else {
                at += 1;
                continue;
            };
            body.remove(at);
            body.iter_mut().skip(at).for_each(|s| each(s, &mut |e| replace(e, &y, &L::name(&x))));
        }
        for statement in body.iter_mut() {
            each(statement, &mut |e| everywhere(e, &|e| self.simplify(e)));
        }
        self.elements(body);
    }

    fn simplify(&self, e: &mut L) {
        let element = |e: &L| match e {
            L::At(list, one) if **one == L::int(1) => match list.as_ref() {
                L::Name(name) => self.filled.get(name).copied(),
                _ => None,
            },
            _ => None,
        };
        let known = match e {
            L::Call(helper, args) => match (helper.as_str(), args.as_slice()) {
                ("fields", [L::Name(x)]) if self.lists.contains(x) => Some(L::name(x)),
                ("fields", [item]) if element(item) == Some(true) => Some(item.clone()),
                ("text", [what, _]) => self.texts.iter().find(|(known, _)| known == what).map(|(_, text)| text.clone()),
                _ => None,
            },
            L::Op(op @ ("~=" | "=="), item, nil)
                if **nil == L::Nil && (element(item).is_some() || self.present.contains(item)) =>
            {
                Some(if *op == "~=" { L::True } else { L::False })
            }
            L::All(terms) if terms.contains(&L::True) => Some(L::all(terms.iter().cloned())),
            L::Any(terms) if terms.contains(&L::False) => Some(L::any(terms.iter().cloned())),
            _ => None,
        };
        if let Some(known) = known {
            *e = known;
        }
    }

    /// `local y = x[1]` for one use.
    fn elements(&self, body: &mut Vec<S>) {
        let mut at = 0;
        while let Some(statement) = body.get(at) {
            let found = match statement {
                S::Local(name, Some(value @ L::At(list, key))) if matches!(**list, L::Name(_)) && key.is_literal() => {
                    Some((name.clone(), value.clone()))
                }
                _ => None,
            };
            match found {
                Some((name, value)) if count_all(body.get(at + 1..).unwrap_or_default(), &name) == 1 => {
                    body.remove(at);
                    body.iter_mut().skip(at).for_each(|s| each(s, &mut |e| replace(e, &name, &value)));
                }
                _ => at += 1,
            }
        }
    }
}

/// What is not nil where a condition holds: of `t.field == "text"` it is x, if t is `fields(x)`.
fn present(condition: &L, made: &Made) -> Vec<L> {
    match condition {
        L::All(terms) => terms.iter().flat_map(|term| present(term, made)).collect(),
        L::Any(terms) => {
            let mut each = terms.iter().map(|term| present(term, made));
            let first = each.next().unwrap_or_default();
            each.fold(first, |all, one| all.into_iter().filter(|x| one.contains(x)).collect())
        }
        L::Op("==", a, b) => {
            let (field, literal) = if b.is_literal() { (a, b) } else { (b, a) };
            let of = match field.as_ref() {
                L::Dot(of, _) => of,
                _ => return Vec::new(),
            };
            let known = match of.as_ref() {
                L::Name(name) if literal.is_literal() && **literal != L::Nil => made.tables.get(name),
                _ => None,
            };
            known.cloned().into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// From the innermost outwards.
fn everywhere(e: &mut L, change: &dyn Fn(&mut L)) {
    children(e, &mut |child| everywhere(child, change));
    change(e);
}

/// `fields(x)`, written out.
fn fields(e: &mut L) {
    let known = match e {
        L::Call(name, args) if name == "fields" => args.first().cloned(),
        _ => None,
    };
    if let Some(x) = known {
        *e = L::Any(vec![L::All(vec![x.clone().type_is("table"), x]), L::Map(Vec::new())]);
    }
}

/// `text(x, path)`, written out.
fn text(e: &mut L) {
    let known = match e {
        L::Call(name, args) if name == "text" => match args.as_slice() {
            [x, L::Str(path)] => Some((x.clone(), path.clone())),
            _ => None,
        },
        _ => None,
    };
    if let Some((x, path)) = known {
        let is_text = [x.clone().present(), x.clone().type_is("table").negated(), L::call("tostring", vec![x])];
        *e = L::Any(vec![L::All(is_text.into()), L::string(format!("<absent: {path}>"))]);
    }
}

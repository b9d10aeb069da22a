//! Conditions without what others beside them already say: a person has to read them.

use super::formula::{Atom, Formula, Literal, Shape};
use super::make;
use crate::syntax::tree::{BinaryOp, ExprNode};

/// Simplifying once can make more plain; what is left after this many times stays.
const ROUNDS_MAX: usize = 4;

/// The same condition, shorter.
pub(super) fn tidy(formula: Formula) -> Formula {
    let mut formula = formula;
    for _ in 0..ROUNDS_MAX {
        let next = under(&formula, &Known::default());
        if next == formula {
            break;
        }
        formula = next;
    }
    merged(formula)
}

/// `x == "a" || x == "b"` as `x in ["a", "b"]`.
fn merged(formula: Formula) -> Formula {
    let (items, all) = match formula {
        Formula::All(items) => (items, true),
        Formula::Any(items) => (items, false),
        other => return other,
    };
    let mut kept: Vec<Formula> = Vec::new();
    for item in items.into_iter().map(merged) {
        let joined = kept.iter_mut().find_map(|before| Some((joined(before, &item, all)?, before)));
        match joined {
            Some((joined, before)) => *before = joined,
            None => kept.push(item),
        }
    }
    if all { Formula::all(kept) } else { Formula::any(kept) }
}

/// Two atoms about one subject as one: of an `Any`, that it is one of these; of an `All`, that it is none of them.
fn joined(a: &Formula, b: &Formula, all: bool) -> Option<Formula> {
    let (Formula::Is(a, is), Formula::Is(b, also)) = (a, b) else { return None };
    let (Shape::OneOf { subject, .. }, Shape::OneOf { subject: same, .. }) = (&*a.shape, &*b.shape) else {
        return None;
    };
    if is != also || *is == all || subject != same {
        return None;
    }
    let (ExprNode::Binary(_, subject, first), ExprNode::Binary(_, _, second)) = (&a.expr.node, &b.expr.node) else {
        return None;
    };
    let mut literals = Vec::new();
    for of in [first, second] {
        match &of.node {
            ExprNode::List(items) => literals.extend(items.iter().cloned()),
            _ => literals.push(of.as_ref().clone()),
        }
    }
    let list = make::of(a.expr.span, ExprNode::List(literals));
    let one_of = Formula::of(make::binary(BinaryOp::In, subject.as_ref().clone(), list));
    Some(if *is { one_of } else { one_of.negated() })
}

/// Whether a formula cannot come to a value, if a field at the top of the object is absent.
fn cannot_be(value: bool, formula: &Formula, root: &str) -> bool {
    let each = |item: &Formula| cannot_be(value, item, root);
    match formula {
        Formula::True => !value,
        Formula::False => value,
        Formula::Is(atom, _) => !matches!(&*atom.shape, Shape::Root(_)) && make::needs(&atom.expr, root),
        Formula::All(items) if value => items.iter().any(each),
        Formula::Any(items) if !value => items.iter().any(each),
        Formula::All(items) | Formula::Any(items) => items.iter().all(each),
    }
}

/// What is taken as given.
#[derive(Clone, Default)]
struct Known<'f> {
    atoms: Vec<(&'f Atom, bool)>,
}

impl<'f> Known<'f> {
    /// With more: each atom among these, as it is, or as its opposite.
    fn with(&self, items: impl IntoIterator<Item = &'f Formula>, as_is: bool) -> Known<'f> {
        let mut known = self.clone();
        for item in items {
            if let Formula::Is(atom, is) = item {
                known.atoms.push((atom, *is == as_is));
            }
        }
        known
    }

    fn decides(&self, atom: &Atom) -> Option<bool> {
        self.atoms.iter().find_map(|(known, is)| if *known == atom { Some(*is) } else { decides(known, *is, atom) })
    }
}

/// Whether an atom holds where another one does, or does not.
fn decides(known: &Atom, is: bool, asked: &Atom) -> Option<bool> {
    match (&*known.shape, &*asked.shape) {
        (Shape::OneOf { subject: a, literals: given, .. }, Shape::OneOf { subject: b, literals: asked, .. })
            if a == b =>
        {
            let (within, apart) = (subset(given, asked), given.iter().all(|literal| !asked.contains(literal)));
            match is {
                true if within => Some(true),
                true if apart => Some(false),
                false if subset(asked, given) => Some(false),
                _ => None,
            }
        }
        (Shape::OneOf { path: Some((path, default)), literals, .. }, Shape::Present(asked)) => {
            // It is not the default, so it is there, and so is all that it lies in.
            let there = is != literals.contains(default);
            (there && starts_with(path, asked)).then_some(true)
        }
        (Shape::Present(absent), Shape::OneOf { path: Some((path, default)), literals, .. }) => {
            (!is && starts_with(path, absent)).then(|| literals.contains(default))
        }
        (Shape::Present(known), Shape::Present(asked)) => match is {
            true if starts_with(known, asked) => Some(true),
            false if starts_with(asked, known) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn subset(some: &[Literal], all: &[Literal]) -> bool {
    some.iter().all(|literal| all.contains(literal))
}

fn starts_with(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A formula where something is known.
fn under(formula: &Formula, known: &Known<'_>) -> Formula {
    match formula {
        Formula::True | Formula::False => formula.clone(),
        Formula::Is(atom, is) => match known.decides(atom) {
            Some(holds) if holds == *is => Formula::True,
            Some(_) => Formula::False,
            None => formula.clone(),
        },
        Formula::All(items) => Formula::all(parts(items, known, true)),
        Formula::Any(items) => Formula::any(parts(items, known, false)),
    }
}

/// The parts of an `All` or an `Any`. Where one decides, the others do not matter: each is read as if the others left it to decide.
fn parts(items: &[Formula], known: &Known<'_>, all: bool) -> Vec<Formula> {
    let (neutral, deciding) = if all { (Formula::True, Formula::False) } else { (Formula::False, Formula::True) };
    let mut kept: Vec<Option<Formula>> = items.iter().cloned().map(Some).collect();
    // Atoms first: what one of them says, the longer ones need not repeat.
    let order = |is_atom: bool| {
        let at = items.iter().enumerate().filter(move |(_, item)| matches!(item, Formula::Is(..)) == is_atom);
        at.map(|(at, _)| at).collect::<Vec<_>>()
    };
    for at in order(true).into_iter().chain(order(false)) {
        let Some(item) = items.get(at) else { continue };
        let others: Vec<Formula> =
            kept.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, item)| item.clone()).collect();
        let beside = known.with(&others, all);
        let mut short = under(item, &beside);
        // Beside what cannot hold without the field, that it is there need not be said; nor beside what cannot fail, that it is not.
        if let Formula::Is(atom, is) = &short
            && let Shape::Root(root) = &*atom.shape
            && *is != all
            && others.iter().any(|other| cannot_be(all, other, root))
        {
            short = neutral.clone();
        }
        if short != neutral && others.iter().any(|other| implied(&short, other, &beside, all)) {
            short = neutral.clone();
        }
        if short == deciding {
            return vec![deciding];
        }
        if let Some(place) = kept.get_mut(at) {
            *place = (short != neutral).then_some(short);
        }
    }
    kept.into_iter().flatten().collect()
}

/// Whether a part says nothing beside another one that is a choice: it holds in each of its cases (or, of an `Any`, in none). Asked of short
/// parts only, since it reads them once a case.
fn implied(part: &Formula, other: &Formula, known: &Known<'_>, all: bool) -> bool {
    let is_short = match part {
        Formula::All(items) | Formula::Any(items) => items.iter().all(|item| matches!(item, Formula::Is(..))),
        _ => true,
    };
    if !is_short {
        return false;
    }
    let (cases, neutral) = match (other, all) {
        (Formula::Any(cases), true) => (cases, Formula::True),
        (Formula::All(cases), false) => (cases, Formula::False),
        _ => return false,
    };
    cases.iter().all(|case| {
        let within: &[Formula] = match case {
            Formula::All(items) if all => items,
            Formula::Any(items) if !all => items,
            one => std::slice::from_ref(one),
        };
        under(part, &known.with(within, all)) == neutral
    })
}

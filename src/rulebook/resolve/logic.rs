//! From a condition to what fires: alternatives with their events, and the whole condition read as states.
//!
//! A condition is brought into alternatives (each side of `or`), of which each has its runs, the order among them (`and then`), and
//! states. An `or` without events beside an event stays inside the alternative's states: it cannot fire by itself.

use super::condition::{Draft, Node};
use super::context::Resolver;
use crate::diagnostic::{Code, Span};
use crate::rulebook::{Alternative, Event, ExprTest, Outcome, Test};
use crate::syntax::tree::{Predicate, Quantifier};
use std::sync::Arc;

/// Most alternatives of one rule.
const ALTERNATIVES_MAX: usize = 64;

/// One way in which a condition can hold.
#[derive(Clone, Debug, Default)]
struct Way {
    /// Terms that ask about runs, events or not, in order.
    runs: Vec<usize>,
    /// (earlier, later) among them.
    order: Vec<(usize, usize)>,
    /// States.
    rest: Vec<Node>,
}

impl Way {
    fn and(&self, other: &Way) -> Way {
        let mut both = self.clone();
        both.runs.extend(other.runs.iter().filter(|run| !self.runs.contains(run)));
        both.order.extend(other.order.iter().filter(|pair| !self.order.contains(pair)));
        both.rest.extend(other.rest.iter().cloned());
        both
    }

    fn then(&self, later: &Way) -> Way {
        let last = self.runs.iter().filter(|run| !self.order.iter().any(|(first, _)| first == *run));
        let first = |run: &&usize| !later.order.iter().any(|(_, second)| second == *run);
        let pairs: Vec<(usize, usize)> =
            last.flat_map(|a| later.runs.iter().filter(first).map(|b| (*a, *b))).filter(|(a, b)| a != b).collect();
        let mut both = self.and(later);
        both.order.extend(pairs);
        both
    }
}

/// Too many ways.
struct TooMany;

fn is_run(draft: &Draft<'_>, term: usize) -> bool {
    let runs = |p| matches!(p, Predicate::Succeeds | Predicate::Fails | Predicate::HasSucceeded | Predicate::HasFailed);
    draft.terms.get(term).is_some_and(|t| runs(t.predicate) && t.lasting.is_none())
}

/// The outcome that a term waits for, if it is an event.
fn event(draft: &Draft<'_>, term: usize) -> Option<Outcome> {
    match draft.terms.get(term)?.predicate {
        Predicate::Succeeds => Some(Outcome::Succeeded),
        Predicate::Fails => Some(Outcome::Failed),
        _ => None,
    }
}

fn has_event(draft: &Draft<'_>, node: &Node) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(|n| has_event(draft, n)),
        Node::Then(a, b, _) => has_event(draft, a) || has_event(draft, b),
        Node::Term(term) => event(draft, *term).is_some(),
        // Inside `not` an event reads as a state.
        Node::Not(_) | Node::Expr(_) => false,
    }
}

/// Every way in which a node can hold. `split`: an `or` of states is taken apart too.
fn ways(draft: &Draft<'_>, node: &Node, split: bool) -> Result<Vec<Way>, TooMany> {
    let bounded = |ways: Vec<Way>| if ways.len() > ALTERNATIVES_MAX { Err(TooMany) } else { Ok(ways) };
    let product = |left: &[Way], right: &[Way], both: fn(&Way, &Way) -> Way| {
        if left.len().saturating_mul(right.len()) > ALTERNATIVES_MAX {
            return Err(TooMany);
        }
        Ok(left.iter().flat_map(|a| right.iter().map(move |b| both(a, b))).collect::<Vec<Way>>())
    };
    match node {
        Node::All(nodes) => {
            let mut all = vec![Way::default()];
            for node in nodes {
                all = product(&all, &ways(draft, node, split)?, Way::and)?;
            }
            Ok(all)
        }
        Node::Any(nodes) if split || has_event(draft, node) => {
            let mut any = Vec::new();
            for node in nodes {
                any.extend(ways(draft, node, split)?);
                if any.len() > ALTERNATIVES_MAX {
                    return Err(TooMany);
                }
            }
            bounded(any)
        }
        Node::Then(a, b, _) => product(&ways(draft, a, true)?, &ways(draft, b, true)?, Way::then),
        Node::Term(term) if is_run(draft, *term) => Ok(vec![Way { runs: vec![*term], ..Way::default() }]),
        other => Ok(vec![Way { rest: vec![other.clone()], ..Way::default() }]),
    }
}

/// Turns nodes into tests.
struct Tests<'a> {
    draft: &'a Draft<'a>,
    exprs: &'a [Option<Arc<ExprTest>>],
}

impl Tests<'_> {
    fn test(&self, node: &Node) -> Test {
        match node {
            Node::All(nodes) => all(nodes.iter().map(|n| self.test(n)).collect()),
            Node::Any(nodes) => any(nodes.iter().map(|n| self.test(n)).collect()),
            Node::Not(inner) => Test::Not(Box::new(self.test(inner))),
            Node::Term(term) => Test::Term(*term),
            Node::Expr(index) => match self.exprs.get(*index).cloned().flatten() {
                Some(expr) => Test::Expr(expr),
                None => Test::All(Vec::new()),
            },
            Node::Then(..) => {
                // Within the limit, or the whole condition would have been refused.
                let ways = ways(self.draft, node, true).unwrap_or_default();
                any(ways.iter().map(|way| self.way(way, &way.runs, &way.order)).collect())
            }
        }
    }

    /// Runs and order of a way read as states, and its rest.
    fn way(&self, way: &Way, runs: &[usize], order: &[(usize, usize)]) -> Test {
        let runs = runs.iter().map(|run| Test::Term(*run));
        let order = order.iter().map(|(first, second)| Test::Later(*first, *second));
        all(runs.chain(order).chain(way.rest.iter().map(|n| self.test(n))).collect())
    }

    fn alternative(&self, way: &Way, any: Option<usize>) -> Alternative {
        let mut events: Vec<(usize, Event)> = Vec::new();
        let mut states: Vec<usize> = Vec::new();
        let mut order = Vec::new();
        for run in &way.runs {
            match event(self.draft, *run) {
                Some(outcome) => events.push((*run, Event { term: *run, outcome, after: None })),
                None => states.push(*run),
            }
        }
        let places: Vec<usize> = events.iter().map(|(run, _)| *run).collect();
        for (first, second) in &way.order {
            let before = places.iter().position(|run| run == first);
            let event = events.iter_mut().find(|(run, event)| run == second && event.after.is_none());
            match (before, event) {
                (Some(before), Some((_, event))) => event.after = Some(before),
                _ => order.push((*first, *second)),
            }
        }
        let rest = self.way(way, &states, &order);
        let mentions = |term: &usize| way.runs.contains(term) || way.rest.iter().any(|n| mentions(n, *term));
        let any = any.filter(mentions);
        Alternative { events: events.iter().map(|(_, event)| *event).collect(), rest, any }
    }
}

fn mentions(node: &Node, term: usize) -> bool {
    match node {
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().any(|n| mentions(n, term)),
        Node::Not(inner) => mentions(inner, term),
        Node::Then(a, b, _) => mentions(a, term) || mentions(b, term),
        Node::Term(t) => *t == term,
        Node::Expr(_) => false,
    }
}

/// Whether a state can give an episode: a positive term about one object. `every` has no uid and no beginning of its own.
fn has_episode(draft: &Draft<'_>, node: &Node) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().any(|n| has_episode(draft, n)),
        Node::Any(nodes) => !nodes.is_empty() && nodes.iter().all(|n| has_episode(draft, n)),
        Node::Term(term) => draft.terms.get(*term).is_none_or(|t| t.source.quantifier != Quantifier::Every),
        Node::Then(a, b, _) => has_episode(draft, a) || has_episode(draft, b),
        Node::Not(_) | Node::Expr(_) => false,
    }
}

fn all(tests: Vec<Test>) -> Test {
    let mut flat = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    if flat.len() == 1 { flat.pop().unwrap_or(Test::All(Vec::new())) } else { Test::All(flat) }
}

fn any(tests: Vec<Test>) -> Test {
    let mut flat = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Any(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    if flat.len() == 1 { flat.pop().unwrap_or(Test::All(Vec::new())) } else { Test::Any(flat) }
}

impl Resolver<'_> {
    /// `and then` needs runs on both sides.
    pub(super) fn check_then(&mut self, draft: &Draft<'_>, node: &Node) {
        match node {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|n| self.check_then(draft, n)),
            Node::Not(inner) => self.check_then(draft, inner),
            Node::Then(a, b, span) => {
                self.check_then(draft, a);
                self.check_then(draft, b);
                let runs =
                    |side: &Node| ways(draft, side, true).is_ok_and(|ways| ways.iter().all(|w| !w.runs.is_empty()));
                let side = [(&**a, "before"), (&**b, "after")].into_iter().find(|(side, _)| !runs(side));
                if let Some((_, where_)) = side {
                    let message = format!("`and then` orders runs, and what stands {where_} it is not a run");
                    let help = "`and then` needs `succeeds`, `fails`, `has succeeded` or `has failed` on both sides; join states with `and`";
                    self.error(Code::AND_THEN, *span, message, help);
                }
            }
            Node::Term(_) | Node::Expr(_) => {}
        }
    }

    /// The alternatives of a condition; errors where one has no cause, or there are too many.
    pub(super) fn alternatives(
        &mut self,
        draft: &Draft<'_>,
        node: &Node,
        exprs: &[Option<Arc<ExprTest>>],
        span: Span,
    ) -> Option<Vec<Alternative>> {
        let mut found = Vec::new();
        let split = ways(draft, node, false).and_then(|ways| {
            for way in ways {
                if way.runs.iter().any(|run| event(draft, *run).is_some()) {
                    found.push(way);
                } else {
                    // States alone: each side of `or` has its own episodes.
                    let states = Node::All(way.rest.clone());
                    let split = self::ways(draft, &states, true)?;
                    let alone = Way { rest: Vec::new(), ..way };
                    found.extend(split.iter().map(|side| alone.and(side)));
                }
                if found.len() > ALTERNATIVES_MAX {
                    return Err(TooMany);
                }
            }
            Ok(())
        });
        if split.is_err() {
            let message = format!("the condition has more than {ALTERNATIVES_MAX} alternatives (combinations of `or`)");
            self.error(Code::LIMIT, span, message, "make them several rules");
            return None;
        }
        let tests = Tests { draft, exprs };
        let caused = |way: &Way| {
            let runs = way.runs.iter().any(|run| event(draft, *run).is_some() || has_episode(draft, &Node::Term(*run)));
            runs || way.rest.iter().any(|n| has_episode(draft, n))
        };
        if !draft.broken && !found.iter().all(caused) {
            self.no_cause(draft, node, span);
            return None;
        }
        Some(found.iter().map(|way| tests.alternative(way, draft.any)).collect())
    }

    /// The whole condition read as states.
    pub(super) fn states(&self, draft: &Draft<'_>, node: &Node, exprs: &[Option<Arc<ExprTest>>]) -> Test {
        Tests { draft, exprs }.test(node)
    }

    fn no_cause(&mut self, draft: &Draft<'_>, node: &Node, span: Span) {
        let message = match node {
            Node::Term(term) if !has_episode(draft, &Node::Term(*term)) => {
                "the state of many objects has no beginning, so it gives no cause to act"
            }
            Node::Not(_) => "`not` alone gives no cause to act",
            Node::Expr(_) => "an expression alone gives no cause to act",
            _ => "nothing here can be a cause to act: `not`, expressions and the state of `every` give none",
        };
        let help = "add an event such as `job NAME succeeds`, or a state such as `isvc NAME is degraded for 5m`";
        self.error(Code::NO_CAUSE, span, message, help);
    }
}

/// Whether a selection has no single answer for a gate: `any` of something else than the runs of one schedule.
pub(super) fn has_no_single_answer(term: &crate::rulebook::Term) -> bool {
    use crate::rulebook::Filter;
    let series = |f: &Filter| matches!(f, Filter::Owner(..) | Filter::Series(..));
    term.source.quantifier == Quantifier::Any && !term.source.filters.iter().any(series)
}

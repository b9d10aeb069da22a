//! Expressions with a kind's `let`s put in their places.

use std::collections::BTreeMap;

use crate::syntax::tree::{Expr, ExprNode};

/// The largest expression that a `let` is put into, in nodes: chains of `let`s could double it again and again.
const NODES_MAX: usize = 4096;

/// The bindings so far, each without the ones before it.
#[derive(Debug, Default)]
pub(super) struct Lets {
    items: BTreeMap<String, (Expr, usize)>,
}

impl Lets {
    /// Adds a binding.
    pub(super) fn add(&mut self, name: &str, expr: &Expr) {
        let expr = self.inlined(expr);
        let nodes = count(&expr);
        self.items.insert(name.to_owned(), (expr, nodes));
    }

    /// An expression with each name replaced by what it stands for; past the limit the rest stays as written.
    pub(super) fn inlined(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        let mut budget = NODES_MAX;
        self.replace(&mut expr, &mut Vec::new(), &mut budget);
        expr
    }

    fn replace(&self, expr: &mut Expr, hidden: &mut Vec<String>, budget: &mut usize) {
        if let ExprNode::Ident(name) = &expr.node {
            let found = self.items.get(name).filter(|(_, nodes)| !hidden.contains(name) && nodes <= budget);
            if let Some((value, nodes)) = found {
                *budget -= nodes;
                *expr = value.clone();
            }
            return;
        }
        if let ExprNode::Macro(_, range, names, bodies) = &mut expr.node {
            self.replace(range, hidden, budget);
            let depth = hidden.len();
            hidden.extend(names.iter().map(|name| name.node.clone()));
            bodies.iter_mut().for_each(|body| self.replace(body, hidden, budget));
            hidden.truncate(depth);
            return;
        }
        expr.children_mut().into_iter().for_each(|child| self.replace(child, hidden, budget));
    }
}

fn count(expr: &Expr) -> usize {
    1 + expr.children().into_iter().map(count).sum::<usize>()
}

//! Conditions: when an expression is true, and when it is false. It is neither where it is an error, and then its line does not hold.

use super::cx::Cx;
use super::formula::{Formula, Literal};
use super::make;
use super::tidy::tidy;
use super::value::{Val, present};
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

impl Cx<'_> {
    /// When an expression is `want`.
    pub(super) fn truth(&mut self, e: &Expr, want: bool) -> Option<Formula> {
        self.visit(e.span)?;
        match &e.node {
            ExprNode::Bool(value) => Some(if *value == want { Formula::True } else { Formula::False }),
            ExprNode::Not(a) => self.truth(a, !want),
            ExprNode::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                let (a, b) = (self.truth(a, want), self.truth(b, want));
                let (a, b) = (a?, b?);
                let both = (*op == BinaryOp::And) == want;
                Some(if both { Formula::all([a, b]) } else { Formula::any([a, b]) })
            }
            ExprNode::Conditional(test, yes, no) => {
                let (holds, fails) = (self.truth(test, true)?, self.truth(test, false)?);
                let (yes, no) = (self.truth(yes, want)?, self.truth(no, want)?);
                Some(Formula::any([Formula::all([holds, yes]), Formula::all([fails, no])]))
            }
            ExprNode::Ident(name) if self.var(name).is_none() && self.let_of(name).is_some() => {
                let at = self.let_of(name)?;
                let expr = self.lets.get(at)?.expr;
                self.at_let(at, |cx| cx.truth(expr, want))
            }
            ExprNode::Has(path) => self.has(e, path, want),
            ExprNode::Macro(op @ (MacroOp::All | MacroOp::Exists), range, names, bodies) => {
                self.quantified(e, *op, range, names, bodies, want)
            }
            ExprNode::Macro(MacroOp::ExistsOne, range, names, bodies) => self.exists_one(e, range, names, bodies, want),
            ExprNode::Binary(
                op @ (BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::In),
                a,
                b,
            ) => self.comparison(e, *op, a, b, want),
            _ => {
                let value = self.value(e)?;
                Some(field(value, want))
            }
        }
    }

    /// When a condition is true or false, and no error.
    pub(super) fn defined(&mut self, e: &Expr) -> Option<Formula> {
        self.visit(e.span)?;
        match &e.node {
            ExprNode::Not(a) => self.defined(a),
            ExprNode::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                let (sure_a, sure_b) = (self.defined(a)?, self.defined(b)?);
                let both = Formula::all([sure_a, sure_b]);
                if both == Formula::True {
                    return Some(both);
                }
                let decides = *op == BinaryOp::Or;
                Some(Formula::any([both, self.truth(a, decides)?, self.truth(b, decides)?]))
            }
            ExprNode::Binary(
                BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In,
                a,
                b,
            ) => Some(Formula::all([self.value(a)?.sure(), self.value(b)?.sure()])),
            _ => Some(Formula::any([self.truth(e, true)?, self.truth(e, false)?])),
        }
    }

    fn has(&mut self, e: &Expr, path: &Expr, want: bool) -> Option<Formula> {
        let (ExprNode::Select(base, name) | ExprNode::OptSelect(base, name)) = &path.node else {
            return self.refuse(e.span, "`has` asks for a field", "");
        };
        if self.is_self(base) {
            let root = self.optional_root(e.span, &name.node)?;
            if self.absent.as_deref() == Some(name.node.as_str()) {
                return Some(if want { Formula::False } else { Formula::True });
            }
            // False only of null, which is absent in the rules; an error in Flux where there is no such field.
            let there = make::binary(BinaryOp::Ne, root, make::of(e.span, ExprNode::Null));
            return Some(lit(there, want));
        }
        let base = self.value(base)?;
        if base.optional {
            let start = base.root.clone().unwrap_or_else(|| base.expr.clone());
            let step = make::of(path.span, ExprNode::OptSelect(Box::new(start), name.clone()));
            let there = Formula::of(make::method(step, "hasValue", Vec::new()));
            return Some(Formula::all([base.given, if want { there } else { there.negated() }]));
        }
        let select = make::of(path.span, ExprNode::Select(Box::new(base.expr.clone()), name.clone()));
        Some(if want {
            // That implies that the base is there.
            Formula::all([base.given, present(&select)])
        } else {
            let has = make::of(e.span, ExprNode::Has(Box::new(select)));
            Formula::all([base.sure(), Formula::of(has).negated()])
        })
    }

    /// `all` and `exists`: decided by one element, whatever the others are.
    fn quantified(
        &mut self,
        e: &Expr,
        op: MacroOp,
        range: &Expr,
        names: &[Name],
        bodies: &[Expr],
        want: bool,
    ) -> Option<Formula> {
        let ([name], [body]) = (names, bodies) else {
            return self.refuse(e.span, "this macro has not one variable", "");
        };
        let (written, range) = (range, self.value(range)?);
        let (here, (yes, no)) = self.with_var(&name.node, written, &range.expr, |cx| {
            let (yes, no) = (cx.truth(body, true), cx.truth(body, false));
            Some((tidy(yes?), tidy(no?)))
        })?;
        let over = |op: MacroOp, body: &Formula| Formula::of(make::over(op, range.expr.clone(), &here, body.expr(e)));
        let other = if op == MacroOp::All { MacroOp::Exists } else { MacroOp::All };
        let holds = match want {
            true => over(op, &yes),
            // Where each element is the one or the other, the opposite is shorter.
            false if no == yes.clone().negated() => over(op, &yes).negated(),
            false => over(other, &no),
        };
        Some(Formula::all([range.sure(), holds]))
    }

    /// `exists_one`: an error if any element's test is one.
    fn exists_one(&mut self, e: &Expr, range: &Expr, names: &[Name], bodies: &[Expr], want: bool) -> Option<Formula> {
        let ([name], [body]) = (names, bodies) else {
            return self.refuse(e.span, "this macro has not one variable", "");
        };
        let (written, range) = (range, self.value(range)?);
        let (here, (test, sure)) = self.with_var(&name.node, written, &range.expr, |cx| {
            let (test, sure) = (cx.value(body)?, cx.defined(body)?);
            Some((test.expr, tidy(sure)))
        })?;
        let one = Formula::of(make::over(MacroOp::ExistsOne, range.expr.clone(), &here, test));
        let mut all = vec![range.sure(), if want { one } else { one.negated() }];
        if sure != Formula::True {
            all.push(Formula::of(make::over(MacroOp::All, range.expr.clone(), &here, sure.expr(e))));
        }
        Some(Formula::all(all))
    }

    fn comparison(&mut self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr, want: bool) -> Option<Formula> {
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne) && (self.is_of_keys(a) || self.is_of_keys(b)) {
            let help = "ask with `exists`, `all`, `in` or `size`";
            return self.refuse(e.span, "Flux goes through a map in no fixed order", help);
        }
        let (a, b) = (self.value(a)?, self.value(b)?);
        if let Some(short) = with_default(&a, op, &b, want) {
            return Some(short);
        }
        let compared = make::of(e.span, ExprNode::Binary(op, Box::new(a.expr.clone()), Box::new(b.expr.clone())));
        Some(Formula::all([a.sure(), b.sure(), lit(compared, want)]))
    }
}

fn lit(expr: Expr, want: bool) -> Formula {
    let formula = Formula::of(expr);
    if want { formula } else { formula.negated() }
}

/// A field that is a condition itself.
fn field(value: Val, want: bool) -> Formula {
    if !make::is_path(&value.expr) || value.certain {
        return Formula::all([value.sure(), lit(value.expr, want)]);
    }
    // Absent reads as the other one.
    let span = value.expr.span;
    let or = make::method(make::optional(&value.expr), "orValue", vec![make::bool(span, !want)]);
    Formula::all([value.given, lit(or, want)])
}

/// `status.phase == "Ready"` as `status.?phase.orValue("") == "Ready"`: the comparison does not hold of what stands for the absent.
fn with_default(a: &Val, op: BinaryOp, b: &Val, want: bool) -> Option<Formula> {
    if !make::is_path(&a.expr) || a.optional || a.certain {
        return None;
    }
    let like = match &b.expr.node {
        ExprNode::List(items) if op == BinaryOp::In => {
            let all_plain = items.iter().all(|item| Literal::of(item).is_some());
            all_plain.then(|| items.first()).flatten()?
        }
        _ => &b.expr,
    };
    let default = match Literal::of(like)? {
        Literal::Bool(_) => ExprNode::Bool(false),
        Literal::Int(_) => ExprNode::Int(0),
        Literal::String(_) => ExprNode::String(String::new()),
    };
    let default = make::of(a.expr.span, default);
    let compared =
        |subject: Expr| make::of(a.expr.span, ExprNode::Binary(op, Box::new(subject), Box::new(b.expr.clone())));
    if lit(compared(default.clone()), want) != Formula::False {
        return None;
    }
    let subject = make::method(make::optional(&a.expr), "orValue", vec![default]);
    Some(Formula::all([a.given.clone(), lit(compared(subject), want)]))
}

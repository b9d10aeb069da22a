//! Values: an expression as Flux reads it, and when it has a value at all.

use super::cx::Cx;
use super::formula::Formula;
use super::make;
use crate::syntax::tree::{BinaryOp, Expr, ExprNode, MacroOp, Name};

/// A rewritten expression.
#[derive(Clone, Debug)]
pub(super) struct Val {
    /// Without `self.`, `let`s in their places. An error unless [`Val::sure`] holds.
    pub expr: Expr,
    /// What must hold for a value, beside that the path which the expression may be is there.
    pub given: Formula,
    /// An optional: what is absent below it is no error.
    pub optional: bool,
    /// `self.?field`: the field, which the steps after it start from.
    pub root: Option<Expr>,
    /// A path that is there if what it starts from is.
    pub certain: bool,
}

impl Val {
    fn plain(expr: Expr, given: Formula) -> Val {
        Val { expr, given, optional: false, root: None, certain: false }
    }

    fn opt(expr: Expr, given: Formula) -> Val {
        Val { optional: true, ..Val::plain(expr, given) }
    }

    /// When there is a value.
    pub(super) fn sure(&self) -> Formula {
        Formula::all([self.given.clone(), self.there()])
    }

    /// That its path is there.
    fn there(&self) -> Formula {
        if self.certain { Formula::True } else { present(&self.expr) }
    }

    /// What the steps after an optional start from.
    fn start(&self) -> Expr {
        self.root.clone().unwrap_or_else(|| self.expr.clone())
    }
}

/// Whether a path is there; always, of what is no path.
pub(super) fn present(expr: &Expr) -> Formula {
    match &expr.node {
        ExprNode::Select(base, _) if matches!(base.node, ExprNode::Ident(_)) => {
            Formula::of(make::of(expr.span, ExprNode::Has(Box::new(expr.clone()))))
        }
        _ if make::is_path(expr) => Formula::of(make::method(make::optional(expr), "hasValue", Vec::new())),
        _ => Formula::True,
    }
}

fn is_none(expr: &Expr) -> bool {
    matches!(&expr.node, ExprNode::Call(name, _) if name.node == "optional.none")
}

fn none(like: &Expr) -> Expr {
    make::call(like.span, "optional.none", Vec::new())
}

impl Cx<'_> {
    pub(super) fn value(&mut self, e: &Expr) -> Option<Val> {
        self.visit(e.span)?;
        let boxed = |expr: Expr| Box::new(expr);
        Some(match &e.node {
            ExprNode::Null
            | ExprNode::Bool(_)
            | ExprNode::Int(_)
            | ExprNode::Uint(_)
            | ExprNode::Double(_)
            | ExprNode::String(_) => Val::plain(e.clone(), Formula::True),
            ExprNode::Ident(name) => return self.name(e, name),
            ExprNode::Select(base, field) => return self.step(e, base, Step::Field(field), false),
            ExprNode::OptSelect(base, field) => return self.step(e, base, Step::Field(field), true),
            ExprNode::Index(base, key) => return self.step(e, base, Step::Key(key), false),
            ExprNode::OptIndex(base, key) => return self.step(e, base, Step::Key(key), true),
            ExprNode::Neg(a) => {
                let a = self.value(a)?;
                Val::plain(make::of(e.span, ExprNode::Neg(boxed(a.expr.clone()))), a.sure())
            }
            ExprNode::Binary(
                op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem),
                a,
                b,
            ) => self.arithmetic(e, *op, a, b)?,
            ExprNode::Conditional(test, yes, no) => self.conditional(e, test, yes, no)?,
            ExprNode::List(items) => {
                let items = self.values(items)?;
                let given = Formula::all(items.iter().map(Val::sure));
                Val::plain(make::of(e.span, ExprNode::List(items.into_iter().map(|v| v.expr).collect())), given)
            }
            ExprNode::Map(entries) => {
                let mut made = Vec::with_capacity(entries.len());
                let mut given = Vec::new();
                for (key, value) in entries {
                    let (key, value) = (self.value(key)?, self.value(value)?);
                    given.extend([key.sure(), value.sure()]);
                    made.push((key.expr, value.expr));
                }
                Val::plain(make::of(e.span, ExprNode::Map(made)), Formula::all(given))
            }
            ExprNode::Call(name, args) => self.call(e, name, args)?,
            ExprNode::Method(base, name, args) => self.method(e, base, name, args)?,
            ExprNode::Macro(op @ (MacroOp::Filter | MacroOp::Map), range, names, bodies) => {
                self.list(e, *op, range, names, bodies)?
            }
            ExprNode::Has(_) | ExprNode::Not(_) | ExprNode::Binary(..) | ExprNode::Macro(..) => {
                let given = self.defined(e)?;
                Val::plain(self.raw(e)?, given)
            }
        })
    }

    fn values(&mut self, exprs: &[Expr]) -> Option<Vec<Val>> {
        exprs.iter().map(|expr| self.value(expr)).collect()
    }

    fn name(&mut self, e: &Expr, name: &str) -> Option<Val> {
        if let Some(here) = self.var(name) {
            return Some(Val::plain(make::ident(e.span, here), Formula::True));
        }
        if let Some(at) = self.let_of(name) {
            let expr = self.lets.get(at)?.expr;
            return self.at_let(at, |cx| cx.value(expr));
        }
        if name == "self" {
            let help = "ask for its fields: `self.status`";
            return self.refuse(e.span, "Flux has no variable for the whole object", help);
        }
        self.refuse(e.span, format!("`{name}` is not known here"), "")
    }

    /// `base.field`, `base[key]`, and both as optional steps.
    fn step(&mut self, e: &Expr, base: &Expr, step: Step<'_>, optional: bool) -> Option<Val> {
        if self.is_self(base) {
            return self.top(e, step, optional);
        }
        let written = base;
        let base = self.value(written)?;
        let certain = match step {
            Step::Field(field) => self.is_certain(written, &field.node),
            Step::Key(key) => self.is_key_of(key, &base.expr),
        };
        if base.optional && is_none(&base.expr) {
            return Some(Val::opt(none(e), base.given));
        }
        let mut given = vec![base.given.clone()];
        let node = |cx: &mut Self, on: Expr, optional: bool, given: &mut Vec<Formula>| {
            let on = Box::new(on);
            Some(match step {
                Step::Field(field) if optional => ExprNode::OptSelect(on, field.clone()),
                Step::Field(field) => ExprNode::Select(on, field.clone()),
                Step::Key(key) => {
                    let key = cx.value(key)?;
                    given.push(key.sure());
                    let key = Box::new(key.expr);
                    if optional { ExprNode::OptIndex(on, key) } else { ExprNode::Index(on, key) }
                }
            })
        };
        if let Step::Key(_) = step {
            self.ordered(
                e,
                match &e.node {
                    ExprNode::Index(base, _) | ExprNode::OptIndex(base, _) => base,
                    _ => e,
                },
            )?;
        }
        if base.optional || optional {
            if !base.optional {
                given.push(base.there());
            }
            let node = node(self, base.start(), true, &mut given)?;
            return Some(Val::opt(make::of(e.span, node), Formula::all(given)));
        }
        let node = node(self, base.expr, false, &mut given)?;
        Some(Val { certain, ..Val::plain(make::of(e.span, node), Formula::all(given)) })
    }

    /// A field at the top of the object.
    fn top(&mut self, e: &Expr, step: Step<'_>, optional: bool) -> Option<Val> {
        let field = match step {
            Step::Field(field) => field.node.as_str(),
            Step::Key(Expr { node: ExprNode::String(field), .. }) => field.as_str(),
            Step::Key(key) => {
                let help = "write the field's name: `self.status`";
                return self.refuse(key.span, "Flux has no variable for the whole object", help);
            }
        };
        let root = if optional { self.optional_root(e.span, field)? } else { self.root(e.span, field)? };
        Some(match (self.absent.as_deref() == Some(field), optional) {
            (false, false) => Val::plain(root, Formula::True),
            (true, false) => Val::plain(root, Formula::False),
            (true, true) => Val::opt(none(e), Formula::True),
            (false, true) => {
                let of = make::call(e.span, "optional.of", vec![root.clone()]);
                Val { root: Some(root), ..Val::opt(of, Formula::True) }
            }
        })
    }

    /// The order of a map's keys must not matter here.
    fn ordered(&mut self, e: &Expr, list: &Expr) -> Option<()> {
        if !self.is_of_keys(list) {
            return Some(());
        }
        self.refuse(e.span, "Flux goes through a map in no fixed order", "ask with `exists`, `all`, `in` or `size`")
    }

    fn arithmetic(&mut self, e: &Expr, op: BinaryOp, a: &Expr, b: &Expr) -> Option<Val> {
        let (a, b) = (self.value(a)?, self.value(b)?);
        let mut given = vec![a.sure(), b.sure()];
        if matches!(op, BinaryOp::Div | BinaryOp::Rem) {
            let zero = make::of(e.span, ExprNode::Int(0));
            given.push(Formula::of(make::binary(BinaryOp::Eq, b.expr.clone(), zero)).negated());
        }
        Some(Val::plain(make::binary(op, a.expr, b.expr), Formula::all(given)))
    }

    fn conditional(&mut self, e: &Expr, test: &Expr, yes: &Expr, no: &Expr) -> Option<Val> {
        let (holds, fails) = (self.truth(test, true)?, self.truth(test, false)?);
        let (yes, no) = (self.value(yes)?, self.value(no)?);
        match (&holds, &fails) {
            (Formula::True, _) => return Some(yes),
            (_, Formula::True) => return Some(no),
            _ => {}
        }
        let test = self.raw(test)?;
        let given = if yes.sure() == Formula::True && no.sure() == Formula::True {
            Formula::any([holds, fails])
        } else {
            Formula::any([Formula::all([holds, yes.sure()]), Formula::all([fails, no.sure()])])
        };
        let optional = yes.optional && no.optional;
        let node = ExprNode::Conditional(Box::new(test), Box::new(yes.expr), Box::new(no.expr));
        Some(Val { optional, ..Val::plain(make::of(e.span, node), given) })
    }

    fn call(&mut self, e: &Expr, name: &Name, args: &[Expr]) -> Option<Val> {
        let vals = self.values(args)?;
        let mut given: Vec<Formula> = vals.iter().map(Val::sure).collect();
        let exprs: Vec<Expr> = vals.into_iter().map(|v| v.expr).collect();
        let fails = match name.node.as_str() {
            "int" => {
                given.push(exprs.first().map_or(Formula::True, is_whole));
                None
            }
            "uint" => Some("uint"),
            "double" => Some("double"),
            "bool" => Some("bool"),
            "timestamp" => Some("timestamp"),
            "duration" => Some("duration"),
            _ => None,
        };
        if let (Some(fails), false) = (fails, exprs.iter().all(make::is_closed)) {
            self.may_fail.entry(fails).or_insert(e.span);
        }
        let optional = name.node.starts_with("optional.");
        let made = make::of(e.span, ExprNode::Call(name.clone(), exprs));
        Some(Val { optional, ..Val::plain(made, Formula::all(given)) })
    }

    fn method(&mut self, e: &Expr, base: &Expr, name: &Name, args: &[Expr]) -> Option<Val> {
        if name.node == "join" {
            self.ordered(e, base)?;
        }
        let base = self.value(base)?;
        match (name.node.as_str(), args) {
            ("or" | "orValue", [other]) => {
                let other = self.value(other)?;
                return Some(self.otherwise(e, base, name, other));
            }
            ("optMap" | "optFlatMap", [var, body]) => return self.mapped(e, base, name, var, body),
            _ => {}
        }
        let args = self.values(args)?;
        let mut given = vec![base.sure()];
        given.extend(args.iter().map(Val::sure));
        match name.node.as_str() {
            "value" => given.push(Formula::of(make::method(base.expr.clone(), "hasValue", Vec::new()))),
            "substring" => {
                self.may_fail.entry("substring").or_insert(e.span);
            }
            "charAt" => {
                self.may_fail.entry("charAt").or_insert(e.span);
            }
            "indexOf" | "lastIndexOf" if args.len() > 1 => {
                self.may_fail.entry("indexOf").or_insert(e.span);
            }
            _ => {}
        }
        let args = args.into_iter().map(|v| v.expr).collect();
        let made = make::of(e.span, ExprNode::Method(Box::new(base.expr), name.clone(), args));
        Some(Val::plain(made, Formula::all(given)))
    }

    /// `a.or(b)` and `a.orValue(b)`: b is evaluated only if a has no value.
    fn otherwise(&mut self, e: &Expr, base: Val, name: &Name, other: Val) -> Val {
        let optional = name.node == "or";
        if is_none(&base.expr) {
            return Val { given: Formula::all([base.given, other.given.clone()]), ..other };
        }
        if base.root.is_some() {
            // `self.?field` has a value: that the field is there is taken for granted.
            return if optional { base } else { Val::plain(base.start(), base.given) };
        }
        let there = Formula::of(make::method(base.expr.clone(), "hasValue", Vec::new()));
        let given = Formula::all([base.given, Formula::any([there, other.sure()])]);
        let made = make::of(e.span, ExprNode::Method(Box::new(base.expr), name.clone(), vec![other.expr]));
        Val { optional, ..Val::plain(made, given) }
    }

    fn mapped(&mut self, e: &Expr, base: Val, name: &Name, var: &Expr, body: &Expr) -> Option<Val> {
        let ExprNode::Ident(var) = &var.node else { return self.refuse(e.span, "this has no variable", "") };
        if is_none(&base.expr) {
            return Some(Val::opt(none(e), base.given));
        }
        let (here, body) = self.with_var(var, e, &base.expr, |cx| cx.value(body))?;
        let mut given = vec![base.given.clone()];
        let sure = body.sure();
        let variable = make::ident(e.span, &here);
        if sure != Formula::True {
            let asked = make::method(base.expr.clone(), "optMap", vec![variable.clone(), sure.expr(e)]);
            given.push(Formula::of(make::method(asked, "orValue", vec![make::bool(e.span, true)])));
        }
        let args = vec![variable, body.expr];
        let made = make::of(e.span, ExprNode::Method(Box::new(base.expr), name.clone(), args));
        Some(Val::opt(made, Formula::all(given)))
    }

    /// `filter` and `map`: an error if any element's body is one.
    fn list(&mut self, e: &Expr, op: MacroOp, range: &Expr, names: &[Name], bodies: &[Expr]) -> Option<Val> {
        let [name] = names else { return self.refuse(e.span, "this macro has not one variable", "") };
        let (written, range) = (range, self.value(range)?);
        let (here, (bodies, sure)) = self.with_var(&name.node, written, &range.expr, |cx| {
            let bodies = cx.values(bodies)?;
            let sure = match bodies.as_slice() {
                // The element counts only where the test holds.
                [test, result] if result.sure() != Formula::True => {
                    let test = Formula::of(test.expr.clone());
                    Formula::any([test.negated(), result.sure()])
                }
                _ => Formula::True,
            };
            let first = bodies.first().map_or(Formula::True, Val::sure);
            Some((bodies, super::tidy::tidy(Formula::all([first, sure]))))
        })?;
        let mut given = vec![range.sure()];
        if sure != Formula::True {
            let body = sure.expr(e);
            given.push(Formula::of(make::over(MacroOp::All, range.expr.clone(), &here, body)));
        }
        let bodies = bodies.into_iter().map(|v| v.expr).collect();
        let names = vec![make::name(name.span, &here)];
        let made = make::of(e.span, ExprNode::Macro(op, Box::new(range.expr), names, bodies));
        Some(Val::plain(made, Formula::all(given)))
    }

    /// A condition as it was written, an error where that is one.
    fn raw(&mut self, e: &Expr) -> Option<Expr> {
        self.visit(e.span)?;
        Some(match &e.node {
            ExprNode::Not(a) => make::of(e.span, ExprNode::Not(Box::new(self.raw(a)?))),
            ExprNode::Has(path) => self.raw_has(e, path)?,
            ExprNode::Binary(
                op @ (BinaryOp::Or
                | BinaryOp::And
                | BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::In),
                a,
                b,
            ) => make::of(e.span, ExprNode::Binary(*op, Box::new(self.raw(a)?), Box::new(self.raw(b)?))),
            ExprNode::Macro(op @ (MacroOp::All | MacroOp::Exists | MacroOp::ExistsOne), range, names, bodies) => {
                let ([name], [body]) = (names.as_slice(), bodies.as_slice()) else {
                    return self.refuse(e.span, "this macro has not one variable", "");
                };
                let (written, range) = (range, self.value(range)?.expr);
                let (here, body) = self.with_var(&name.node, written, &range, |cx| cx.raw(body))?;
                make::of(e.span, ExprNode::Macro(*op, Box::new(range), vec![make::name(name.span, &here)], vec![body]))
            }
            ExprNode::Ident(name) if self.var(name).is_none() && self.let_of(name).is_some() => {
                let at = self.let_of(name)?;
                let expr = self.lets.get(at)?.expr;
                return self.at_let(at, |cx| cx.raw(expr));
            }
            _ => self.value(e)?.expr,
        })
    }

    fn raw_has(&mut self, e: &Expr, path: &Expr) -> Option<Expr> {
        let (ExprNode::Select(base, field) | ExprNode::OptSelect(base, field)) = &path.node else {
            return self.refuse(e.span, "`has` asks for a field", "");
        };
        if self.is_self(base) {
            let root = self.optional_root(e.span, &field.node)?;
            return Some(make::binary(BinaryOp::Ne, root, make::of(e.span, ExprNode::Null)));
        }
        let base = self.value(base)?;
        Some(if base.optional {
            let step = ExprNode::OptSelect(Box::new(base.start()), field.clone());
            make::method(make::of(e.span, step), "hasValue", Vec::new())
        } else {
            let select = make::of(path.span, ExprNode::Select(Box::new(base.expr), field.clone()));
            make::of(e.span, ExprNode::Has(Box::new(select)))
        })
    }
}

/// `int` takes numbers, and texts of digits.
fn is_whole(of: &Expr) -> Formula {
    if make::is_closed(of) {
        return Formula::True;
    }
    let kind = make::call(of.span, "type", vec![of.clone()]);
    let text = make::ident(of.span, "string");
    let pattern = make::of(of.span, ExprNode::String("^[-+]?[0-9]+$".to_owned()));
    let matches = make::method(of.clone(), "matches", vec![pattern]);
    Formula::any([Formula::of(make::binary(BinaryOp::Ne, kind, text)), Formula::of(matches)])
}

/// One step of a path.
#[derive(Clone, Copy)]
enum Step<'e> {
    Field(&'e Name),
    Key(&'e Expr),
}

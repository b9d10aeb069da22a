//! Variables: which words of an expression or text stand for which object, and compilation over them.

use std::sync::Arc;

use super::condition::Draft;
use super::context::Resolver;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Lets, Program, Template};
use crate::rulebook::{KindIx, ObjectRef, Var, VarFrom};
use crate::syntax::tree::{Expr, ExprNode, Quantifier, Text, TextPart};

/// A word that may stand for an object.
#[derive(Debug)]
struct Candidate {
    name: Arc<str>,
    from: VarFrom,
    /// The object, where it is a named one: two words for one object are not ambiguous.
    object: Option<ObjectRef>,
    /// Where it was named.
    span: Span,
    /// As the canonical text calls it.
    said: String,
}

/// The words of one rule, and those in use so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    candidates: Vec<Candidate>,
    /// The variables in use, by slot.
    pub vars: Vec<Var>,
    /// Kind words that would have been variables if they had no alias: (word, alias).
    hidden: Vec<(Arc<str>, String)>,
    /// `every` terms: their words stand for nothing.
    many: Vec<Arc<str>>,
}

impl Words {
    /// The words that the terms and targets of a rule bind.
    pub fn of(resolver: &Resolver<'_>, draft: &Draft<'_>, targets: &[(ObjectRef, Span)]) -> Words {
        let mut words = Words::default();
        for (index, (term, alias)) in draft.terms.iter().zip(&draft.aliases).enumerate() {
            let short = resolver.short(term.source.kind);
            if term.source.quantifier == Quantifier::Every {
                words.many.push(short);
                continue;
            }
            let name = match alias {
                Some(alias) => {
                    words.hidden.push((short, alias.node.clone()));
                    Arc::from(alias.node.as_str())
                }
                None => short,
            };
            words.add(resolver, name, VarFrom::Term(index), term.source.object.clone(), term.span);
        }
        for (target, span) in targets {
            let from = VarFrom::Target(target.clone());
            words.add(resolver, resolver.short(target.kind), from, Some(target.clone()), *span);
        }
        words
    }

    fn add(&mut self, resolver: &Resolver<'_>, name: Arc<str>, from: VarFrom, object: Option<ObjectRef>, span: Span) {
        let known = |c: &Candidate| c.name == name && c.object.is_some() && c.object == object;
        if self.candidates.iter().any(known) {
            return;
        }
        let said = match &object {
            Some(object) => resolver.say(object),
            None => format!("any {name}"),
        };
        self.candidates.push(Candidate { name, from, object, span, said });
    }

    /// Takes every free word of an expression into use; false, and errors, where one stands for nothing or for several.
    fn bind(&mut self, resolver: &mut Resolver<'_>, draft: &Draft<'_>, expr: &Expr) -> bool {
        let mut free = Vec::new();
        free_words(expr, &mut Vec::new(), &mut free);
        let mut fine = true;
        for (word, span) in free {
            if self.vars.iter().any(|var| *var.name == *word) {
                continue;
            }
            let mut meant = self.candidates.iter().filter(|c| *c.name == *word);
            match (meant.next(), meant.next()) {
                (Some(only), None) => {
                    let var = Var { name: only.name.clone(), from: only.from.clone() };
                    self.vars.push(var);
                }
                (Some(first), Some(second)) => {
                    let message = format!("`{word}` could be `{}` or `{}`", first.said, second.said);
                    let help = format!("name the one that is meant in the condition: `{} as NAME …`", first.said);
                    let found = Diagnostic::error(Code::AMBIGUOUS_NAME, span, message).help(help);
                    let found = found.related(first.span, "one is here").related(second.span, "the other is here");
                    resolver.report(found);
                    fine = false;
                }
                (None, _) => {
                    fine = false;
                    // After an error in the condition the name may well be that of what could not be resolved.
                    if !draft.broken {
                        self.unknown(resolver, word, span);
                    }
                }
            }
        }
        fine
    }

    fn unknown(&self, resolver: &mut Resolver<'_>, word: &str, span: Span) {
        let hidden = self.hidden.iter().find(|(short, _)| **short == *word);
        let many = self.many.iter().any(|short| **short == *word);
        let known: Vec<&str> = self.candidates.iter().map(|c| &*c.name).collect();
        let near = crate::diagnostic::suggest::nearest(word, known.iter().copied());
        let help = if let Some((_, alias)) = hidden {
            format!("the {word} of this rule is called `{alias}`")
        } else if many {
            format!("`every {word}` stands for many objects; use `where (…)` to ask something of each")
        } else if let Some(near) = near {
            format!("did you mean `{near}`?")
        } else if resolver.shorts.contains_key(word) {
            format!("ask about one in the condition, such as `{word} NAME is healthy`, and `{word}` stands for it")
        } else if known.is_empty() {
            "this rule names no object that could be meant; texts are written in quotes".to_owned()
        } else {
            format!("this rule's names are `{}`; texts are written in quotes", known.join("`, `"))
        };
        resolver.error(Code::UNKNOWN_NAME, span, format!("nothing here is called `{word}`"), help);
    }

    fn names(&self) -> Vec<&str> {
        self.vars.iter().map(|var| &*var.name).collect()
    }

    /// An expression of the rule's condition.
    pub fn condition(&mut self, resolver: &mut Resolver<'_>, draft: &Draft<'_>, expr: &Expr) -> Option<Program> {
        if !self.bind(resolver, draft, expr) {
            return None;
        }
        let names = self.names();
        resolver.compiled(|found| {
            let program = Program::compile(expr, &names, found)?;
            program.expect_bool(found).then_some(program)
        })
    }

    /// A text of the rule.
    pub fn text(&mut self, resolver: &mut Resolver<'_>, draft: &Draft<'_>, text: &Text) -> Option<Template> {
        let mut fine = true;
        for part in &text.parts {
            if let TextPart::Expr(expr) = part {
                fine &= self.bind(resolver, draft, expr);
            }
        }
        if !fine {
            return None;
        }
        let names = self.names();
        resolver.compiled(|found| Template::compile(text, &names, &Lets::new(), found))
    }
}

impl Resolver<'_> {
    /// Runs a compilation and counts its errors.
    pub fn compiled<T>(&mut self, compile: impl FnOnce(&mut Vec<Diagnostic>) -> Option<T>) -> Option<T> {
        let mut found = Vec::new();
        let compiled = compile(&mut found);
        for diagnostic in found {
            self.report(diagnostic);
        }
        compiled
    }

    /// `where (…)` of a selection: the member is `self`, or the kind's short name.
    pub fn where_program(&mut self, expr: &Expr, kind: KindIx) -> Option<Program> {
        let short = self.short(kind);
        let mut renamed = expr.clone();
        rename(&mut renamed, &short, "self", &mut Vec::new());
        self.compiled(|found| {
            let program = Program::compile(&renamed, &["self"], found)?;
            program.expect_bool(found).then_some(program)
        })
    }
}

/// The variables that a node binds for some of its children: a macro's, and that of `optMap`.
fn binders(expr: &Expr) -> Vec<&str> {
    match &expr.node {
        ExprNode::Macro(_, _, names, _) => names.iter().map(|n| n.node.as_str()).collect(),
        ExprNode::Method(_, name, args) if matches!(name.node.as_str(), "optMap" | "optFlatMap") => {
            match args.first().map(|a| &a.node) {
                Some(ExprNode::Ident(variable)) => vec![variable.as_str()],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// The children of a node: those outside its binders, and those inside.
fn children(expr: &Expr) -> (Vec<&Expr>, Vec<&Expr>) {
    match &expr.node {
        ExprNode::Select(a, _) | ExprNode::OptSelect(a, _) | ExprNode::Has(a) | ExprNode::Not(a) | ExprNode::Neg(a) => {
            (vec![a], Vec::new())
        }
        ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => (vec![a, b], Vec::new()),
        ExprNode::Call(_, args) | ExprNode::List(args) => (args.iter().collect(), Vec::new()),
        ExprNode::Method(base, _, args) if binders(expr).is_empty() => {
            ([&**base].into_iter().chain(args).collect(), Vec::new())
        }
        ExprNode::Method(base, _, args) => (vec![base], args.iter().skip(1).collect()),
        ExprNode::Macro(_, range, _, bodies) => (vec![range], bodies.iter().collect()),
        ExprNode::Conditional(a, b, c) => (vec![a, b, c], Vec::new()),
        ExprNode::Map(entries) => (entries.iter().flat_map(|(k, v)| [k, v]).collect(), Vec::new()),
        ExprNode::Null
        | ExprNode::Bool(_)
        | ExprNode::Int(_)
        | ExprNode::Uint(_)
        | ExprNode::Double(_)
        | ExprNode::String(_)
        | ExprNode::Ident(_) => (Vec::new(), Vec::new()),
    }
}

/// Every word that no macro around it binds, with its place, in order.
fn free_words<'e>(expr: &'e Expr, bound: &mut Vec<&'e str>, free: &mut Vec<(&'e str, Span)>) {
    if let ExprNode::Ident(word) = &expr.node {
        if !bound.contains(&word.as_str()) {
            free.push((word, expr.span));
        }
        return;
    }
    let (outside, inside) = children(expr);
    for child in outside {
        free_words(child, bound, free);
    }
    if !inside.is_empty() {
        let depth = bound.len();
        bound.extend(binders(expr));
        for child in inside {
            free_words(child, bound, free);
        }
        bound.truncate(depth);
    }
}

/// Renames a free word.
fn rename(expr: &mut Expr, from: &str, to: &str, bound: &mut Vec<String>) {
    let binds: Vec<String> = binders(expr).into_iter().map(str::to_owned).collect();
    let free = |bound: &[String]| !bound.iter().any(|b| b == from);
    match &mut expr.node {
        ExprNode::Ident(word) if word == from && free(bound) => to.clone_into(word),
        ExprNode::Select(a, _) | ExprNode::OptSelect(a, _) | ExprNode::Has(a) | ExprNode::Not(a) | ExprNode::Neg(a) => {
            rename(a, from, to, bound);
        }
        ExprNode::Index(a, b) | ExprNode::OptIndex(a, b) | ExprNode::Binary(_, a, b) => {
            rename(a, from, to, bound);
            rename(b, from, to, bound);
        }
        ExprNode::Call(_, args) | ExprNode::List(args) => args.iter_mut().for_each(|a| rename(a, from, to, bound)),
        ExprNode::Method(base, _, args) => {
            rename(base, from, to, bound);
            let depth = bound.len();
            bound.extend(binds);
            args.iter_mut().for_each(|a| rename(a, from, to, bound));
            bound.truncate(depth);
        }
        ExprNode::Macro(_, range, _, bodies) => {
            rename(range, from, to, bound);
            let depth = bound.len();
            bound.extend(binds);
            bodies.iter_mut().for_each(|a| rename(a, from, to, bound));
            bound.truncate(depth);
        }
        ExprNode::Conditional(a, b, c) => [a, b, c].into_iter().for_each(|a| rename(a, from, to, bound)),
        ExprNode::Map(entries) => entries.iter_mut().for_each(|(k, v)| {
            rename(k, from, to, bound);
            rename(v, from, to, bound);
        }),
        _ => {}
    }
}

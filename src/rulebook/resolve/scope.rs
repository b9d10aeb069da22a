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
    from: Place,
}

/// Where a word's object is named.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A term, by index.
    Term(usize),
    /// A target, by index.
    Target(usize),
}

/// The words of one rule, and those in use so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    candidates: Vec<Candidate>,
    targets: Vec<(ObjectRef, Span)>,
    /// The variables in use, by slot.
    pub vars: Vec<Var>,
}

impl Words {
    /// The words that the terms and targets of a rule bind.
    pub fn of(resolver: &Resolver<'_>, draft: &Draft<'_>, targets: Vec<(ObjectRef, Span)>) -> Words {
        let mut words = Words { candidates: Vec::new(), targets, vars: Vec::new() };
        for (index, (term, alias)) in draft.terms.iter().zip(&draft.aliases).enumerate() {
            if term.source.quantifier != Quantifier::Every {
                let name = match alias {
                    Some(alias) => Arc::from(alias.node.as_str()),
                    None => resolver.short(term.source.kind),
                };
                words.add(draft, name, Place::Term(index));
            }
        }
        for index in 0..words.targets.len() {
            if let Some((target, _)) = words.targets.get(index) {
                let name = resolver.short(target.kind);
                words.add(draft, name, Place::Target(index));
            }
        }
        words
    }

    /// The object that a place names; none for `any`.
    fn object<'a>(&'a self, draft: &'a Draft<'_>, place: Place) -> Option<&'a ObjectRef> {
        match place {
            Place::Term(index) => draft.terms.get(index).and_then(|term| term.source.object.as_ref()),
            Place::Target(index) => self.targets.get(index).map(|(target, _)| target),
        }
    }

    fn add(&mut self, draft: &Draft<'_>, name: Arc<str>, from: Place) {
        let object = self.object(draft, from);
        let known = |c: &Candidate| c.name == name && object.is_some() && self.object(draft, c.from) == object;
        if !self.candidates.iter().any(known) {
            self.candidates.push(Candidate { name, from });
        }
    }

    fn from(&self, place: Place) -> Option<VarFrom> {
        match place {
            Place::Term(index) => Some(VarFrom::Term(index)),
            Place::Target(index) => self.targets.get(index).map(|(target, _)| VarFrom::Target(target.clone())),
        }
    }

    /// What a candidate stands for, in words, and where it was named.
    fn said(&self, resolver: &Resolver<'_>, draft: &Draft<'_>, candidate: &Candidate) -> (String, Option<Span>) {
        let said = match self.object(draft, candidate.from) {
            Some(object) => resolver.say(object),
            None => format!("any {}", candidate.name),
        };
        let span = match candidate.from {
            Place::Term(index) => draft.terms.get(index).map(|term| term.span),
            Place::Target(index) => self.targets.get(index).map(|(_, span)| *span),
        };
        (said, span)
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
                    if let Some(from) = self.from(only.from) {
                        self.vars.push(Var { name: only.name.clone(), from });
                    }
                }
                (Some(first), Some(second)) => {
                    let ((one, at), (other, there)) =
                        (self.said(resolver, draft, first), self.said(resolver, draft, second));
                    let message = format!("`{word}` could be `{one}` or `{other}`");
                    let help = format!("name the one that is meant in the condition: `{one} as NAME …`");
                    let mut found = Diagnostic::error(Code::AMBIGUOUS_NAME, span, message).help(help);
                    for (place, text) in [(at, "one is here"), (there, "the other is here")] {
                        found = place.into_iter().fold(found, |found, place| found.related(place, text));
                    }
                    resolver.report(found);
                    fine = false;
                }
                (None, _) => {
                    fine = false;
                    // After an error in the condition the name may well be that of what could not be resolved.
                    if !draft.broken {
                        self.unknown(resolver, draft, word, span);
                    }
                }
            }
        }
        fine
    }

    fn unknown(&self, resolver: &mut Resolver<'_>, draft: &Draft<'_>, word: &str, span: Span) {
        let of_kind = |term: &crate::rulebook::Term| *resolver.short(term.source.kind) == *word;
        let mut terms = draft.terms.iter().zip(&draft.aliases).filter(|(term, _)| of_kind(term));
        let hidden = terms.clone().find_map(|(_, alias)| alias.map(|alias| alias.node.clone()));
        let many = terms.any(|(term, _)| term.source.quantifier == Quantifier::Every);
        let known: Vec<&str> = self.candidates.iter().map(|c| &*c.name).collect();
        let near = crate::diagnostic::suggest::nearest(word, known.iter().copied());
        let help = if let Some(alias) = hidden {
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

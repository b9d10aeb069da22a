//! Expressions against the schemas of the kinds that they read: fields that do not exist, types that cannot fit.
//!
//! The rulebook is compiled without schemas, which a cluster may change at any time; this is a second look, for the one who writes.

use std::collections::BTreeMap;

use super::schema::Schemas;
use super::{Kind, KindIx, Rule, Rulebook, VarFrom};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{self, Code, Diagnostic, Span};
use crate::expr::{Lets, Program, Type};
use crate::syntax::tree::{
    ActionDecl, ActionVerb, Condition, Expr, File, KindLine, ResourceExpr, RuleDecl, Selector, Statement, Text,
    TextPart,
};

/// What the schemas say against a rulebook; `files` are the trees that it was made of. Built-in kinds are looked at too.
#[must_use]
pub fn check_schemas(rulebook: &Rulebook, files: &[File], schemas: &Schemas) -> Vec<Diagnostic> {
    let mut checker = Checker { rulebook, schemas, found: Vec::new() };
    for kind in &rulebook.kinds {
        checker.kind(kind);
    }
    let rules: BTreeMap<Span, &Rule> = rulebook.rules.iter().map(|rule| (rule.span, rule.as_ref())).collect();
    for statement in files.iter().flat_map(|file| &file.statements) {
        match statement {
            Statement::Rule(decl) => {
                if let Some(rule) = rules.get(&decl.span) {
                    checker.rule(rule, decl);
                }
            }
            Statement::Report(decl) => checker.selectors(&decl.resource),
            _ => {}
        }
    }
    diagnostic::sort(&mut checker.found);
    checker.found
}

struct Checker<'c> {
    rulebook: &'c Rulebook,
    schemas: &'c Schemas,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn kind(&mut self, kind: &Kind) {
        let Some(versions) = self.schemas.versions(&kind.group, &kind.kind) else { return };
        let Some(own) = versions.get(&*kind.version) else {
            let names: Vec<String> = versions.keys().map(|name| format!("`{name}`")).collect();
            let message = format!("the schema of `{}` has no version `{}`", kind.kind, kind.version);
            let help = match nearest(&kind.version, versions.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", names.join(", ")),
            };
            self.found.push(Diagnostic::error(Code::SCHEMA, kind.decl.version.span, message).help(help));
            return;
        };
        let types = [own.clone()];
        let mut lets = Lets::new();
        for line in &kind.decl.lines {
            match line {
                KindLine::Let(name, expr) => {
                    let typed = Program::compile_typed(expr, &["self"], &types, &lets, &mut self.found);
                    // Its errors are told; what uses it is looked at without its type.
                    let plain = || Program::compile_with(expr, &["self"], &lets, &mut Vec::new());
                    if let Some(program) = typed.or_else(plain) {
                        lets.push(name.node.as_str(), program);
                    }
                }
                KindLine::Health { message, when, since, .. } => {
                    if let Some(expr) = when {
                        self.condition(expr, &["self"], &types, &lets);
                    }
                    for expr in since.iter().chain(holes(message)) {
                        let _ = Program::compile_typed(expr, &["self"], &types, &lets, &mut self.found);
                    }
                }
                KindLine::Completion(expr) => {
                    let _ = Program::compile_typed(expr, &["self"], &types, &lets, &mut self.found);
                }
            }
        }
    }

    fn condition(&mut self, expr: &Expr, names: &[&str], types: &[Type], lets: &Lets) {
        if let Some(program) = Program::compile_typed(expr, names, types, lets, &mut self.found) {
            program.expect_bool(&mut self.found);
        }
    }

    fn type_of(&self, kind: KindIx) -> Type {
        let kind = self.rulebook.kind(kind);
        let found = kind.and_then(|kind| self.schemas.find(&kind.group, &kind.kind, &kind.version));
        found.cloned().unwrap_or(Type::Dyn)
    }

    fn rule(&mut self, rule: &Rule, decl: &RuleDecl) {
        let names: Vec<&str> = rule.vars.iter().map(|var| &*var.name).collect();
        let of = |from: &VarFrom| match from {
            VarFrom::Term(term) => rule.terms.get(*term).map_or(Type::Dyn, |term| self.type_of(term.source.kind)),
            VarFrom::Target(target) => self.type_of(target.kind),
        };
        let types: Vec<Type> = rule.vars.iter().map(|var| of(&var.from)).collect();
        let mut conditions = Vec::new();
        let mut resources = Vec::new();
        parts(&decl.when, &mut conditions, &mut resources);
        for expr in conditions {
            self.condition(expr, &names, &types, &Lets::new());
        }
        let texts = decl.then.iter().chain(&decl.otherwise).filter_map(text_of);
        for expr in texts.flat_map(holes) {
            let _ = Program::compile_typed(expr, &names, &types, &Lets::new(), &mut self.found);
        }
        for resource in resources {
            self.selectors(resource);
        }
    }

    /// `where (…)` reads the member, as `self` and by the short name of its kind.
    fn selectors(&mut self, resource: &ResourceExpr) {
        let short = resource.kind.node.as_str();
        let Some(kind) = self.rulebook.kind_by_short(short) else { return };
        let of = self.type_of(kind);
        for selector in &resource.selectors {
            if let Selector::Where(expr) = selector {
                let types = [of.clone(), of.clone()];
                self.condition(expr, &["self", short], &types, &Lets::new());
            }
        }
    }
}

fn holes(text: &Text) -> impl Iterator<Item = &Expr> {
    text.parts.iter().filter_map(|part| match part {
        TextPart::Expr(expr) => Some(expr),
        TextPart::Literal(_) => None,
    })
}

fn text_of(action: &ActionDecl) -> Option<&Text> {
    match &action.verb {
        ActionVerb::Annotate(_, _, text) | ActionVerb::Label(_, _, text) | ActionVerb::Notify { text, .. } => {
            Some(text)
        }
        _ => None,
    }
}

/// The expressions and resources of a condition.
fn parts<'t>(condition: &'t Condition, exprs: &mut Vec<&'t Expr>, resources: &mut Vec<&'t ResourceExpr>) {
    match condition {
        Condition::And(all, _) | Condition::Or(all, _) => all.iter().for_each(|part| parts(part, exprs, resources)),
        Condition::Then(a, b, _) => {
            parts(a, exprs, resources);
            parts(b, exprs, resources);
        }
        Condition::Not(a, _) => parts(a, exprs, resources),
        Condition::Resource(resource) => resources.push(&resource.resource),
        Condition::Expr(expr) => exprs.push(expr),
    }
}

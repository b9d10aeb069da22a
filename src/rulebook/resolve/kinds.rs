//! Kinds: declarations to compiled health, the user's in place of built-in ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::context::Resolver;
use super::{library, names};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expr::{Lets, Program, Template};
use crate::rulebook::{HealthLine, HealthRule, Kind};
use crate::syntax::tree::{Expr, HealthWord, KindDecl, KindLine, Name, Text};

/// Most kinds.
const KINDS_MAX: usize = 1000;

/// The variable of every program of a kind.
const VARIABLES: &[&str] = &["self"];

impl Resolver<'_> {
    /// Compiles all kinds: the library's, and the user's over them.
    pub fn declare_kinds(&mut self, library: &[&KindDecl], users: &[&KindDecl]) {
        let mut chosen: BTreeMap<&str, (&KindDecl, bool)> = BTreeMap::new();
        for decl in library {
            chosen.insert(&decl.short.node, (decl, true));
        }
        let mut firsts: HashMap<&str, Span> = HashMap::new();
        for decl in users {
            if let Some(first) = firsts.get(decl.short.node.as_str()) {
                let message = format!("the kind `{}` is declared twice", decl.short.node);
                let found = Diagnostic::error(Code::DUPLICATE_KIND, decl.short.span, message);
                self.report(
                    found.related(*first, "the first").help("leave one of them out, or give it another short name"),
                );
                continue;
            }
            firsts.insert(&decl.short.node, decl.short.span);
            // A user's word for the type of a built-in kind takes its place: two words would watch one type twice.
            chosen.retain(|short, (other, builtin)| {
                let replaced = *builtin && same_type(decl, other);
                if replaced && *short != decl.short.node {
                    self.replaced.push(((*short).to_owned(), decl.short.node.clone()));
                }
                !replaced
            });
            self.check_type(decl, &chosen);
            chosen.insert(&decl.short.node, (decl, false));
        }
        if let Some((decl, _)) = chosen.values().nth(KINDS_MAX) {
            let message = format!("more than {KINDS_MAX} kinds are declared");
            self.error(Code::LIMIT, decl.span, message, "leave those out that no rule uses");
        }
        for (decl, builtin) in chosen.into_values().take(KINDS_MAX) {
            // A kind with errors still takes its name, so that the rules that use it are checked too.
            let kind = self.compile_kind(decl, builtin);
            self.kinds.push(kind);
        }
        self.shorts = super::shorts(&self.kinds);
        if let Some(ns) = self.shorts.get(library::NS).copied() {
            self.shorts.insert(Arc::from(library::NAMESPACE), ns);
        }
    }

    fn check_type(&mut self, decl: &KindDecl, chosen: &BTreeMap<&str, (&KindDecl, bool)>) {
        let Some((first, _)) = chosen.values().find(|(other, builtin)| !*builtin && same_type(decl, other)) else {
            return;
        };
        let message = format!("`{}` is already declared as `{}`", decl.kind.node, first.short.node);
        let found = Diagnostic::error(Code::DUPLICATE_KIND, decl.short.span, message);
        self.report(found.related(first.short.span, "the first").help("one word for each kind: leave one of them out"));
    }

    fn compile_kind(&mut self, decl: &KindDecl, builtin: bool) -> Kind {
        self.check_kind_names(decl);
        let mut lets = Lets::new();
        let mut named: HashMap<&str, Span> = HashMap::new();
        let mut lines = Vec::new();
        let mut completion: Option<(Span, Program)> = None;
        let mut otherwise: Option<Span> = None;
        for line in &decl.lines {
            match line {
                KindLine::Let(name, expr) => self.kind_let(name, expr, &mut lets, &mut named),
                KindLine::Health { status, message, when, since, span } => {
                    if let Some(last) = otherwise {
                        let found =
                            Diagnostic::error(Code::BAD_KIND, *span, "a line after `otherwise` is never reached");
                        self.report(found.related(last, "`otherwise` is here").help("put it before `otherwise`"));
                    }
                    if when.is_none() {
                        otherwise = otherwise.or(Some(*span));
                        if status.node == HealthWord::Unknown {
                            let message = "`otherwise` cannot be `unknown`: Argo CD waits for ever on that";
                            self.error(Code::BAD_KIND, status.span, message, "write `progressing … otherwise`");
                        }
                    }
                    lines.extend(self.kind_line(status.node, message, when.as_ref(), since.as_ref(), &lets));
                }
                KindLine::Completion(expr) => self.kind_completion(decl, expr, &lets, &mut completion),
            }
        }
        self.check_lines(decl, otherwise.is_some());
        let has_lines = decl.lines.iter().any(|line| matches!(line, KindLine::Health { .. }));
        Kind {
            short: Arc::from(decl.short.node.as_str()),
            group: Arc::from(decl.group.node.as_str()),
            version: Arc::from(decl.version.node.as_str()),
            kind: Arc::from(decl.kind.node.as_str()),
            plural: Arc::from(decl.plural.node.as_str()),
            namespaced: !decl.cluster_scoped,
            runs: decl.runs,
            builtin,
            lets,
            health: if has_lines { HealthRule::Lines(lines) } else { HealthRule::Kstatus },
            completion: completion.map(|(_, program)| program),
            decl: decl.clone(),
            span: decl.span,
        }
    }

    fn check_kind_names(&mut self, decl: &KindDecl) {
        if decl.short.node == "self" {
            let message = "`self` is the object in a kind's lines";
            self.error(Code::NAME, decl.short.span, message, "give the kind another short name");
        }
        let group = (!decl.group.node.is_empty()).then(|| names::object_name(&decl.group.node)).flatten();
        if let Some(wrong) = group {
            self.error(Code::NAME, decl.group.span, format!("`{}` is not an API group", decl.group.node), wrong);
        }
        for (name, what) in [(&decl.version, "an API version"), (&decl.plural, "a plural resource name")] {
            if let Some(wrong) = names::namespace(&name.node) {
                self.error(Code::NAME, name.span, format!("`{}` is not {what}", name.node), wrong);
            }
        }
        let camel = decl.kind.node.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
        if !camel || !decl.kind.node.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = format!("`{}` is not a Kind", decl.kind.node);
            self.error(Code::NAME, decl.kind.span, message, "write it as in manifests, such as `InferenceService`");
        }
    }

    fn kind_let<'k>(&mut self, name: &'k Name, expr: &Expr, lets: &mut Lets, named: &mut HashMap<&'k str, Span>) {
        if name.node == "self" {
            self.error(Code::NAME, name.span, "`self` is the object", "give the `let` another name");
        } else if let Some(first) = named.insert(&name.node, name.span) {
            let found = Diagnostic::error(Code::BAD_KIND, name.span, format!("`{}` is defined twice", name.node));
            self.report(found.related(first, "the first").help("give it another name"));
        }
        if let Some(program) = self.compiled(|found| Program::compile_with(expr, VARIABLES, lets, found)) {
            lets.push(name.node.as_str(), program);
        }
    }

    fn kind_line(
        &mut self,
        status: HealthWord,
        message: &Text,
        when: Option<&Expr>,
        since: Option<&Expr>,
        lets: &Lets,
    ) -> Option<HealthLine> {
        let message = self.compiled(|found| Template::compile(message, VARIABLES, lets, found));
        let when = when.map(|when| {
            self.compiled(|found| {
                let program = Program::compile_with(when, VARIABLES, lets, found)?;
                program.expect_bool(found).then_some(program)
            })
        });
        let since = since.map(|since| self.compiled(|found| Program::compile_with(since, VARIABLES, lets, found)));
        let line = HealthLine { status, message: message?, when: optional(when)?, since: optional(since)? };
        Some(line)
    }

    fn kind_completion(&mut self, decl: &KindDecl, expr: &Expr, lets: &Lets, completion: &mut Option<(Span, Program)>) {
        if !decl.runs {
            let message = format!("`completion` is for kinds that run to completion, `{}` does not", decl.short.node);
            let help = "write `runs to completion` after the plural, or leave the line out";
            self.error(Code::BAD_KIND, expr.span, message, help);
        }
        if let Some((first, _)) = completion {
            let found = Diagnostic::error(Code::BAD_KIND, expr.span, "`completion` stands twice");
            let found = found.related(*first, "the first").help("leave one of them out");
            self.report(found);
            return;
        }
        if let Some(program) = self.compiled(|found| Program::compile_with(expr, VARIABLES, lets, found)) {
            *completion = Some((expr.span, program));
        }
    }

    fn check_lines(&mut self, decl: &KindDecl, has_otherwise: bool) {
        let has = |word: Option<HealthWord>| {
            decl.lines.iter().any(|line| match line {
                KindLine::Health { status, .. } => word.is_none_or(|word| status.node == word),
                _ => false,
            })
        };
        if has(None) && !has_otherwise {
            let message = format!("the kind `{}` has no `otherwise`", decl.short.node);
            let help = "end with what holds when nothing else does, such as `progressing \"waiting\" otherwise`";
            self.error(Code::BAD_KIND, decl.short.span, message, help);
        }
        if decl.runs && !has(Some(HealthWord::Healthy)) {
            let message = format!("nothing says when a run of `{}` has succeeded", decl.short.node);
            let help = "add a line such as `healthy \"done\" when self.status.phase == \"Succeeded\"`";
            self.error(Code::BAD_KIND, decl.short.span, message, help);
        }
    }
}

fn same_type(a: &KindDecl, b: &KindDecl) -> bool {
    a.group.node == b.group.node && a.kind.node == b.kind.node
}

/// An optional part that may have failed: `None` only if it did.
fn optional<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(compiled) => compiled.map(Some),
    }
}

//! Trees to the rulebook: names looked up, conditions taken apart, expressions compiled; all errors of all files in one go.
//!
//! The way through: `kinds` and `statements` first (what a file says about itself, models), then each rule: `condition` (with
//! `selection`) makes terms, `actions` targets, `scope` binds words to them and compiles, `logic` makes alternatives, `modifiers`
//! blocks and limits; `loops` looks at all rules together.

mod actions;
mod canonical;
mod condition;
mod context;
mod kinds;
mod library;
mod logic;
mod loops;
mod modifiers;
mod names;
mod rule;
mod scenario;
mod scope;
mod selection;
mod statements;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(super) use canonical::predicate as canonical_predicate;
pub use canonical::{duration as canonical_duration, filter as canonical_filter};
use context::{Home, Resolver};
pub use library::LIBRARY;
use loops::Placed;
pub use names::{namespace, object_name, rulebook_id};

use super::{Origin, Rule, Rulebook};
use crate::diagnostic::{self, Code, Diagnostic, FileId, Severity, Sources, Span};
use crate::syntax::{self, tree};
use tree::Statement;

/// What the command line says about a compilation.
#[derive(Clone, Debug)]
pub struct Options {
    /// The installation's name: part of every record, lease and state name.
    pub id: String,
    /// Where unqualified names live in files without a `namespace`; without it `default`, and `any` and `every` look everywhere.
    pub default_namespace: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { id: "default".to_owned(), default_namespace: None }
    }
}

/// What came of rule files.
#[derive(Debug)]
pub struct Compiled {
    /// The texts: the user's in the order of their names, then the built-in library.
    pub sources: Sources,
    /// Everything that was found, in order.
    pub diagnostics: Vec<Diagnostic>,
    /// None if there is any error.
    pub rulebook: Option<Rulebook>,
    /// The scenarios in all files, in order.
    pub scenarios: Vec<tree::ScenarioDecl>,
    /// The trees of the user's files, in the order of their names, without the scenarios.
    pub trees: Vec<tree::File>,
}

/// Parses and resolves rule files, given as (name, text). The order in which they are given does not matter.
#[must_use]
pub fn load(files: impl IntoIterator<Item = (String, String)>, options: &Options) -> Compiled {
    let mut files: Vec<(String, String)> = files.into_iter().collect();
    files.sort();
    let mut sources = Sources::default();
    let ids: Vec<FileId> = files.into_iter().map(|(name, text)| sources.add(name, text)).collect();
    sources.share(library::texts());
    let library = library::parsed();
    let mut diagnostics = library.diagnostics.clone();
    let mut parse = |id: &FileId| syntax::parse(&sources, *id, &mut diagnostics);
    let mut trees: Vec<tree::File> = ids.iter().map(&mut parse).collect();
    let order = library::ordered(&trees);
    let rulebook = resolve_over(&trees, (&library.trees, &order), options, &sources, &mut diagnostics);
    settle(&mut diagnostics);
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    let mut scenarios = Vec::new();
    for file in &mut trees {
        let is_scenario = |statement: &mut Statement| matches!(statement, Statement::Scenario(_));
        for statement in file.statements.extract_if(.., is_scenario) {
            if let Statement::Scenario(scenario) = statement {
                scenarios.push(*scenario);
            }
        }
    }
    Compiled { sources, diagnostics, rulebook: rulebook.filter(|_| !failed), scenarios, trees }
}

/// Sorts findings, leaves out those that only follow from a mistake in the same words, and bounds them.
fn settle(diagnostics: &mut Vec<Diagnostic>) {
    // What a duration or an expression that cannot be read is replaced by is no mistake of the user's.
    let follows = [Code::MODIFIER, Code::EXPRESSION_NULL, Code::EXPRESSION_TYPE];
    let unread = [Code::DURATION, Code::LIMIT, Code::EXPRESSION_FUNCTION];
    let spans: Vec<Span> = diagnostics.iter().filter(|d| unread.contains(&d.code)).map(|d| d.span).collect();
    let touches = |a: &Span, b: Span| a.file == b.file && a.start <= b.end && b.start <= a.end;
    diagnostics.retain(|d| !(follows.contains(&d.code) && spans.iter().any(|span| touches(span, d.span))));
    diagnostic::sort(diagnostics);
    let max = syntax::limits::ERRORS_MAX;
    let more = diagnostics.len().saturating_sub(max);
    if let Some(last) = diagnostics.get(max - 1).map(|d| d.span).filter(|_| more > 0) {
        diagnostics.truncate(max);
        diagnostics.push(Diagnostic::error(Code::LIMIT, last, format!("{more} more findings are not shown")));
    }
}

/// A condition alone, as `tidegate wait` asks it, over the kinds and models of rule files: a rulebook whose only rule is named `wait`
/// and has the condition as its `when`, and nothing to do. Names live where the files say, if all say the same.
#[must_use]
pub fn load_condition(
    files: impl IntoIterator<Item = (String, String)>,
    condition: &str,
    options: &Options,
) -> Compiled {
    let mut compiled = load(files, options);
    let id = compiled.sources.add("CONDITION", condition);
    let Some(mut rulebook) = compiled.rulebook.take() else {
        return compiled;
    };
    let diagnostics = &mut compiled.diagnostics;
    let tree = syntax::parse_condition(&compiled.sources, id, diagnostics);
    let application = rulebook.application.clone();
    let declared = options.default_namespace.is_some() || &*rulebook.namespace != "default";
    let home = Home { namespace: rulebook.namespace.clone(), declared, application };
    let mut resolver = Resolver::new(home, diagnostics);
    resolver.shorts = shorts(&rulebook.kinds);
    resolver.kinds = std::mem::take(&mut rulebook.kinds);
    resolver.models = std::mem::take(&mut rulebook.models);
    let rule = tree.and_then(|tree| resolver.lone_condition(&tree));
    rulebook.kinds = std::mem::take(&mut resolver.kinds);
    rulebook.models = std::mem::take(&mut resolver.models);
    diagnostic::sort(&mut compiled.diagnostics);
    let Some(rule) = rule else {
        return compiled;
    };
    rulebook.rules = vec![Arc::new(rule)];
    rulebook.afters.clear();
    rulebook.reports.clear();
    rulebook.allows.clear();
    rulebook.honour = super::Honour::Never;
    compiled.rulebook = Some(rulebook);
    compiled
}

/// The place of each kind by its short name.
fn shorts(kinds: &[super::Kind]) -> HashMap<Arc<str>, super::KindIx> {
    let place = |(i, kind): (usize, &super::Kind)| Some((kind.short.clone(), super::KindIx(u16::try_from(i).ok()?)));
    kinds.iter().enumerate().filter_map(place).collect()
}

/// Resolves trees to a rulebook; `None`, and diagnostics, if anything is wrong. The order of files does not matter.
#[must_use]
pub fn resolve(
    files: &[tree::File],
    library: &[tree::File],
    options: &Options,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Rulebook> {
    resolve_over(files, (library, &[]), options, sources, diagnostics)
}

/// The same with further built-in kinds.
fn resolve_over(
    files: &[tree::File],
    (library, more): (&[tree::File], &[&tree::KindDecl]),
    options: &Options,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Rulebook> {
    let home = Home { namespace: Arc::from("default"), declared: false, application: None };
    let mut resolver = Resolver::new(home, diagnostics);
    let nowhere = Span { file: FileId(0), start: 0, end: 0 };
    let default = resolver.default_home(options, nowhere);
    let builtin: Vec<&tree::KindDecl> = kind_decls(library).into_iter().chain(more.iter().copied()).collect();
    resolver.declare_kinds(&builtin, &kind_decls(files));
    let homes: Vec<Home> = files.iter().map(|file| resolver.home_of(file, &default)).collect();
    let models = resolver.all_models(files, &homes);
    let mut found = Found::default();
    for (file, home) in files.iter().zip(&homes) {
        resolver.home = home.clone();
        resolver.file(file, &mut found);
    }
    for (decl, home) in models {
        resolver.home = home;
        let implied = resolver.model_rule(decl);
        let origin = Origin::Model(Arc::from(decl.name.node.as_str()));
        found.rules.extend(resolver.placed(&implied, origin));
    }
    resolver.finish(found, &homes, &default, options, sources)
}

/// What the statements of all files come to.
#[derive(Default)]
struct Found<'t> {
    rules: Vec<Placed>,
    afters: Vec<super::After>,
    reports: Vec<super::Report>,
    allows: BTreeSet<(Arc<str>, Arc<str>)>,
    honours: Vec<&'t diagnostic::Spanned<bool>>,
}

fn kind_decls(files: &[tree::File]) -> Vec<&tree::KindDecl> {
    let statements = files.iter().flat_map(|file| &file.statements);
    statements
        .filter_map(|statement| match statement {
            Statement::Kind(decl) => Some(&**decl),
            _ => None,
        })
        .collect()
}

impl Resolver<'_> {
    fn default_home(&mut self, options: &Options, nowhere: Span) -> Home {
        if let Some(wrong) = rulebook_id(&options.id) {
            let message = format!("`{}` is not an id for a rulebook", options.id);
            self.error(Code::NAME, nowhere, message, wrong);
        }
        let given = options.default_namespace.as_deref();
        if let Some((name, wrong)) = given.and_then(|name| Some((name, names::namespace(name)?))) {
            self.error(Code::NAME, nowhere, format!("`{name}` is not a name of a namespace"), wrong);
        }
        Home { namespace: Arc::from(given.unwrap_or("default")), declared: given.is_some(), application: None }
    }

    /// Resolves all models, and gives those that imply a rule with the home of their file.
    fn all_models<'t>(&mut self, files: &'t [tree::File], homes: &[Home]) -> Vec<(&'t tree::ModelDecl, Home)> {
        let mut seen = BTreeMap::new();
        let mut reloads = Vec::new();
        for (file, home) in files.iter().zip(homes) {
            self.home = home.clone();
            for statement in &file.statements {
                let Statement::Model(decl) = statement else { continue };
                let Some(model) = self.model(decl, &mut seen) else { continue };
                self.models.push(model);
                if decl.reload {
                    reloads.push((&**decl, home.clone()));
                }
            }
        }
        reloads
    }

    fn file<'t>(&mut self, file: &'t tree::File, found: &mut Found<'t>) {
        for statement in &file.statements {
            match statement {
                Statement::Rule(decl) => found.rules.extend(self.placed(decl, Origin::File)),
                Statement::After(decl) => found.afters.extend(self.after(decl)),
                Statement::Report(decl) => found.reports.extend(self.report_to(decl)),
                Statement::Allow(decl) => found.allows.extend(self.allow(decl)),
                Statement::Honour(said) => found.honours.push(said),
                Statement::Scenario(decl) => self.scenario(decl),
                Statement::Application(_) | Statement::Namespace(_) | Statement::Kind(_) | Statement::Model(_) => {}
            }
        }
    }

    fn placed(&mut self, decl: &tree::RuleDecl, origin: Origin) -> Option<Placed> {
        let rule = Arc::new(self.rule(decl, origin)?);
        Some(Placed { rule, application: self.home.application.clone() })
    }

    fn finish(
        mut self,
        mut found: Found<'_>,
        homes: &[Home],
        default: &Home,
        options: &Options,
        sources: &Sources,
    ) -> Option<Rulebook> {
        // Files are read in the order of their names, so equal names keep the place of the first file.
        let file = |span: Span| sources.get(span.file).map(|s| s.name.clone());
        found.rules.sort_by(|a, b| {
            let place = |rule: &Rule| (file(rule.span), rule.span.start);
            a.rule.name.cmp(&b.rule.name).then_with(|| place(&a.rule).cmp(&place(&b.rule)))
        });
        self.check_duplicates(&found.rules);
        self.check_loops(&found.rules);
        let honour = self.honour(&found.honours);
        let (application, namespace) = Self::global(homes, default);
        found.afters.sort_by(|a, b| (&a.subject, &a.after).cmp(&(&b.subject, &b.after)));
        let mut reports: Vec<_> = found.reports.into_iter().map(|r| (self.report_key(&r), r)).collect();
        reports.sort_by(|(a, _), (b, _)| a.cmp(b));
        reports.dedup_by(|(a, _), (b, _)| a == b);
        self.models.sort_by(|a, b| a.name.cmp(&b.name));
        if self.errors > 0 {
            return None;
        }
        Some(Rulebook {
            id: Arc::from(options.id.as_str()),
            application,
            namespace,
            kinds: self.kinds,
            rules: found.rules.into_iter().map(|placed| placed.rule).collect(),
            afters: found.afters,
            models: self.models,
            reports: reports.into_iter().map(|(_, report)| report).collect(),
            allows: found.allows,
            honour,
        })
    }

    fn check_duplicates(&mut self, rules: &[Placed]) {
        let mut first: Option<&Rule> = None;
        for Placed { rule, .. } in rules {
            match first {
                Some(earlier) if earlier.name == rule.name => {
                    self.report(rule::duplicate(rule, earlier.span));
                }
                _ => first = Some(rule),
            }
        }
    }
}

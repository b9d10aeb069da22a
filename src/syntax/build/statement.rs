//! Statements: rules, kinds, models, order, reports, permissions, names.

use super::{Build, Kids, add};
use crate::diagnostic::{Code, Span, Spanned};
use crate::syntax::grammar::{Pair, Rule};
use crate::syntax::tree::{
    AfterDecl, AllowDecl, HealthWord, KindDecl, KindLine, ModelDecl, Modifier, Name, ReportDecl, RuleDecl, Statement,
};

impl Build<'_> {
    /// Any statement; None when a diagnostic says why.
    pub(in crate::syntax) fn statement(&mut self, pair: Pair<'_>) -> Option<Statement> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        Some(match rule {
            Rule::rule_block | Rule::rule_line => Statement::Rule(Box::new(self.rule(pair, span)?)),
            Rule::kind => Statement::Kind(Box::new(self.kind(pair, span)?)),
            Rule::model => Statement::Model(Box::new(self.model(pair, span)?)),
            Rule::scenario => Statement::Scenario(Box::new(self.scenario(pair, span)?)),
            Rule::report => {
                let mut kids = Kids::of(pair);
                let resource = self.resource(kids.next()?)?;
                let application = self.resource_name(kids.next()?)?;
                Statement::Report(Box::new(ReportDecl { resource, application, span }))
            }
            Rule::allow => {
                let mut kids = Kids::of(pair);
                let from = self.name(kids.next()?);
                Statement::Allow(Box::new(AllowDecl { from, to: self.name(kids.next()?), span }))
            }
            Rule::honour => {
                let word = Kids::of(pair).next()?;
                Statement::Honour(Spanned { node: word.as_rule() == Rule::always, span })
            }
            Rule::after => {
                let mut kids = Kids::of(pair);
                let subject = self.target(kids.next()?)?;
                let mut after = Vec::new();
                for kid in kids {
                    after.push(self.target(kid)?);
                }
                Statement::After(Box::new(AfterDecl { subject, after, span }))
            }
            Rule::application => {
                let name = Kids::of(pair).next()?;
                Statement::Application(Box::new(self.resource_name(name)?))
            }
            Rule::namespace => {
                let name = Kids::of(pair).next()?;
                Statement::Namespace(self.name(name))
            }
            _ => return None,
        })
    }

    fn rule(&mut self, pair: Pair<'_>, span: Span) -> Option<RuleDecl> {
        let mut kids = Kids::of(pair);
        let name = kids.accept(Rule::name).map(|pair| self.name(pair));
        let title = kids.accept(Rule::title).map(|pair| self.long_name(pair));
        let when = kids.accept(Rule::condition)?;
        let when = self.condition(when)?;
        let within = match kids.accept(Rule::within) {
            Some(pair) => Kids::of(pair).next().map(|pair| self.duration(&pair)),
            None => None,
        };
        let (mut then, mut otherwise, mut modifiers) = (Vec::new(), Vec::new(), Vec::new());
        for kid in kids {
            match kid.as_rule() {
                Rule::then_block | Rule::then_line => {
                    for action in Kids::of(kid) {
                        add(&mut then, self.action(action)?);
                    }
                }
                Rule::else_block | Rule::else_line => {
                    for action in Kids::of(kid) {
                        add(&mut otherwise, self.action(action)?);
                    }
                }
                _ => add(&mut modifiers, self.modifier(kid)?),
            }
        }
        if then.is_empty() && !modifiers.iter().any(|m| matches!(m, Modifier::Block { .. })) {
            let place = when.span();
            let message = if otherwise.is_empty() { "a rule does nothing" } else { "a rule has `else` but no `then`" };
            let help = "add `then restart KIND NAME` (or another action), or `block wave N`";
            self.error(Code::SYNTAX, place, message, help);
        }
        Some(RuleDecl { name, title, when, within, then, otherwise, modifiers, span })
    }

    fn kind(&mut self, pair: Pair<'_>, span: Span) -> Option<KindDecl> {
        let mut kids = Kids::of(pair);
        let short = self.identifier(kids.next()?, "a kind's short name");
        let mut group_version = Kids::of(kids.accept(Rule::group_version)?);
        let first = group_version.next()?;
        let first = self.name(first);
        let (group, version) = match group_version.next() {
            Some(version) => (first, self.name(version)),
            None => (Name { node: String::new(), span: first.span }, first),
        };
        let kind = self.name(kids.accept(Rule::name)?);
        let plural = self.name(kids.accept(Rule::name)?);
        let cluster_scoped = kids.has(Rule::cluster_scoped);
        let runs = kids.has(Rule::runs);
        let mut lines = Vec::new();
        if let Some(body) = kids.accept(Rule::kind_body) {
            for line in Kids::of(body) {
                lines.push(self.kind_line(line)?);
            }
        }
        Some(KindDecl { short, group, version, kind, plural, cluster_scoped, runs, lines, span })
    }

    fn kind_line(&mut self, pair: Pair<'_>) -> Option<KindLine> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut kids = Kids::of(pair);
        let first = kids.next()?;
        Some(match rule {
            Rule::let_line => {
                let name = self.identifier(first, "a `let`");
                KindLine::Let(name, self.expr(kids.next()?))
            }
            Rule::completion_line => KindLine::Completion(self.expr(first)),
            _ => {
                let node = match first.as_str() {
                    "healthy" => HealthWord::Healthy,
                    "progressing" => HealthWord::Progressing,
                    "degraded" => HealthWord::Degraded,
                    "suspended" => HealthWord::Suspended,
                    _ => HealthWord::Unknown,
                };
                let status = Spanned { node, span: self.span(&first) };
                let message = self.text(kids.next()?);
                let when = match kids.next()? {
                    word if word.as_rule() == Rule::otherwise => None,
                    expr => Some(self.expr(expr)),
                };
                let since = match kids.accept(Rule::since) {
                    Some(pair) => Kids::of(pair).next().map(|expr| self.expr(expr)),
                    None => None,
                };
                KindLine::Health { status, message, when, since, span }
            }
        })
    }

    fn model(&mut self, pair: Pair<'_>, span: Span) -> Option<ModelDecl> {
        let mut kids = Kids::of(pair);
        let name = self.name(kids.next()?);
        let (mut trained_by, mut served_by, mut steps) = (None, None, Vec::new());
        let (mut reload_span, mut stale_after) = (None, None);
        for line in kids {
            let at = self.span(&line);
            let rule = line.as_rule();
            let mut kids = Kids::of(line);
            let twice = match rule {
                Rule::model_reload => reload_span.replace(at).is_some(),
                Rule::model_stale => stale_after.replace(self.duration(&kids.next()?)).is_some(),
                _ => {
                    let verb = self.name(kids.next()?);
                    let target = self.target(kids.next()?)?;
                    match verb.node.as_str() {
                        "trained" => trained_by.replace(target).is_some(),
                        "served" => served_by.replace(target).is_some(),
                        _ => {
                            steps.push((verb, target));
                            false
                        }
                    }
                }
            };
            if twice {
                self.error(Code::DUPLICATE_STATEMENT, at, "a model says this twice", "leave one of the two lines");
            }
        }
        for (missing, line) in
            [(trained_by.is_none(), "trained by notebook NAME"), (served_by.is_none(), "served by isvc NAME")]
        {
            if missing {
                let words = line.rsplit_once(" by ").map_or(line, |(word, _)| word);
                let message = format!("model `{}` does not say what it is {words} by", name.node);
                self.error(Code::SYNTAX, name.span, message, format!("add the line `{line}`"));
            }
        }
        let (trained_by, served_by) = (trained_by?, served_by?);
        Some(ModelDecl {
            name,
            trained_by,
            steps,
            served_by,
            reload: reload_span.is_some(),
            reload_span,
            stale_after,
            span,
        })
    }
}

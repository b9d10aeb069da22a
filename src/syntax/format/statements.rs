//! Statements to lines.

use super::LINE_COLUMNS_MAX;
use super::lines::Line;
use crate::diagnostic::Span;
use crate::syntax::print::{Printer, health_word};
use crate::syntax::tree::{
    ActionDecl, AfterDecl, Condition, File, KindDecl, KindLine, ModelDecl, Modifier, RuleDecl, Statement,
};

/// Messages longer than this do not push the words after them of other lines to the right.
const MESSAGE_COLUMNS_MAX: usize = 48;
/// Where a block's lines begin.
pub(super) const INDENT: usize = 2;

/// The lines of a file, each with its place in the source.
pub(super) fn layout(source: &str, file: &File) -> Vec<Line> {
    let mut layout = Layout { source, lines: Vec::new(), flat: false };
    for statement in &file.statements {
        layout.statement(statement);
    }
    layout.lines
}

pub(super) struct Layout<'s> {
    source: &'s str,
    lines: Vec<Line>,
    /// The lines will be joined to one: no columns.
    pub(super) flat: bool,
}

impl<'s> Layout<'s> {
    pub(super) fn print(&self, write: impl FnOnce(&mut Printer<'s>)) -> String {
        let mut printer = Printer::spelt(self.source);
        write(&mut printer);
        printer.out
    }

    pub(super) fn line(&mut self, indent: usize, text: String, start: u32, end: u32) {
        let (start, end) = (start as usize, end as usize);
        // Places come from parts of what was written; a line never begins before the one above it.
        let start = self.lines.last().map_or(start, |line| start.max(line.start));
        self.lines.push(Line { indent, text, start, end, ..Line::default() });
    }

    pub(super) fn opens(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(" {");
            line.opens = true;
        }
    }

    pub(super) fn closes(&mut self, span: Span) {
        self.line(0, "}".to_owned(), span.end.saturating_sub(1), span.end);
        if let Some(line) = self.lines.last_mut() {
            line.closes = true;
        }
    }

    fn statement(&mut self, statement: &Statement) {
        let first = self.lines.len();
        match statement {
            Statement::Rule(rule) => self.block(rule.span, |layout| layout.rule(rule)),
            Statement::Kind(kind) => self.block(kind.span, |layout| layout.kind(kind)),
            Statement::Model(model) => self.block(model.span, |layout| layout.model(model)),
            Statement::Scenario(scenario) => self.block(scenario.span, |layout| layout.scenario(scenario)),
            Statement::After(after) => self.after(after),
            Statement::Application(name) => {
                let text = self.print(|p| {
                    p.push("application ");
                    p.resource_name(name);
                });
                self.line(0, text, name.span.start, name.span.end);
            }
            Statement::Namespace(name) => {
                let text = self.print(|p| {
                    p.push("namespace ");
                    p.name(name);
                });
                self.line(0, text, name.span.start, name.span.end);
            }
            Statement::Report(report) => {
                let text = self.print(|p| {
                    p.push("report ");
                    p.resource(&report.resource);
                    p.push(" to application ");
                    p.resource_name(&report.application);
                });
                self.line(0, text, report.span.start, report.span.end);
            }
            Statement::Allow(allow) => {
                let text = self.print(|p| {
                    p.push("allow triggers from namespace ");
                    p.name(&allow.from);
                    p.push(" to namespace ");
                    p.name(&allow.to);
                });
                self.line(0, text, allow.span.start, allow.span.end);
            }
            Statement::Honour(always) => {
                let text = format!("honour annotations {}", if always.node { "always" } else { "never" });
                self.line(0, text, always.span.start, always.span.end);
            }
        }
        let tall = self.lines.len() > first + 1;
        if let Some(line) = self.lines.get_mut(first) {
            line.top = true;
            line.tall = tall;
        }
    }

    /// Lays a statement out over several lines; one that was written in one line stays in one if it fits.
    fn block(&mut self, span: Span, lay: impl Fn(&mut Self)) {
        let first = self.lines.len();
        let written = self.source.get(span.start as usize..span.end as usize).unwrap_or("");
        if !written.contains('\n') {
            self.flat = true;
            lay(self);
            self.flat = false;
            let one = one_line(self.lines.get(first..).unwrap_or_default());
            self.lines.truncate(first);
            if one.chars().count() <= LINE_COLUMNS_MAX {
                self.line(0, one, span.start, span.end);
                return;
            }
        }
        lay(self);
    }

    fn rule(&mut self, rule: &RuleDecl) {
        let block = rule.name.is_some();
        let indent = if block { INDENT } else { 0 };
        if let Some(name) = &rule.name {
            let text = self.print(|p| {
                p.push("rule ");
                p.name(name);
                if let Some(title) = &rule.title {
                    p.push(" ");
                    p.quoted(&title.node);
                }
            });
            let end = rule.title.as_ref().unwrap_or(name).span.end;
            self.line(0, text, rule.span.start, end);
            self.opens();
        }
        self.condition(&rule.when, indent);
        if let Some(within) = &rule.within {
            let text = self.print(|p| {
                p.push("within ");
                p.duration(within);
            });
            self.line(INDENT, text, within.span.start, within.span.end);
        }
        self.actions("then", &rule.then, block);
        self.actions("else", &rule.otherwise, block);
        for modifier in &rule.modifiers {
            let text = self.print(|p| p.modifier(modifier));
            let span = modifier_span(modifier);
            self.item(if block || Self::only_conditions(rule) { INDENT } else { INDENT + 5 }, text, span, block);
        }
        if block {
            self.closes(rule.span);
        }
    }

    fn only_conditions(rule: &RuleDecl) -> bool {
        rule.then.is_empty() && rule.otherwise.is_empty()
    }

    /// An action or modifier after another: in the one-line form `;` joins them.
    fn item(&mut self, indent: usize, text: String, span: Span, block: bool) {
        if !block && let Some(line) = self.lines.last_mut() {
            line.text.push(';');
        }
        self.line(indent, text, span.start, span.end);
    }

    fn actions(&mut self, word: &str, actions: &[ActionDecl], block: bool) {
        for (i, action) in actions.iter().enumerate() {
            let text = self.print(|p| {
                if i == 0 {
                    p.push(word);
                    p.push(" ");
                }
                p.action(action);
            });
            if i == 0 {
                self.line(INDENT, text, action.span.start, action.span.end);
            } else {
                self.item(INDENT + 5, text, action.span, block);
            }
        }
    }

    fn condition(&mut self, condition: &Condition, indent: usize) {
        let mut clauses = Vec::new();
        flatten(condition, &mut clauses);
        for (connective, clause) in clauses {
            let text = self.print(|p| {
                p.push(if connective.is_empty() { "when" } else { connective });
                p.push(" ");
                p.member(clause, false);
            });
            // `and` and `or` end where `when` ends.
            let indent = match connective {
                "" => indent,
                "or" => indent + 2,
                _ => indent + 1,
            };
            let span = clause.span();
            self.line(indent, text, span.start, span.end);
        }
    }

    fn kind(&mut self, kind: &KindDecl) {
        let text = self.print(|p| {
            p.push("kind ");
            p.name(&kind.short);
            p.push(" = ");
            if !kind.group.node.is_empty() {
                p.name(&kind.group);
                p.push("/");
            }
            p.name(&kind.version);
            p.push(" ");
            p.name(&kind.kind);
            p.push(" (");
            p.name(&kind.plural);
            p.push(")");
            if kind.cluster_scoped {
                p.push(" cluster-scoped");
            }
            if kind.runs {
                p.push(" runs to completion");
            }
        });
        let end = if kind.lines.is_empty() { kind.span.end } else { kind.plural.span.end };
        self.line(0, text, kind.span.start, end);
        if kind.lines.is_empty() {
            return;
        }
        self.opens();
        let columns = Columns::of(self, kind);
        for line in &kind.lines {
            let (text, start, end) = self.kind_line(line, &columns);
            self.line(INDENT, text, start, end);
        }
        self.closes(kind.span);
    }

    fn kind_line(&self, line: &KindLine, columns: &Columns) -> (String, u32, u32) {
        match line {
            KindLine::Let(name, expr) => {
                let text = self.print(|p| {
                    p.push("let ");
                    p.name(name);
                    p.push(" = ");
                    p.expr(expr);
                });
                (text, name.span.start, expr.span.end)
            }
            KindLine::Completion(expr) => {
                let text = self.print(|p| {
                    p.push("completion ");
                    p.expr(expr);
                });
                (text, expr.span.start, expr.span.end)
            }
            KindLine::Health { status, message, when, since, span } => {
                let text = self.print(|p| {
                    p.push(&pad(health_word(status.node), columns.status));
                    p.push(" ");
                    let before = p.out.chars().count();
                    p.text(message);
                    let width = p.out.chars().count() - before;
                    p.push(&" ".repeat(columns.message.saturating_sub(width)));
                    match when {
                        Some(when) => {
                            p.push(" when ");
                            p.expr(when);
                        }
                        None => p.push(" otherwise"),
                    }
                    if let Some(since) = since {
                        p.push(" since ");
                        p.expr(since);
                    }
                });
                (text, span.start, span.end)
            }
        }
    }

    fn model(&mut self, model: &ModelDecl) {
        let header = self.print(|p| {
            p.push("model ");
            p.name(&model.name);
        });
        self.line(0, header, model.span.start, model.name.span.end);
        self.opens();
        // In the order in which they were written: comments keep their places.
        let mut lines: Vec<(String, String, Span)> = Vec::new();
        lines.push(("trained".to_owned(), self.print(|p| p.target(&model.trained_by)), model.trained_by.span));
        lines.push(("served".to_owned(), self.print(|p| p.target(&model.served_by)), model.served_by.span));
        for (word, target) in &model.steps {
            lines.push((self.print(|p| p.name(word)), self.print(|p| p.target(target)), target.span));
        }
        let mut lines: Vec<(String, String, Span)> =
            lines.into_iter().map(|(word, target, span)| (word, format!("by {target}"), span)).collect();
        if let Some(reload) = &model.reload_span {
            lines.push(("reload".to_owned(), "on retrain".to_owned(), *reload));
        }
        if let Some(stale) = &model.stale_after {
            let duration = self.print(|p| p.duration(stale));
            lines.push(("stale".to_owned(), format!("after {duration}"), stale.span));
        }
        lines.sort_by_key(|(_, _, span)| span.start);
        let width = lines.iter().map(|(word, _, _)| word.chars().count()).max().filter(|_| !self.flat).unwrap_or(0);
        for (word, rest, span) in lines {
            self.line(INDENT, format!("{} {rest}", pad(&word, width)), span.start, span.end);
        }
        self.closes(model.span);
    }

    fn after(&mut self, after: &AfterDecl) {
        let subject = self.print(|p| {
            p.target(&after.subject);
            p.push(" after");
        });
        let targets: Vec<String> = after.after.iter().map(|target| self.print(|p| p.target(target))).collect();
        let one = format!("{subject} {}", targets.join(", "));
        if one.chars().count() <= LINE_COLUMNS_MAX {
            self.line(0, one, after.span.start, after.span.end);
            return;
        }
        let last = targets.len().saturating_sub(1);
        for (i, (text, target)) in targets.into_iter().zip(&after.after).enumerate() {
            let comma = if i < last { "," } else { "" };
            if i == 0 {
                self.line(0, format!("{subject} {text}{comma}"), after.span.start, target.span.end);
            } else {
                self.line(INDENT, format!("{text}{comma}"), target.span.start, target.span.end);
            }
        }
    }
}

/// How wide the first columns of a kind's lines are.
struct Columns {
    status: usize,
    message: usize,
}

impl Columns {
    fn of(layout: &Layout<'_>, kind: &KindDecl) -> Self {
        let mut columns = Columns { status: 0, message: 0 };
        if layout.flat {
            return columns;
        }
        for line in &kind.lines {
            if let KindLine::Health { status, message, .. } = line {
                columns.status = columns.status.max(health_word(status.node).len());
                let width = layout.print(|p| p.text(message)).chars().count();
                if width <= MESSAGE_COLUMNS_MAX {
                    columns.message = columns.message.max(width);
                }
            }
        }
        columns
    }
}

pub(super) fn pad(word: &str, width: usize) -> String {
    format!("{word:width$}")
}

/// Lines joined by `;` where a newline ended something, and by a blank where it ended nothing.
fn one_line(lines: &[Line]) -> String {
    let mut one = String::new();
    for line in lines {
        let starts =
            |word: &str| line.text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        if !one.is_empty() {
            let goes_on = ["and", "or", "then", "within", "else", "}"].iter().any(|word| starts(word));
            one.push_str(if goes_on || one.ends_with([';', '{']) { " " } else { "; " });
        }
        one.push_str(&line.text);
    }
    one
}

/// The clauses of a condition, each with the word that joins it to those before.
fn flatten<'c>(condition: &'c Condition, out: &mut Vec<(&'static str, &'c Condition)>) {
    match condition {
        Condition::And(members, _) | Condition::Or(members, _) => {
            let word = if matches!(condition, Condition::And(..)) { "and" } else { "or" };
            for (i, member) in members.iter().enumerate() {
                match (i, member) {
                    (0, Condition::Then(..)) if word == "and" => flatten(member, out),
                    (0, _) => out.push(("", member)),
                    _ => out.push((word, member)),
                }
            }
        }
        Condition::Then(left, right, _) => {
            match **left {
                Condition::Then(..) | Condition::And(..) => flatten(left, out),
                _ => out.push(("", left)),
            }
            out.push(("and then", right));
        }
        _ => out.push(("", condition)),
    }
}

fn modifier_span(modifier: &Modifier) -> Span {
    match modifier {
        Modifier::Block { span, .. } | Modifier::CatchUp(span) | Modifier::Observe(span) => *span,
        Modifier::Cooldown(duration) => duration.span,
        Modifier::AtMostAtATime(count) => count.span,
        Modifier::AtMostPer(count, duration) => count.span.to(duration.span),
        Modifier::Retry(count, backoff) => backoff.as_ref().map_or(count.span, |backoff| count.span.to(backoff.span)),
    }
}

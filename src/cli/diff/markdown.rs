//! A difference for the comment of a pull request.
//!
//! GitHub's flavour (<https://github.github.com/gfm/>), as GitLab reads it too. Names and texts come from whoever edits the rules, so everything of theirs stands in code.

use std::fmt::Write as _;

use super::words;
use crate::diff::{Change, Diff, Part, What};

/// The first line, by which a bot finds its comment again.
const MARKER: &str = "<!-- tidegate diff -->";
/// More lines of rules than this are folded away.
const OPEN_LINES_MAX: usize = 24;
/// More entries of one list than this are counted. The lines of rules are never counted one by one.
const ENTRIES_MAX: usize = 40;
/// Above this the lines of rules are left out: GitHub takes 65,536 characters in a comment, GitLab's limit is higher.
const COMMENT_BYTES_MAX: usize = 60_000;

/// The difference as Markdown.
pub fn markdown(diff: &Diff) -> String {
    let mut page = Page { text: format!("{MARKER}\n### tidegate: what these rules change\n\n"), diff };
    if !diff.changes {
        page.text.push_str("Nothing changes in effect.\n");
        return page.text;
    }
    let _ = writeln!(page.text, "{}.", words::summary(diff));
    page.table();
    page.lists();
    page.details();
    page.text
}

/// The comment where rules do not compile. `findings`: the plain form.
pub fn broken(findings: &str) -> String {
    let mut text = String::new();
    for line in findings.lines() {
        if text.len() + line.len() > COMMENT_BYTES_MAX {
            text.push_str("…\n");
            break;
        }
        let _ = writeln!(text, "{line}");
    }
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{MARKER}\n### tidegate: the rules do not compile\n\n{fence}text\n{text}{fence}\n")
}

struct Page<'d> {
    text: String,
    diff: &'d Diff,
}

impl Page<'_> {
    fn parts(&self) -> impl Iterator<Item = (&Part, &'static str)> {
        let rules = self.diff.rules.iter().map(|part| (part, "rule"));
        let models = self.diff.models.iter().map(|part| (part, "model"));
        let kinds = self.diff.kinds.iter().map(|part| (part, "kind"));
        rules.chain(models).chain(kinds).chain(self.diff.annotations.iter().map(|part| (part, "annotation rule")))
    }

    fn table(&mut self) {
        let mut rows = String::new();
        for (part, word) in self.parts().take(ENTRIES_MAX) {
            let effect = effect(part, &self.diff.namespace);
            let title = part.title.as_ref().map(|title| format!("<br>{}", escaped(title))).unwrap_or_default();
            let name = cell(&code(&words::rule_name(&part.name)));
            let _ = writeln!(rows, "| {word} {name}{title} | {} | {effect} |", cell(&happened(part)));
        }
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n| | | in effect |\n|---|---|---|\n{}", rows.trim_end());
        let more = self.parts().count().saturating_sub(ENTRIES_MAX);
        if more > 0 {
            let _ = writeln!(self.text, "\nand {more} more.");
        }
    }

    fn list(&mut self, heading: &str, entries: Vec<String>) {
        if entries.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n**{heading}**\n");
        for entry in entries.iter().take(ENTRIES_MAX) {
            let _ = writeln!(self.text, "- {entry}");
        }
        if entries.len() > ENTRIES_MAX {
            let _ = writeln!(self.text, "- and {} more", entries.len() - ENTRIES_MAX);
        }
    }

    fn lists(&mut self) {
        let diff = self.diff;
        let past = |fires: bool| {
            let of = diff.past.iter().filter(|past| past.fires == fires);
            of.map(|past| sentence(&words::past(past, diff))).collect::<Vec<_>>()
        };
        self.list("What has ended before may fire", past(true));
        let statement = |s: &crate::diff::Statement| {
            let text = code(&words::short(&s.text, &diff.namespace));
            match (&s.was, s.change) {
                (Some(was), _) => format!("{text}, was {}", code(&words::short(was, &diff.namespace))),
                (None, Change::Removed) => format!("removed: {text}"),
                (None, _) => format!("added: {text}"),
            }
        };
        self.list("Statements", diff.statements.iter().map(statement).collect());
        let waves = |m: &crate::diff::Moved| {
            format!("{}: wave {} → **{}**, {} in the manifests", code(&m.object), m.old, m.new, m.manifests)
        };
        self.list("Waves", diff.waves.iter().map(waves).collect());
        self.list("How blocks are held", diff.means.iter().map(|means| sentence(&words::means(means))).collect());
        let gained = diff.permissions.gained.iter().map(|right| format!("gained: {}", code(&words::right(right))));
        let lost = diff.permissions.lost.iter().map(|right| format!("lost: {}", code(&words::right(right))));
        self.list("Permissions of the controller", gained.chain(lost).collect());
        self.list("Starts anew: what has ended before does not count", past(false));
        let finding = |f: &crate::diff::Finding| {
            let place =
                f.place.as_ref().map(|place| format!(" ({})", code(&words::place(Some(place))))).unwrap_or_default();
            let help = if f.help.is_empty() { String::new() } else { format!("; {}", sentence(&f.help)) };
            format!("{} {}: {}{help}{place}", f.severity, f.code, sentence(&f.message))
        };
        self.list("New findings", diff.findings.iter().map(finding).collect());
        self.list("To be made again", diff.follow_up.iter().map(|command| code(command)).collect());
    }

    /// The lines of every rule, folded away where they are many.
    fn details(&mut self) {
        let mut lines = String::new();
        let mut count = 0;
        let mut parts = 0;
        for (part, word) in self.parts() {
            parts += 1;
            let place = words::place(part.place.as_ref());
            let place = if place.is_empty() { String::new() } else { format!("  # {place}") };
            let _ = writeln!(
                lines,
                "{}  {word} {}{place}",
                if parts == 1 { "" } else { "\n" },
                words::rule_name(&part.name)
            );
            for line in words::shown(part) {
                for (sign, text) in words::signed(line, &self.diff.namespace) {
                    count += 1;
                    let _ = writeln!(lines, "{sign}     {text}");
                }
            }
            if !part.statuses.is_empty() {
                let _ = writeln!(lines, "      health may differ: {}", part.statuses.join(", "));
            }
        }
        if parts == 0 {
            return;
        }
        let fence = "`".repeat(longest_run(&lines).max(2) + 1);
        let block = format!("{fence}diff\n{lines}{fence}\n");
        if self.text.len() + block.len() > COMMENT_BYTES_MAX {
            let _ = writeln!(self.text, "\nThe lines of {} are too many to show here.", words::plural(parts, "part"));
        } else if count > OPEN_LINES_MAX {
            let _ = writeln!(self.text, "\n<details><summary>Line by line</summary>\n\n{block}\n</details>");
        } else {
            let _ = write!(self.text, "\n{block}");
        }
    }
}

/// In a few words what a part brings about, or no longer does. Conditions are long: the lines below have them.
fn effect(part: &Part, namespace: &str) -> String {
    let whole = matches!(part.change, Change::Added | Change::Removed);
    let told = |line: &&crate::diff::Line| line.change != Change::Same && !(whole && line.what == What::When);
    let lines: Vec<_> = words::shown(part).filter(told).collect();
    let mut said = Vec::new();
    let cell = |text: &str| cell(&code(&clipped(&words::short(text, namespace))));
    for line in lines.iter().take(EFFECTS_MAX) {
        let text = cell(&line.text);
        said.push(match line.change {
            _ if whole => text,
            _ if line.what == What::When => "another condition".to_owned(),
            Change::Removed => format!("− {text}"),
            Change::Changed => format!("{} → {text}", line.was.as_ref().map(|was| cell(was)).unwrap_or_default()),
            Change::Moved => format!("order: {text}"),
            _ => format!("+ {text}"),
        });
    }
    if lines.len() > EFFECTS_MAX {
        said.push(format!("and {} more", lines.len() - EFFECTS_MAX));
    }
    if !part.statuses.is_empty() {
        said.push(format!("health may differ: {}", part.statuses.join(", ")));
    }
    said.join("<br>")
}

/// At most so many characters of a line in the table.
const CELL_CHARS_MAX: usize = 90;

fn clipped(text: &str) -> String {
    if text.chars().count() <= CELL_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

/// Lines of one part that the table shows.
const EFFECTS_MAX: usize = 8;

fn happened(part: &Part) -> String {
    match &part.was {
        Some(was) => format!("{}, was {}", word(part), code(&words::rule_name(was))),
        None => word(part).to_owned(),
    }
}

fn word(part: &Part) -> &'static str {
    match part.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Renamed => "renamed",
        Change::Same | Change::Changed | Change::Moved => "changed",
    }
}

/// A text as code: between more backticks than it has in a row.
fn code(text: &str) -> String {
    let text = crate::diagnostic::plain_line(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    let edge = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{edge}{text}{edge}{ticks}")
}

/// In a table a bar ends the cell, in code too.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A sentence of ours with a user's words between backticks, which stay code.
fn sentence(text: &str) -> String {
    let text = crate::diagnostic::plain_line(text);
    let mut out = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 0 {
            out.push_str(&escaped(part));
        } else {
            out.push_str(&code(part));
        }
    }
    out
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let text = crate::diagnostic::plain_line(text);
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

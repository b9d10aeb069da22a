//! A difference for a person at a terminal.

use std::fmt::Write as _;

use super::words;
use crate::diagnostic::plain_line;
use crate::diff::{Change, Diff, Part};

/// The difference as text; `colour` for a terminal.
pub fn text(diff: &Diff, colour: bool) -> String {
    if !diff.changes {
        return "nothing changes in effect\n".to_owned();
    }
    let mut page = Page { text: format!("{}\n", words::summary(diff)), colour, namespace: &diff.namespace };
    for (parts, word) in
        [(&diff.rules, "rule"), (&diff.models, "model"), (&diff.kinds, "kind"), (&diff.annotations, "annotation rule")]
    {
        parts.iter().for_each(|part| page.part(part, word));
    }
    let statements = diff.statements.iter().flat_map(|s| {
        let line = |sign, text: &str| (sign, words::short(text, &diff.namespace));
        match (&s.was, s.change) {
            (Some(was), _) => vec![line('-', was), line('+', &s.text)],
            (None, Change::Removed) => vec![line('-', &s.text)],
            (None, _) => vec![line('+', &s.text)],
        }
    });
    page.section("statements", statements.collect());
    let plain = |lines: Vec<String>| lines.into_iter().map(|line| (' ', line)).collect::<Vec<_>>();
    page.section("waves", plain(diff.waves.iter().map(words::moved).collect()));
    page.section("blocks", plain(diff.means.iter().map(words::means).collect()));
    let gained = diff.permissions.gained.iter().map(|right| ('+', words::right(right)));
    let lost = diff.permissions.lost.iter().map(|right| ('-', words::right(right)));
    page.section("permissions", gained.chain(lost).collect());
    let past = |fires: bool| {
        let of = diff.past.iter().filter(|past| past.fires == fires);
        plain(of.map(|past| words::past(past, diff)).collect())
    };
    page.section("starts anew: what has ended before does not count", past(false));
    page.section("what has ended before may fire", past(true));
    let finding = |f: &crate::diff::Finding| {
        let help = if f.help.is_empty() { String::new() } else { format!("; {}", plain_line(&f.help)) };
        let place = words::place(f.place.as_ref());
        let text = format!("{}[{}]: {}{help}", f.severity, f.code, plain_line(&f.message));
        if place.is_empty() { text } else { format!("{place}: {text}") }
    };
    page.section("new findings", plain(diff.findings.iter().map(finding).collect()));
    page.section("to be made again", plain(diff.follow_up.iter().map(|command| (*command).to_owned()).collect()));
    page.text
}

struct Page<'d> {
    text: String,
    colour: bool,
    namespace: &'d str,
}

impl Page<'_> {
    fn line(&mut self, sign: char, text: &str) {
        let code = match sign {
            '+' => Some("32"),
            '-' => Some("31"),
            _ => None,
        };
        // Writing to a String cannot fail.
        let _ = match code.filter(|_| self.colour) {
            Some(code) => writeln!(self.text, "  \u{1b}[{code}m{sign} {text}\u{1b}[0m"),
            None => writeln!(self.text, "{}", format!("  {sign} {text}").trim_end()),
        };
    }

    fn heading(&mut self, text: &str, more: &str) {
        let more = if more.is_empty() { String::new() } else { format!("  {more}") };
        let _ = match self.colour {
            true => writeln!(self.text, "\n\u{1b}[1m{text}\u{1b}[0m{more}"),
            false => writeln!(self.text, "\n{text}{more}"),
        };
    }

    fn part(&mut self, part: &Part, word: &str) {
        let title = part.title.as_ref().map(|title| format!(" {:?}", plain_line(title))).unwrap_or_default();
        let heading = format!("{word} {}{title}: {}", words::rule_name(&part.name), words::happened(part));
        let place = words::place(part.place.as_ref());
        self.heading(&heading, &if place.is_empty() { String::new() } else { format!("({place})") });
        for line in words::shown(part) {
            for (sign, text) in words::signed(line, self.namespace) {
                self.line(sign, &text);
            }
        }
        if !part.statuses.is_empty() {
            self.line(' ', &format!("health may differ: {}", part.statuses.join(", ")));
        }
    }

    fn section(&mut self, heading: &str, lines: Vec<(char, String)>) {
        if lines.is_empty() {
            return;
        }
        self.heading(heading, "");
        lines.iter().for_each(|(sign, text)| self.line(*sign, text));
    }
}

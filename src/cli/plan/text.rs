//! A plan for people: wave by wave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::model::{Effect, Gate, Plan, Step, Waiting, Wave};
use crate::diagnostic::plain_line;

/// Sources named in one step, at most; the rest are counted.
const SOURCES_SHOWN: usize = 4;

/// The plan as text; `colour` for a terminal.
pub fn text(plan: &Plan, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour, namespace: plan.namespace.clone() };
    page.head(plan);
    for wave in plan.waves.iter().filter(|wave| is_told(wave, &plan.gates)) {
        page.wave(wave, &plan.gates);
    }
    page.records(plan);
    page.section("due now", plan.due.iter(), |page, effect| page.effect(effect, 1));
    page.section("waiting", plan.waiting.iter(), |page, waiting| page.waiting(waiting, 1));
    if plan.waves.is_empty() {
        page.section("waves", plan.gates.iter(), Page::gate);
    }
    page.section("the cluster has no", plan.absent.iter(), |page, absent| {
        let rules = absent.rules.join(", ");
        page.line(1, &format!("{} ({}): what asks about it cannot hold; rules: {rules}", absent.kind, absent.is));
    });
    page.section("never", plan.never.iter(), |page, never| {
        let help = never.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        page.line(1, &format!("rule {}: {}{help}", never.rule, never.what));
    });
    page.section("not told by manifests", plan.untold.iter(), |page, untold| {
        page.line(1, &format!("rule {}: {}", untold.rule, untold.what));
    });
    if !plan.has_work() {
        // Over manifests every wave is held before anything has run.
        let held = if plan.from == "cluster" { plan.held() } else { Vec::new() };
        let held = if held.is_empty() { String::new() } else { format!(" now, and held: {}", held.join(", ")) };
        page.text.push_str(&format!("\nnothing to do{held}\n"));
    }
    page.text
}

struct Page {
    text: String,
    colour: bool,
    namespace: String,
}

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        let text = self.shortened(text);
        self.exactly(depth, &text);
    }

    fn exactly(&mut self, depth: usize, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{text}", "", indent = depth * 2);
    }

    /// Names in the default namespace are told without it; what stands in quotes is a user's text and stays.
    fn shortened(&self, text: &str) -> String {
        if self.namespace.is_empty() {
            return text.to_owned();
        }
        let (mut short, mut quoted, mut escaped) = (String::new(), String::new(), false);
        let mut open = false;
        for character in text.chars() {
            quoted.push(character);
            let quote = character == '"' && !escaped;
            escaped = open && character == '\\' && !escaped;
            if quote {
                let part = std::mem::take(&mut quoted);
                short.push_str(&if open { part } else { self.without_namespace(&part) });
                open = !open;
            }
        }
        short + &if open { quoted } else { self.without_namespace(&quoted) }
    }

    fn without_namespace(&self, text: &str) -> String {
        text.replace(&format!(" {}/", self.namespace), " ")
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn head(&mut self, plan: &Plan) {
        let of = plan.application.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
        let from = match plan.from {
            "manifests" => format!("{} objects{of}, from manifests", plan.objects),
            _ => format!("{} objects{of}, as they are in the cluster", plan.objects),
        };
        let line = format!("plan of rulebook `{}`: {from}", plan.rulebook);
        self.line(0, &line);
        if !plan.namespace.is_empty() {
            let line = self.dim(&format!("names without a namespace are in `{}`", plan.namespace));
            self.line(0, &line);
        }
        if plan.from == "manifests" {
            let line = self.dim("each step supposes that everything else up to its wave has succeeded; <then: …> is read when it happens");
            self.line(0, &line);
        }
        if !plan.assumed.is_empty() {
            let line = self.dim(&format!("not among the manifests, supposed to be there: {}", plan.assumed.join(", ")));
            self.line(0, &line);
        }
    }

    fn section<'a, T: 'a>(
        &mut self,
        title: &str,
        items: impl ExactSizeIterator<Item = &'a T>,
        mut each: impl FnMut(&mut Page, &T),
    ) {
        if items.len() == 0 {
            return;
        }
        let title = self.bold(title);
        self.text.push('\n');
        self.line(0, &title);
        items.for_each(|item| each(self, item));
    }

    fn wave(&mut self, wave: &Wave, gates: &[Gate]) {
        let objects = if wave.objects == 1 { "1 object".to_owned() } else { format!("{} objects", wave.objects) };
        self.text.push('\n');
        match wave.phase {
            "Sync" => self.line(0, &format!("{}  {objects}", self.bold(&format!("wave {}", wave.wave)))),
            "Runs" => self.line(0, &self.bold("runs with generated names, after the sync")),
            phase => self.line(0, &format!("{}  {objects}", self.bold(&format!("{phase} wave {}", wave.wave)))),
        }
        for gate in gates.iter().filter(|gate| wave.phase == "Sync" && gate.wave == wave.wave) {
            self.gate(gate);
        }
        for step in wave.steps.iter().filter(|step| follows(step)) {
            self.step(step);
        }
    }

    fn gate(&mut self, gate: &Gate) {
        let app = gate.application.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
        let by = gate.means.as_ref().map(|means| format!(", by {means}")).unwrap_or_default();
        if gate.open {
            let line = format!("wave {} and later{app}: open (rule {})", gate.wave, gate.rule);
            return self.line(1, &line);
        }
        let held = self.paint("33", "held");
        self.line(1, &format!("wave {} and later{app}: {held} by rule {}{by}, until", gate.wave, gate.rule));
        for reason in &gate.reasons {
            let why = if reason.why.is_empty() {
                String::new()
            } else {
                self.dim(&format!("  [{}]", plain_line(&reason.why)))
            };
            let mark = if reason.holds == "true" { "✓" } else { "·" };
            self.line(2, &format!("{mark} {}{why}", reason.what));
        }
        if let Some(needs) = &gate.needs {
            self.line(2, &format!("! {needs}"));
        }
    }

    fn step(&mut self, step: &Step) {
        let mut names: Vec<&str> = step.sources.iter().take(SOURCES_SHOWN).map(String::as_str).collect();
        let more = step.sources.len().saturating_sub(SOURCES_SHOWN);
        let rest = format!("{more} more");
        if more > 0 {
            names.push(&rest);
        }
        let many = step.sources.len() > 1;
        let names = names.join(", ");
        let subject = match (many, step.together) {
            (false, _) => format!("when {names} {}", self.bold(&step.supposed)),
            (true, false) => format!("when any of {names} {}", self.bold(&step.supposed)),
            (true, true) => format!("once each of {names} {}", self.bold(&step.supposed)),
        };
        let checks = step.checks.map(|hold| checks(&step.checked, hold)).unwrap_or_default();
        self.line(1, &format!("{subject}{checks}"));
        let many = many && !step.together;
        let (now, late): (Vec<&Effect>, Vec<&Effect>) =
            step.effects.iter().filter(|effect| !effect.rules.is_empty()).partition(|effect| effect.after_seconds == 0);
        now.into_iter().for_each(|effect| self.effect_of(effect, 2, many));
        for wait in &step.waits {
            self.waiting(wait, 2);
        }
        late.into_iter().for_each(|effect| self.effect_of(effect, 2, many));
        for wave in &step.opens {
            let open = self.paint("32", "opens");
            self.line(2, &format!("wave {wave} {open}"));
        }
        for wave in &step.holds {
            let held = self.paint("33", "held");
            self.line(2, &format!("wave {wave} stays {held}"));
        }
    }

    /// What tidegate writes of its own accord, told once.
    fn records(&mut self, plan: &Plan) {
        let steps = plan.waves.iter().flat_map(|wave| &wave.steps);
        let own = steps.flat_map(|step| &step.effects).filter(|effect| effect.rules.is_empty());
        let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for write in own.flat_map(|effect| &effect.writes) {
            let what = match (write.verb, write.field.as_str()) {
                ("create", "reason") => format!("Event {}", write.value),
                ("create", _) => continue,
                _ if write.value == "(removed)" => continue,
                (_, field) => field.to_owned(),
            };
            let object = write.object.strip_prefix("Event on ").unwrap_or(&write.object);
            kinds.entry(what).or_default().insert(object.to_owned());
        }
        let lines: Vec<String> = kinds.into_iter().map(|(what, on)| format!("{what}  {}", counted(&on))).collect();
        self.section("records, beside the rules", lines.iter(), |page, line| page.line(1, line));
    }

    fn effect(&mut self, effect: &Effect, depth: usize) {
        self.effect_of(effect, depth, false);
        if !effect.because.is_empty() {
            let because = self.dim(&format!("because {}", effect.because.join(", ")));
            self.line(depth + 1, &because);
        }
    }

    fn effect_of(&mut self, effect: &Effect, depth: usize, one_of_many: bool) {
        let otherwise = match (effect.after_seconds, effect.otherwise) {
            (0, false) => String::new(),
            (0, true) => "else ".to_owned(),
            (seconds, false) => format!("after {}: ", duration(seconds)),
            (seconds, true) => format!("{} later without it, else ", duration(seconds)),
        };
        let each = if one_of_many { " (each; shown for the first)" } else { "" };
        let rules = effect.rules.join(", ");
        let rules = if rules.is_empty() { String::new() } else { self.dim(&format!("  [rule {rules}]")) };
        self.line(depth, &format!("→ {otherwise}{}{each}{rules}", effect.what));
        if let Some(note) = &effect.note {
            self.line(depth + 1, note);
        }
        let mut object = "";
        for write in effect.writes.iter().filter(|write| write.verb != "create") {
            if write.object != object {
                self.line(depth + 1, &format!("{} {}", write.verb, write.object));
                object = &write.object;
            }
            if !write.field.is_empty() {
                self.exactly(depth + 2, &format!("{} = {}", write.field, write.value));
            }
        }
    }

    fn waiting(&mut self, waiting: &Waiting, depth: usize) {
        let until = waiting.deadline.as_ref().map(|deadline| format!(", until {deadline}")).unwrap_or_default();
        self.line(depth, &format!("rule {} waits: {}{until}", waiting.rule, waiting.waits_for));
    }
}

/// Whether anything follows from a step, records aside.
fn follows(step: &Step) -> bool {
    let acts = step.effects.iter().any(|effect| !effect.rules.is_empty());
    acts || !step.waits.is_empty() || !step.opens.is_empty() || !step.holds.is_empty()
}

fn is_told(wave: &Wave, gates: &[Gate]) -> bool {
    wave.steps.iter().any(follows) || gates.iter().any(|gate| gate.wave == wave.wave)
}

/// `, and `a > 0` holds`
fn checks(what: &[String], hold: bool) -> String {
    let list: Vec<String> = what.iter().map(|what| format!("`{what}`")).collect();
    let list = list.join(", ");
    match (hold, what.len()) {
        (true, 1) => format!(", and {list} holds"),
        (true, _) => format!(", and all of these hold: {list}"),
        (false, 1) => format!(", but {list} does not hold"),
        (false, _) => format!(", but one of these does not hold: {list}"),
    }
}

/// `on NotebookValidationJob a/b` or `on 33 objects`.
fn counted(objects: &BTreeSet<String>) -> String {
    match objects.first() {
        Some(only) if objects.len() == 1 => format!("on {only}"),
        _ => format!("on {} objects", objects.len()),
    }
}

/// `2h`, `90m`
fn duration(seconds: u64) -> String {
    let (unit, word) = match seconds {
        s if s % 86_400 == 0 => (86_400, "d"),
        s if s % 3_600 == 0 => (3_600, "h"),
        s if s % 60 == 0 => (60, "m"),
        _ => (1, "s"),
    };
    format!("{}{word}", seconds / unit)
}

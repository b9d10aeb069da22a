//! What a scenario expects, held against what was seen.

use std::sync::Arc;

use super::observer::{Observer, said};
use super::scene::Place;
use super::stage::Stage;
use super::witness::{Action, Deed};
use crate::rulebook::{ObjectRef, Rulebook};
use crate::syntax::tree::WaveWord;

/// One expectation.
pub enum Expected {
    /// An action was done.
    Action(Pattern),
    /// An action was not done.
    No(Pattern),
    /// A wave opens, is open, is held.
    Wave(i64, WaveWord),
    /// A condition holds: a rulebook with it as its only rule, its place among those that are watched from the start, its words.
    State {
        /// Its only rule is the condition.
        rulebook: Arc<Rulebook>,
        /// Among the stage's watchers, if it has `for`.
        slot: Option<usize>,
        /// As written.
        words: String,
    },
    /// No action.
    Nothing,
    /// No action until the end.
    NothingMore,
}

/// An action that is looked for.
pub struct Pattern {
    /// What.
    pub deed: PatternDeed,
    /// On which object; any for notifications.
    pub object: Option<ObjectRef>,
    /// As written.
    pub words: String,
}

/// As [`Deed`], with texts that may hold gaps.
pub enum PatternDeed {
    /// `true`: by deleting pods; else in any way.
    Restart(bool),
    /// Sync.
    Sync,
    /// `true`: hard; else in any way.
    Refresh(bool),
    /// Key, value.
    Annotate(String, Vec<Option<String>>),
    /// Key, value.
    Label(String, Vec<Option<String>>),
    /// Type, text.
    Notify(String, Vec<Option<String>>),
}

/// From where on an expectation looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Since {
    /// Index into the witness's actions.
    pub actions: usize,
    /// Index into the witness's turns.
    pub turns: usize,
}

impl Expected {
    /// In the scenario's words.
    pub fn words(&self) -> String {
        match self {
            Expected::Action(pattern) => pattern.words.clone(),
            Expected::No(pattern) => format!("no {}", pattern.words),
            Expected::Wave(wave, WaveWord::Opens) => format!("wave {wave} opens"),
            Expected::Wave(wave, WaveWord::Open) => format!("wave {wave} is open"),
            Expected::Wave(wave, WaveWord::Held) => format!("wave {wave} is held"),
            Expected::State { words, .. } => words.clone(),
            Expected::Nothing => "nothing".to_owned(),
            Expected::NothingMore => "nothing more".to_owned(),
        }
    }

    /// What is found instead, in a line or two; nothing when it is as expected.
    pub fn check(&self, stage: &Stage, since: Since) -> Vec<String> {
        let actions = stage.witness.actions.get(since.actions..).unwrap_or_default();
        match self {
            Expected::Action(pattern) => {
                if actions.iter().any(|action| pattern.matches(stage, action)) {
                    Vec::new()
                } else {
                    vec![did(actions)]
                }
            }
            Expected::No(pattern) => {
                let against: Vec<&Action> = actions.iter().filter(|action| pattern.matches(stage, action)).collect();
                against.iter().map(|action| done(action)).collect()
            }
            Expected::Nothing | Expected::NothingMore => actions.iter().map(done).collect(),
            Expected::Wave(wave, word) => check_wave(stage, since, *wave, *word).into_iter().collect(),
            Expected::State { rulebook, slot, .. } => check_state(stage, rulebook, *slot),
        }
    }
}

fn done(action: &Action) -> String {
    format!("tidegate did at {}: {}", super::timeline::span(action.at), action.text)
}

fn did(actions: &[Action]) -> String {
    if actions.is_empty() {
        return "tidegate did nothing in this time".to_owned();
    }
    let texts: Vec<&str> = actions.iter().map(|action| action.text.as_str()).collect();
    format!("tidegate did: {}", texts.join("; "))
}

fn check_wave(stage: &Stage, since: Since, wave: i64, word: WaveWord) -> Option<String> {
    let turns = stage.witness.turns.get(since.turns..).unwrap_or_default();
    let opened = turns.iter().any(|turn| turn.wave == wave && turn.open);
    match (word, stage.witness.wave(wave)) {
        (WaveWord::Opens, _) if opened => None,
        (WaveWord::Open, Some(true)) | (WaveWord::Held, Some(false)) => None,
        (_, None) => Some(format!("no Application says that a rule blocks wave {wave}")),
        (WaveWord::Opens, Some(true)) => Some(format!("wave {wave} was open already")),
        (WaveWord::Opens | WaveWord::Open, Some(false)) => Some(format!("wave {wave} is held")),
        (WaveWord::Held, Some(true)) => Some(format!("wave {wave} is open")),
    }
}

fn check_state(stage: &Stage, rulebook: &Arc<Rulebook>, slot: Option<usize>) -> Vec<String> {
    let Some(rule) = rulebook.rules.first() else { return Vec::new() };
    let now = stage.scene.now();
    let (holds, reasons) = match slot.and_then(|slot| stage.watchers.get(slot)) {
        Some(watcher) => watcher.condition(rule, now),
        None => Observer::snapshot(rulebook.clone(), &stage.scene.server, now).condition(rule, now),
    };
    if holds { Vec::new() } else { reasons.iter().map(said).collect() }
}

impl Pattern {
    fn matches(&self, stage: &Stage, action: &Action) -> bool {
        let object = match &self.object {
            None => true,
            Some(object) => Place::of_ref(&stage.scene.rulebook, object).is_some_and(|place| place == action.place),
        };
        object
            && match (&self.deed, &action.deed) {
                (PatternDeed::Restart(by_deleting), Deed::Restart(did)) => !by_deleting || *did,
                (PatternDeed::Sync, Deed::Sync) => true,
                (PatternDeed::Refresh(hard), Deed::Refresh(did)) => !hard || *did,
                (PatternDeed::Annotate(key, value), Deed::Annotate(on, text))
                | (PatternDeed::Label(key, value), Deed::Label(on, text))
                | (PatternDeed::Notify(key, value), Deed::Notify(on, text)) => key == on && fits(value, text),
                _ => false,
            }
    }
}

/// Whether a text has these parts in this order, with anything in the gaps.
fn fits(parts: &[Option<String>], text: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    match first {
        Some(literal) => text.strip_prefix(literal.as_str()).is_some_and(|text| fits(rest, text)),
        None if rest.is_empty() => true,
        None => {
            text.char_indices().any(|(at, _)| text.get(at..).is_some_and(|text| fits(rest, text))) || fits(rest, "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn texts_with_gaps() {
        let text = |part: &str| Some(part.to_owned());
        let cases = [
            (vec![text("all is well")], "all is well", true),
            (vec![text("all is well")], "all is", false),
            (vec![None, text(": no message")], "train: no message", true),
            (vec![None, text(" trained; reloading "), None], "a trained; reloading b", true),
            (vec![None, text("x")], "abc", false),
            (vec![None], "", true),
            (vec![], "a", false),
        ];
        for (parts, actual, fine) in cases {
            assert_eq!(fits(&parts, actual), fine, "{parts:?} {actual}");
        }
    }
}

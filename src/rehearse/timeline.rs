//! What happened, in order.

use std::time::Duration;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The stand-in for Argo CD.
    ArgoCd,
    /// The stand-ins for the operators and controllers of a cluster.
    Operators,
    /// The controller: what it really wrote.
    Tidegate,
    /// The scenario itself.
    Scenario,
}

impl Who {
    /// As it stands in the timeline.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Who::ArgoCd => "argo cd",
            Who::Operators => "operator",
            Who::Tidegate => "tidegate",
            Who::Scenario => "scenario",
        }
    }
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something happened.
    Happened {
        /// How long after the scenario's start.
        at: Duration,
        /// Who.
        who: Who,
        /// What, in a few words.
        what: String,
        /// Why; may be empty.
        why: String,
    },
    /// Something was expected.
    Expected {
        /// The time that the scenario names; none for the end.
        at: Option<Duration>,
        /// In the scenario's words.
        what: String,
        /// What was found instead; empty when it is so.
        instead: Vec<String>,
    },
}

/// Everything that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// In order.
    pub entries: Vec<Entry>,
}

impl Timeline {
    /// Adds what happened, and gives its place.
    pub fn happened(&mut self, at: Duration, who: Who, what: String, why: String) -> usize {
        self.entries.push(Entry::Happened { at, who, what, why });
        self.entries.len() - 1
    }

    /// Adds to the reason of an entry.
    pub fn because(&mut self, place: usize, reason: &str) {
        if let Some(Entry::Happened { why, .. }) = self.entries.get_mut(place) {
            if !why.is_empty() {
                why.push_str("; ");
            }
            why.push_str(reason);
        }
    }
}

/// A time since the start: `+0s`, `+20m`, `+1h05m`, `+1d00h00m30s`. Parts of a second are left out.
#[must_use]
pub fn span(at: Duration) -> String {
    let seconds = at.as_secs();
    let parts = [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let last = parts.iter().rposition(|(n, _)| *n > 0).unwrap_or(3);
    let mut text = String::from("+");
    for (index, (n, unit)) in parts.iter().enumerate() {
        if index == first {
            text.push_str(&format!("{n}{unit}"));
        } else if index > first && index <= last {
            text.push_str(&format!("{n:02}{unit}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let cases = [
            (0, "+0s"),
            (59, "+59s"),
            (1200, "+20m"),
            (1202, "+20m02s"),
            (3600, "+1h"),
            (3900, "+1h05m"),
            (3602, "+1h00m02s"),
            (86_430, "+1d00h00m30s"),
            (172_800, "+2d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}

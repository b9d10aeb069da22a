//! What both texts of a difference say in the same words.

use crate::diagnostic::plain_line;
use crate::diff::{Change, Diff, Line, Means, Moved, Part, Past, PastWhy, Place, RightsOf, What};

/// `1 rule`, `2 rules`.
pub fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// `2 rules added, 1 changed; 1 action added; 3 waves move`
pub fn summary(diff: &Diff) -> String {
    let mut parts = Vec::new();
    for (parts_of, word) in
        [(&diff.rules, "rule"), (&diff.models, "model"), (&diff.kinds, "kind"), (&diff.annotations, "annotation rule")]
    {
        parts.extend(counted(parts_of.iter().map(|part| part.change), word));
    }
    for (what, word) in [(What::Then, "action"), (What::Block, "block")] {
        let of = |line: &&Line| line.what == what || (what == What::Then && line.what == What::Else);
        let lines = diff.rules.iter().chain(&diff.annotations).flat_map(|part| &part.lines);
        parts.extend(counted(lines.filter(of).map(|line| line.change), word));
    }
    parts.extend(counted(diff.statements.iter().map(|statement| statement.change), "statement"));
    if !diff.waves.is_empty() {
        let verb = if diff.waves.len() == 1 { "moves" } else { "move" };
        parts.push(format!("{} {verb} to another wave", plural(diff.waves.len(), "object")));
    }
    for (rights, word) in [(&diff.permissions.gained, "gained"), (&diff.permissions.lost, "lost")] {
        if !rights.is_empty() {
            parts.push(format!("{} {word}", plural(rights.len(), "permission")));
        }
    }
    if !diff.findings.is_empty() {
        parts.push(plural(diff.findings.len(), "new finding"));
    }
    parts.join("; ")
}

/// `2 rules added, 1 changed`
fn counted(changes: impl Iterator<Item = Change>, word: &str) -> Option<String> {
    let changes: Vec<Change> = changes.collect();
    let mut said = Vec::new();
    for (change, verb) in [
        (Change::Added, "added"),
        (Change::Removed, "removed"),
        (Change::Changed, "changed"),
        (Change::Renamed, "renamed"),
        (Change::Moved, "moved"),
    ] {
        let n = changes.iter().filter(|c| **c == change).count();
        if n > 0 && said.is_empty() {
            said.push(format!("{} {verb}", plural(n, word)));
        } else if n > 0 {
            said.push(format!("{n} {verb}"));
        }
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// Names in the default namespace are told without it; what stands in quotes is a user's text and stays.
pub fn short(text: &str, namespace: &str) -> String {
    let text = plain_line(text);
    if namespace.is_empty() {
        return text;
    }
    let mut short = String::new();
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            short.push('"');
        }
        if at % 2 == 0 {
            let part = part.replace(&format!(" {namespace}/"), " ");
            short.push_str(&part.replace(&format!(" in namespace {namespace} "), " "));
        } else {
            short.push_str(part);
        }
    }
    short
}

/// The name of a rule, and of a one-line rule that it is one.
pub fn rule_name(name: &str) -> String {
    plain_line(name)
}

/// ` (rules.tide:6)`
pub fn place(place: Option<&Place>) -> String {
    place.map(|place| format!("{}:{}", plain_line(&place.file), place.line)).unwrap_or_default()
}

/// What happened to a part: `added`, `renamed, before: train`.
pub fn happened(part: &Part) -> String {
    let word = match part.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Renamed => "renamed",
        Change::Same | Change::Changed | Change::Moved => "changed",
    };
    let was = part.was.as_ref().map(|was| format!(", was {}", rule_name(was))).unwrap_or_default();
    let model = part.model.as_ref().map(|model| format!(", of model {}", plain_line(model))).unwrap_or_default();
    format!("{word}{was}{model}")
}

/// The sign and the words of a line; what was changed is two.
pub fn signed(line: &Line, namespace: &str) -> Vec<(char, String)> {
    let text = short(&line.text, namespace);
    match line.change {
        Change::Same => vec![(' ', text)],
        Change::Added => vec![('+', text)],
        Change::Removed => vec![('-', text)],
        Change::Moved => vec![('+', format!("{text}  (earlier or later than before)"))],
        Change::Changed | Change::Renamed => {
            let was = line.was.as_ref().map(|was| ('-', short(was, namespace)));
            was.into_iter().chain([('+', text)]).collect()
        }
    }
}

/// The lines of a part that are shown: all of what came or went; of what changed, its condition and what differs.
pub fn shown(part: &Part) -> impl Iterator<Item = &Line> {
    let whole = matches!(part.change, Change::Added | Change::Removed);
    part.lines
        .iter()
        .filter(move |line| whole || line.change != Change::Same || matches!(line.what, What::When | What::Kind))
}

/// `rule NAME`; of a one-line rule, whose name is a hash, its condition.
fn say_rule(diff: &Diff, name: &str) -> String {
    let part = diff.rules.iter().find(|part| part.name == name).filter(|_| name.starts_with("when-"));
    let when = part.and_then(|part| part.lines.iter().find(|line| line.what == What::When));
    when.map_or_else(|| format!("rule {}", rule_name(name)), |when| format!("`{}`", short(&when.text, &diff.namespace)))
}

/// What an edit means for runs that have ended.
pub fn past(past: &Past, diff: &Diff) -> String {
    let rule = say_rule(diff, &past.rule);
    let of = past.of.as_ref().map(|of| short(&format!(" {of}"), &diff.namespace)).unwrap_or_default();
    let of = of.trim();
    let was = match past.was.as_deref() {
        Some(was) if was.starts_with("when-") => "a one-line rule".to_owned(),
        was => rule_name(was.unwrap_or_default()),
    };
    match past.why {
        PastWhy::NewRule => format!("{rule} is new"),
        PastWhy::Renamed => format!("{rule} was {was}, and a rule is known by its name"),
        PastWhy::OtherWords => format!("{rule}: a one-line rule is known by its words, and they are others now"),
        PastWhy::NewEvent => format!("{rule}: the event `{of}` is new"),
        PastWhy::NewEpisodes => format!("{rule}: that it acts on states alone is new"),
        PastWhy::NewAction => format!("{rule}: the action `{of}` is new"),
        PastWhy::NewBlock => format!("{rule}: its block is new; a wave that is open is not synced again"),
        PastWhy::CatchesUp => format!("{rule}: it says `catch up`"),
        PastWhy::CatchesUpAgain => {
            format!(
                "{rule}: it says `catch up`, was {was} before and is known by its name: it does again what has been done"
            )
        }
        PastWhy::OtherCondition => {
            format!("{rule}: runs of before for which the condition did not hold, and now does, until their deadline")
        }
    }
}

/// `patch inferenceservices.serving.kserve.io fraud in namespace ml`
pub fn right(right: &RightsOf) -> String {
    let names = if right.names.is_empty() { String::new() } else { format!(" {}", right.names.join(", ")) };
    let scope = right.namespace.as_ref().map_or_else(|| "everywhere".to_owned(), |ns| format!("in namespace {ns}"));
    format!("{} {}{names} {scope}", right.verbs.join(", "), right.resource)
}

/// `job train: wave 2, was 1 (manifests: 0)`
pub fn moved(moved: &Moved) -> String {
    let manifests = if moved.manifests == moved.new {
        "as the manifests have it".to_owned()
    } else {
        format!("wave {} in the manifests", moved.manifests)
    };
    format!("{}: wave {}, was {} ({manifests})", plain_line(&moved.object), moved.new, moved.old)
}

/// `block wave 4 of rule reload: health of the notebook, was hook …`
pub fn means(means: &Means) -> String {
    let was = means.old.as_ref().map(|old| format!("; was {}", plain_line(old))).unwrap_or_default();
    format!("block wave {} of rule {}: held by {}{was}", means.wave, rule_name(&means.rule), plain_line(&means.new))
}

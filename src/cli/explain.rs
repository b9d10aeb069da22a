//! `explain KIND NAME RULES…`: why an object waits, or what waits for it. Prints the reasons of the engine's verdicts, and nothing of its own.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use serde::Serialize;

use super::plan::{Gate, Reason, gate, reason, snapshot};
use super::rulebook::{self, Loaded, RulebookArgs};
use super::{Exit, Format, Out, plan};
use crate::diagnostic::plain_line;
use crate::diagnostic::suggest::nearest;
use crate::engine::{Entry, Ledger, Standing, Verdict};
use crate::rulebook::{AppName, ObjectRef, Rulebook};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Short name of the kind, such as `notebook` or `isvc`
    kind: String,
    /// Name, or NAMESPACE/NAME
    name: String,
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Explain over these manifests instead of the cluster: files, folders, or - for standard input
    #[arg(long, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// Where the controller keeps its state [default: the namespace of the kubeconfig's context]
    #[arg(long, value_name = "NAMESPACE")]
    state_namespace: Option<String>,
    /// Read this namespace only, as `run` does; may be given several times [default: all]
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "manifests")]
    watch_namespace: Vec<String>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: super::format::FormatArg,
}

/// What is known of one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation {
    object: String,
    exists: bool,
    /// Over manifests nothing has run: states are suppositions.
    supposed: bool,
    health: Option<String>,
    message: Option<String>,
    since: Option<String>,
    wave: Option<i32>,
    held_by: Vec<Gate>,
    rules: Vec<RuleLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleLine {
    rule: String,
    /// Of a rule with `any`: the object that it is about here.
    #[serde(rename = "match")]
    member: Option<String>,
    /// Not the rule itself but one of its blocks: this wave, at whose opening a sync that failed is done again.
    #[serde(skip_serializing_if = "Option::is_none")]
    syncs_again: Option<i32>,
    standing: String,
    deadline: Option<String>,
    reasons: Vec<Reason>,
}

/// Runs the verb.
///
/// # Errors
/// When rules, manifests or the cluster cannot be read, or the kind is unknown.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut loaded = match rulebook::load(&args.rules, &args.rulebook, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let object = object(&loaded.rulebook, &args.kind, &args.name)?;
    let (mut ledger, now, sound) = ledger(args, &mut loaded, format, out)?;
    ledger.tick(now);
    let explanation = Explanation { supposed: !args.manifests.is_empty(), ..explanation(&ledger, &object, now) };
    match format {
        Format::Json => out.print(&format!("{}\n", serde_json::to_string_pretty(&explanation)?))?,
        Format::Human | Format::Plain => out.print(&text(&explanation))?,
    }
    let known = explanation.exists || !explanation.rules.is_empty();
    Ok(if known && sound { Exit::FINE } else { Exit::FOUND })
}

/// The engine over the cluster or over manifests, the time it is there, and whether the manifests have no error.
fn ledger(
    args: &Args,
    loaded: &mut Loaded,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<(Ledger, jiff::Timestamp, bool)> {
    if args.manifests.is_empty() {
        let (ledger, notes) = snapshot(&loaded.rulebook, args.state_namespace.as_deref(), &args.watch_namespace)?;
        notes.iter().for_each(|note| out.say(&format!("note: {note}\n")));
        return Ok((ledger, jiff::Timestamp::now(), true));
    }
    let (platform, sound) = plan::platform(&args.manifests, loaded, format, out)?;
    let world = plan::world(&loaded.rulebook, &platform);
    Ok((crate::engine::at_rest(&loaded.rulebook, world), jiff::Timestamp::UNIX_EPOCH, sound))
}

fn object(rulebook: &Arc<Rulebook>, kind: &str, name: &str) -> anyhow::Result<ObjectRef> {
    let Some(ix) = rulebook.kind_by_short(kind) else {
        let near = nearest(kind, rulebook.kinds.iter().map(|kind| &*kind.short));
        let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        bail!("no kind is named `{kind}`{help}");
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Arc::from(namespace), name),
        None => (rulebook.home_of(ix), name),
    };
    Ok(ObjectRef { kind: ix, namespace, name: name.into() })
}

fn explanation(ledger: &Ledger, object: &ObjectRef, now: jiff::Timestamp) -> Explanation {
    let rulebook = ledger.rulebook();
    let entry = ledger.world().get(object);
    let verdicts = ledger.units_about(object).into_iter().filter_map(|unit| ledger.verdict(&unit, now));
    Explanation {
        object: rulebook.say(object),
        exists: entry.is_some(),
        supposed: false,
        health: entry.map(|entry| entry.health.status.to_string()),
        message: entry.map(|entry| entry.health.message.clone()).filter(|message| !message.is_empty()),
        since: entry.and_then(|entry| entry.since).map(|since| since.to_string()),
        wave: entry.filter(|entry| entry.row.wave_given).map(|entry| entry.row.wave),
        held_by: entry.map(|entry| held_by(ledger, entry)).unwrap_or_default(),
        rules: verdicts.map(|verdict| rule_line(rulebook, &verdict)).collect(),
    }
}

/// The gates that hold an object's wave.
fn held_by(ledger: &Ledger, entry: &Entry) -> Vec<Gate> {
    let app: Option<AppName> = crate::engine::application_of(ledger.rulebook(), entry);
    let holds = |gate: &&crate::engine::Gate| {
        entry.row.wave_given
            && gate.wave <= entry.row.wave
            && gate.open != crate::expr::Truth::True
            && gate.application == app
    };
    ledger.gates().filter(holds).map(gate).collect()
}

fn rule_line(rulebook: &Rulebook, verdict: &Verdict) -> RuleLine {
    // Units beyond the alternatives stand for blocks.
    let block = verdict.unit.alternative.checked_sub(verdict.rule.alternatives.len());
    let standing = match &verdict.standing {
        Standing::Quiet if block.is_some() => "no sync has failed that it held".to_owned(),
        Standing::Quiet => "nothing has happened that it has not used".to_owned(),
        Standing::Waiting(what) => format!("waits: {what}"),
        Standing::Due => "due now".to_owned(),
        Standing::Done => "done".to_owned(),
        Standing::Expired(why) | Standing::Refused(why) => why.clone(),
        Standing::Would(what) => format!("observes: would {what}"),
    };
    RuleLine {
        rule: verdict.rule.name.to_string(),
        member: verdict.unit.member.as_ref().map(|member| rulebook.say(member)),
        syncs_again: block.and_then(|block| verdict.rule.blocks.get(block)).map(|block| block.wave),
        standing,
        deadline: verdict.deadline.map(|deadline| deadline.to_string()),
        reasons: verdict.reasons.iter().map(reason).collect(),
    }
}

fn text(explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    let state = match (&explanation.health, &explanation.message) {
        (None, _) => "does not exist".to_owned(),
        (Some(health), _) if explanation.supposed => format!("supposed {health}, before anything has run"),
        (Some(health), None) => health.clone(),
        (Some(health), Some(message)) => format!("{health}: {}", plain_line(message)),
    };
    let since = explanation.since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
    let wave = explanation.wave.map(|wave| format!(", wave {wave}")).unwrap_or_default();
    lines.push(format!("{}  {state}{since}{wave}", explanation.object));
    for gate in &explanation.held_by {
        lines.push(format!("  its wave is held from wave {} on by rule {}, until", gate.wave, gate.rule));
        lines.extend(gate.reasons.iter().map(|reason| reason_text(reason, 2)));
    }
    for rule in &explanation.rules {
        let until = rule.deadline.as_ref().map(|deadline| format!(" (until {deadline})")).unwrap_or_default();
        let member = rule.member.as_ref().map(|member| format!(" for {member}")).unwrap_or_default();
        let again = rule.syncs_again.map(|wave| format!(", sync again when wave {wave} opens")).unwrap_or_default();
        lines.push(format!("  rule {}{member}{again}: {}{until}", rule.rule, plain_line(&rule.standing)));
        lines.extend(rule.reasons.iter().map(|reason| reason_text(reason, 2)));
    }
    if explanation.rules.is_empty() {
        lines.push("  no rule speaks of it".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

fn reason_text(reason: &Reason, depth: usize) -> String {
    let why = if reason.why.is_empty() { String::new() } else { format!("  [{}]", plain_line(&reason.why)) };
    format!("{:indent$}{:7} {}{why}", "", reason.holds, reason.what, indent = depth * 2)
}

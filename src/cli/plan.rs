//! `plan RULES… (--manifests M | --live)`: what is due, what waits for what and why, what would be written, wave by wave.

mod lines;
mod model;
mod offline;
mod steps;
mod supposed;
mod text;

pub use lines::{gate, reason};
pub use model::{Gate, PLAN_VERSION, Plan, Reason};
pub use offline::world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::rulebook::{self, Loaded, RulebookArgs};
use super::{Exit, Format, Out, report};
use crate::cluster;
use crate::diagnostic::Sources;
use crate::engine::{self, Ledger};
use crate::graph;
use crate::manifests::{self, Defaults, Platform};
use crate::rulebook::{KindIx, Rulebook};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Plan over these manifests: files, folders, or - for standard input
    #[arg(long, value_name = "MANIFESTS", required_unless_present = "live")]
    manifests: Vec<PathBuf>,
    /// Plan over the cluster as it is
    #[arg(long, conflicts_with = "manifests")]
    live: bool,
    /// Exit with 0 when there is nothing to do, 2 when there is, 1 on an error
    #[arg(long)]
    detailed_exitcode: bool,
    /// Where the controller keeps its state [default: the namespace of the kubeconfig's context]
    #[arg(long, value_name = "NAMESPACE", requires = "live")]
    state_namespace: Option<String>,
    /// Read this namespace only, as `run` does; may be given several times [default: all]
    #[arg(long, value_name = "NAMESPACE", requires = "live")]
    watch_namespace: Vec<String>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: super::format::FormatArg,
}

/// Runs the verb.
///
/// # Errors
/// When rules, manifests or the cluster cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    match planned(args, out) {
        Err(error) if args.detailed_exitcode => {
            // With the flag 2 means that there is something to do.
            out.complain(&error);
            Ok(Exit::FOUND)
        }
        other => other,
    }
}

fn planned(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut loaded = match rulebook::load(&args.rules, &args.rulebook, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let (plan, sound) =
        if args.live { (live(args, &loaded.rulebook, out)?, true) } else { over(args, &mut loaded, format, out)? };
    match format {
        Format::Json => out.print(&format!("{}\n", serde_json::to_string_pretty(&plan)?))?,
        Format::Human => out.print(&text::text(&plan, out.stdout_is_terminal()))?,
        Format::Plain => out.print(&text::text(&plan, false))?,
    }
    Ok(match (sound, args.detailed_exitcode && plan.has_work()) {
        (false, _) => Exit::FOUND,
        (true, true) => Exit(2),
        (true, false) => Exit::FINE,
    })
}

/// Reads manifests as the rules' application would.
pub fn read_platform(paths: &[PathBuf], rulebook: &Rulebook, sources: &mut Sources) -> anyhow::Result<Platform> {
    let manifests = manifests::read(paths, sources)?;
    Ok(platform_of(manifests, rulebook, sources))
}

/// Manifests as the rules' application would apply them.
pub fn platform_of(manifests: manifests::Manifests, rulebook: &Rulebook, sources: &Sources) -> Platform {
    let app =
        |app: &crate::rulebook::AppName| manifests::App { namespace: app.namespace.clone(), name: app.name.clone() };
    let application = rulebook.application.as_ref().map(app);
    let defaults = Defaults { application, namespace: rulebook.namespace.clone() };
    Platform::new(manifests, &defaults, sources)
}

/// Reads manifests beside the rules. Also says whether there was no error in them.
pub fn platform(
    paths: &[PathBuf],
    loaded: &mut Loaded,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<(Platform, bool)> {
    let platform = read_platform(paths, &loaded.rulebook, &mut loaded.sources)?;
    rulebook::say(&loaded.sources, &platform.diagnostics, format, out);
    let sound = !rulebook::has_errors(&platform.diagnostics);
    Ok((platform, sound))
}

fn over(args: &Args, loaded: &mut Loaded, format: Format, out: &mut Out) -> anyhow::Result<(Plan, bool)> {
    let (platform, sound) = platform(&args.manifests, loaded, format, out)?;
    let graph = graph::build(&loaded.rulebook, Some(&platform));
    rulebook::say(&loaded.sources, &graph.diagnostics, format, out);
    let sound = sound && !rulebook::has_errors(&graph.diagnostics);
    let mut plan = offline::plan(&loaded.rulebook, &platform, &graph);
    let found: Vec<_> = platform.diagnostics.iter().chain(&graph.diagnostics).cloned().collect();
    plan.findings = serde_json::from_str(&report(&loaded.sources, &found, Format::Json, false))?;
    Ok((plan, sound))
}

fn live(args: &Args, rulebook: &Arc<Rulebook>, out: &mut Out) -> anyhow::Result<Plan> {
    let (mut ledger, notes) = snapshot(rulebook, args.state_namespace.as_deref(), &args.watch_namespace)?;
    notes.iter().for_each(|note| out.say(&format!("note: {note}\n")));
    Ok(plan_live(&mut ledger, jiff::Timestamp::now()))
}

/// The cluster of the environment, as it is now, and what to know about it.
pub fn snapshot(
    rulebook: &Arc<Rulebook>,
    state_namespace: Option<&str>,
    watched: &[String],
) -> anyhow::Result<(Ledger, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connection = cluster::connect(None).await?;
        let places = cluster::Places { state: state_namespace.unwrap_or(&connection.namespace), watched };
        let snapshot = cluster::snapshot(&connection.client, rulebook, places, jiff::Timestamp::now()).await;
        let snapshot = snapshot.with_context(|| format!("cannot read the cluster at {}", connection.url))?;
        Ok((snapshot.ledger, snapshot.notes))
    })
}

/// Kinds that rules ask about and that the cluster does not have.
fn absent(rulebook: &Rulebook, world: &engine::World) -> Vec<model::Absent> {
    let asked = rulebook.rules.iter().flat_map(|rule| rule.terms.iter().map(move |term| (term.source.kind, rule)));
    let mut rules: BTreeMap<KindIx, BTreeSet<String>> = BTreeMap::new();
    for (kind, rule) in asked.filter(|(kind, _)| world.listing(*kind) == engine::Listing::Absent) {
        rules.entry(kind).or_default().insert(rule.name.to_string());
    }
    let line = |(kind, rules): (KindIx, BTreeSet<String>)| {
        let kind = rulebook.kind(kind)?;
        let group = if kind.group.is_empty() { String::new() } else { format!("{}/", kind.group) };
        let is = format!("{group}{} {}", kind.version, kind.kind);
        Some(model::Absent { kind: kind.short.to_string(), is, rules: rules.into_iter().collect() })
    };
    rules.into_iter().filter_map(line).collect()
}

/// What the engine would do now.
fn plan_live(ledger: &mut Ledger, now: jiff::Timestamp) -> Plan {
    let tick = ledger.tick(now);
    let (rulebook, world) = (ledger.rulebook().clone(), ledger.world());
    let due = tick.intents.iter().filter(|intent| !matches!(intent.effect, engine::Effect::Event(_)));
    let due = due.map(|intent| lines::effect(&rulebook, intent, &engine::writes(&rulebook, world, intent), true));
    let mut waiting: Vec<_> = ledger.verdicts().filter_map(lines::waiting).collect();
    waiting.sort();
    Plan {
        version: PLAN_VERSION,
        from: "cluster",
        rulebook: rulebook.id.to_string(),
        application: rulebook.application.as_ref().map(lines::app_text),
        namespace: rulebook.namespace.to_string(),
        objects: world.len(),
        due: due.collect(),
        waiting,
        gates: ledger.gates().map(lines::gate).collect(),
        absent: absent(&rulebook, world),
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::rulebook::{Options, load};

    /// A wave that is held by a kind that the cluster does not have is said, though nothing is to be done.
    #[test]
    fn a_missing_kind_is_told() {
        let rules =
            "application argocd/ml\nnamespace ml\nwhen notebook train succeeds then restart isvc fraud; block wave 4\n";
        let compiled = load([("rules.tide".to_owned(), rules.to_owned())], &Options::default());
        let rulebook = Arc::new(compiled.rulebook.unwrap());
        for (listing, told) in [(engine::Listing::Absent, true), (engine::Listing::Listed, false)] {
            let mut ledger = Ledger::new(rulebook.clone(), engine::State::fresh());
            for kind in rulebook.fields().into_keys() {
                let notebook = rulebook.kind(kind).is_some_and(|kind| &*kind.short == "notebook");
                ledger.set_listing(kind, if notebook { listing } else { engine::Listing::Listed });
            }
            let plan = plan_live(&mut ledger, jiff::Timestamp::UNIX_EPOCH);
            let text = text::text(&plan, false);
            assert_eq!(text.contains("notebook (mlops.mlops.dev/v1alpha1 NotebookValidationJob)"), told, "{text}");
            assert!(text.contains("nothing to do now, and held: wave 4 of argocd/ml"), "{text}");
        }
    }
}

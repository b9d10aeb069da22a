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

use std::path::PathBuf;
use std::sync::Arc;

use super::rulebook::{self, Loaded, RulebookArgs};
use super::{Exit, Format, Out, report};
use crate::cluster;
use crate::diagnostic::Sources;
use crate::engine::{self, Ledger};
use crate::graph;
use crate::manifests::{self, Defaults, Platform};
use crate::rulebook::Rulebook;

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
        let snapshot = cluster::snapshot(&connection.client, rulebook, places, jiff::Timestamp::now()).await?;
        Ok((snapshot.ledger, snapshot.notes))
    })
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
        ..Plan::default()
    }
}

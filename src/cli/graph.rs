//! `graph RULES… [--manifests M]`: the order of things, as text, a picture (SVG, DOT, Mermaid) or JSON.

use std::path::PathBuf;

use super::rulebook::{self, RulebookArgs, has_errors};
use super::{Exit, Format, Out};
use crate::graph;

/// Arguments of `graph`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// The manifests whose waves and hooks count: files, folders, or - for standard input; may be given several times
    #[arg(long, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: GraphFormat,
    #[command(flatten)]
    rulebook: RulebookArgs,
}

/// What the graph is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum GraphFormat {
    /// For a person: waves, what is held and why, what acts on what
    Text,
    /// Graphviz
    Dot,
    /// Mermaid, as GitHub and GitLab draw it
    Mermaid,
    /// A picture for browsers and pages, without Graphviz
    Svg,
    /// All of it, for programs; the schema is in docs/graph.md
    Json,
}

/// Runs the verb. The graph goes to standard output, findings to standard error (and into the JSON).
///
/// # Errors
/// When files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let findings = if out.stderr_is_terminal() { Format::Human } else { Format::Plain };
    let mut loaded = match rulebook::load(&args.rules, &args.rulebook, findings, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let (platform, sound) = if args.manifests.is_empty() {
        (None, true)
    } else {
        let (platform, sound) = super::plan::platform(&args.manifests, &mut loaded, findings, out)?;
        (Some(platform), sound)
    };
    let graph = graph::build(&loaded.rulebook, platform.as_ref());
    let text = match args.format {
        GraphFormat::Text => graph::text(&graph, &loaded.sources),
        GraphFormat::Dot => graph::dot(&graph),
        GraphFormat::Mermaid => graph::mermaid(&graph),
        GraphFormat::Svg => graph::svg(&graph, &loaded.sources),
        GraphFormat::Json => graph::json(&graph, &loaded.sources),
    };
    out.print(&text)?;
    rulebook::say(&loaded.sources, &graph.diagnostics, findings, out);
    Ok(if sound && !has_errors(&graph.diagnostics) { Exit::FINE } else { Exit::FOUND })
}

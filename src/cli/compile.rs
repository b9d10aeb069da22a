//! `compile RULES…`: the resolved rulebook as JSON, byte for byte the same for the same rules.

use std::path::PathBuf;

use super::format::FormatArg;
use super::rulebook::{self, RulebookArgs};
use super::{Exit, Out};
use crate::graph;
use crate::rulebook::to_json;

/// Arguments of `compile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// Runs the verb. The JSON goes to standard output, findings (in the format asked for) to standard error.
///
/// # Errors
/// When the files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let loaded = match rulebook::load(&args.rules, &args.rulebook, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let graph = graph::build(&loaded.rulebook, None);
    rulebook::say(&loaded.sources, &graph.diagnostics, format, out);
    if rulebook::has_errors(&graph.diagnostics) {
        return Ok(Exit::FOUND);
    }
    out.print(&format!("{}\n", serde_json::to_string_pretty(&to_json(&loaded.rulebook))?))?;
    Ok(Exit::FINE)
}

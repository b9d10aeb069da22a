//! `rehearse PATH…`: the controller on a cluster in memory, in virtual time, while the scenarios of the rule files play.

use std::path::PathBuf;

use super::format::FormatArg;
use super::rulebook::{self, RulebookArgs, has_errors};
use super::{Exit, Format, Out};
use crate::rehearse::{Look, Rehearsal, as_json, as_text, rehearse};

/// Arguments of `rehearse`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files with scenarios, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Manifests beside those that the scenarios name
    #[arg(long, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// Seed of the controller's random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: FormatArg,
}

/// Runs the verb.
///
/// # Errors
/// When a file cannot be read, or there is nothing to play.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut compiled = rulebook::compile(&args.paths, &args.rulebook)?;
    let rehearsal = Rehearsal { options: args.rulebook.options(), manifests: args.manifests.clone(), seed: args.seed };
    let played = rehearse(&mut compiled, &rehearsal)?;
    rulebook::say(&compiled.sources, &compiled.diagnostics, format, out);
    if has_errors(&compiled.diagnostics) {
        return Ok(Exit::FOUND);
    }
    let text = match format {
        Format::Json => as_json(&played),
        Format::Plain => as_text(&played, Look::default()),
        Format::Human => as_text(&played, Look { marks: true, colours: out.stdout_colours() }),
    };
    out.print(&text)?;
    let fine = played.iter().all(|played| played.problems == 0);
    Ok(if fine { Exit::FINE } else { Exit::FOUND })
}

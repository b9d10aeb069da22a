//! `check RULES…`: everything that is wrong with the rules, in one go.

use std::path::PathBuf;

use super::format::FormatArg;
use super::{Exit, Out, read_rules};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatArg,
}

/// Runs the verb.
///
/// # Errors
/// When the files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let _format = args.format.resolve(out);
    let rules = read_rules(&args.rules)?;
    for d in &rules.diagnostics {
        out.say(&format!("{}: {}: {}\n", rules.sources.place(d.span), d.code, d.message));
    }
    Ok(if rules.diagnostics.is_empty() { Exit::FINE } else { Exit::FOUND })
}

//! `check RULES…`: everything that is wrong with the rules, in one go.

use std::path::PathBuf;

use super::format::FormatArg;
use super::rulebook::{self, RulebookArgs, has_errors};
use super::{Exit, Format, Out, report};
use crate::{diagnostic, lint};

/// Arguments of `check`.
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

/// Runs the verb. Findings are what is asked for here: in the plain and JSON forms they go to standard output, for people to standard error.
///
/// # Errors
/// When the files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut compiled = rulebook::compile(&args.rules, &args.rulebook)?;
    if let Some(rulebook) = &compiled.rulebook {
        compiled.diagnostics.extend(lint::lint(rulebook, &compiled.trees));
        diagnostic::sort(&mut compiled.diagnostics);
    }
    let diagnostics = &compiled.diagnostics;
    if format == Format::Human {
        rulebook::say(&compiled.sources, diagnostics, format, out);
    } else {
        out.print(&report(&compiled.sources, diagnostics, format, false))?;
    }
    if let Some(rulebook) = &compiled.rulebook
        && format == Format::Human
        && !has_errors(diagnostics)
    {
        let own = rulebook.kinds.iter().filter(|kind| !kind.builtin).count();
        let counts = [
            (rulebook.rules.len(), "rule"),
            (own, "kind"),
            (rulebook.models.len(), "model"),
            (compiled.scenarios.len(), "scenario"),
        ];
        let words = counts.iter().filter(|(n, word)| *n > 0 || *word == "rule").map(|(n, word)| plural(*n, word));
        out.say(&format!("{}, no errors\n", words.collect::<Vec<_>>().join(", ")));
    }
    Ok(if has_errors(diagnostics) { Exit::FOUND } else { Exit::FINE })
}

/// `1 rule`, `2 rules`.
fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

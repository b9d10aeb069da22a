//! `check RULES…`: everything that is wrong with the rules, in one go.

use std::path::PathBuf;

use super::format::FindingsFormatArg;
use super::rulebook::{self, RulebookArgs, has_errors};
use super::schema::SchemaArgs;
use super::{Exit, FindingsFormat, Format, Out, plural, report_findings};
use crate::{diagnostic, graph, lint, rehearse};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    #[command(flatten)]
    format: FindingsFormatArg,
}

/// Runs the verb. Findings are what is asked for here: in the plain and JSON forms they go to standard output, for people to standard error.
///
/// # Errors
/// When the files cannot be read, or the cluster is asked for and does not answer.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut compiled = rulebook::compile(&args.rules, &args.rulebook)?;
    rehearse::check(&mut compiled, &args.rulebook.options());
    if let Some(rulebook) = &compiled.rulebook {
        compiled.diagnostics.extend(lint::lint(rulebook, &compiled.trees));
        let found = args.schema.check(rulebook, &compiled.trees, &mut compiled.sources, out)?;
        compiled.diagnostics.extend(found);
        compiled.diagnostics.extend(graph::build(rulebook, None).diagnostics);
        diagnostic::sort(&mut compiled.diagnostics);
    }
    let diagnostics = &compiled.diagnostics;
    if format == FindingsFormat::Human {
        rulebook::say(&compiled.sources, diagnostics, Format::Human, out);
    } else {
        out.print(&report_findings(&compiled.sources, diagnostics, format))?;
    }
    if let Some(rulebook) = &compiled.rulebook
        && format == FindingsFormat::Human
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

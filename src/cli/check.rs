//! `check RULES…`: everything that is wrong with the rules, in one go.

use std::path::PathBuf;

use super::format::FindingsFormatArg;
use super::rulebook::{self, RulebookArgs, has_errors};
use super::{Exit, FindingsFormat, Format, Out, plural, report_findings};
use crate::diagnostic::Severity;
use crate::rulebook::{Compiled, Schemas, check_schemas};
use crate::{diagnostic, graph, lint, manifests, rehearse};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    /// CustomResourceDefinitions (files or folders): expressions are checked against their schemas; may be given several times
    #[arg(long, value_name = "CRD")]
    schema: Vec<PathBuf>,
    #[command(flatten)]
    format: FindingsFormatArg,
}

/// Runs the verb. Findings are what is asked for here: in the plain and JSON forms they go to standard output, for people to standard error.
///
/// # Errors
/// When the files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut compiled = rulebook::compile(&args.rules, &args.rulebook)?;
    let schemas = schemas(&args.schema, &mut compiled)?;
    rehearse::check(&mut compiled, &args.rulebook.options());
    if let Some(rulebook) = &compiled.rulebook {
        compiled.diagnostics.extend(lint::lint(rulebook, &compiled.trees));
        compiled.diagnostics.extend(check_schemas(rulebook, &compiled.trees, &schemas));
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

/// Reads CustomResourceDefinitions; what cannot be read of them is told with the rest.
fn schemas(paths: &[PathBuf], compiled: &mut Compiled) -> anyhow::Result<Schemas> {
    let mut schemas = Schemas::default();
    if paths.is_empty() {
        return Ok(schemas);
    }
    let manifests = manifests::read(paths, &mut compiled.sources)?;
    // A definition is read whatever is odd about it.
    let errors = manifests.diagnostics.into_iter().filter(|d| d.severity == Severity::Error);
    compiled.diagnostics.extend(errors);
    let found = manifests.documents.iter().filter(|document| schemas.add(&document.object)).count();
    if found == 0 {
        anyhow::bail!("`--schema` names no CustomResourceDefinition");
    }
    Ok(schemas)
}

//! `lint [RULES…] --manifests M`: what cannot work, read from the manifests.

use std::path::PathBuf;

use super::format::FindingsFormatArg;
use super::rulebook::{self, RulebookArgs};
use super::{Exit, FindingsFormat, Out, plural, report_findings};
use crate::diagnostic::{self, Diagnostic, FileId, Severity};
use crate::lint::{Allows, Subject, allowed};
use crate::rulebook::{Compiled, Options};
use crate::{graph, lint, manifests};

/// Arguments of `lint`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them; without rules the manifests are read by themselves
    #[arg(value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    /// The manifests: files, folders, or - for standard input; may be given several times
    #[arg(long, required = true, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// From which severity on the exit status is 1
    #[arg(long, value_enum, default_value = "warning", value_name = "SEVERITY")]
    fail_on: FailOn,
    #[command(flatten)]
    format: FindingsFormatArg,
}

/// From which severity on `lint` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Note,
}

/// Runs the verb. Findings are what is asked for here: they go to standard output, for people to standard error.
///
/// # Errors
/// When files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let mut compiled = if args.rules.is_empty() {
        crate::rulebook::load([], &args.rulebook.options())
    } else {
        rulebook::compile(&args.rules, &args.rulebook)?
    };
    let (found, objects) = findings(args, &mut compiled)?;
    if format == FindingsFormat::Human {
        rulebook::say(&compiled.sources, &found, super::Format::Human, out);
        if found.is_empty() {
            out.say(&format!("{}, nothing found\n", plural(objects, "object")));
        }
    } else {
        out.print(&report_findings(&compiled.sources, &found, format))?;
    }
    let worst = match args.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Note => Severity::Note,
    };
    Ok(if found.iter().any(|d| d.severity >= worst) { Exit::FOUND } else { Exit::FINE })
}

/// All findings, and how many objects were read. Rules that do not compile are told, and the manifests read without them.
fn findings(args: &Args, compiled: &mut Compiled) -> anyhow::Result<(Vec<Diagnostic>, usize)> {
    let rule_files: Vec<FileId> = compiled.sources.iter().map(|(file, _)| file).collect();
    let mut found = std::mem::take(&mut compiled.diagnostics);
    let own = compiled.rulebook.take();
    if let Some(rulebook) = &own {
        found.extend(lint::lint(rulebook, &compiled.trees));
    }
    let Some(mut rulebook) = own.or_else(|| crate::rulebook::load([], &Options::default()).rulebook) else {
        anyhow::bail!("the built-in kinds do not compile");
    };
    let manifests = manifests::read(&args.manifests, &mut compiled.sources)?;
    // Rules without a namespace speak of `default`; without rules only the manifests can tell where an object without one is.
    if args.rules.is_empty()
        && !args.rulebook.has_namespace()
        && let Some(usual) = manifests::usual_namespace(&manifests)
    {
        rulebook.namespace = usual;
    }
    let platform = super::plan::platform_of(manifests, &rulebook, &compiled.sources);
    let graph = graph::build(&rulebook, Some(&platform));
    let subject = Subject { platform: &platform, rulebook: &rulebook, graph: &graph, sources: &compiled.sources };
    found.extend(lint::manifests(&subject));
    diagnostic::sort(&mut found);
    let allows = Allows::read(&compiled.sources, &rule_files, Some(&platform));
    let (found, objects) = (allowed(found, allows, Some(&platform), &rulebook), platform.objects.len());
    // The process ends soon: to free a million small values first takes a sixth of the time.
    std::mem::forget((platform, graph));
    Ok((found, objects))
}

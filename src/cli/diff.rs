//! `diff OLD NEW [--manifests M]`: what an edit of the rules changes in effect.

mod markdown;
mod text;
mod words;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rulebook::{self, Loaded, RulebookArgs, has_errors};
use super::{Exit, Format, Out, report};
use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::diff::{DIFF_VERSION, Diff, Side, compare};
use crate::emit::RbacOptions;
use crate::graph::{self, Graph};
use crate::manifests::{self, Defaults, Manifests, Platform};
use crate::rulebook::Compiled;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rules before: a file or a folder; /dev/null where there were none
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The rules now
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The manifests that both are about: files, folders, or - for standard input; may be given several times
    #[arg(long, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// As given to `run`: the controller watches this namespace only; may be given several times [default: all]
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Vec<String>,
    /// Exit with 0 when nothing changes in effect, 2 when something does, 1 on an error
    #[arg(long)]
    detailed_exitcode: bool,
    /// Output format [default: human on a terminal, else plain]
    #[arg(long, value_enum)]
    format: Option<DiffFormat>,
    #[command(flatten)]
    rulebook: RulebookArgs,
}

/// What the difference is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum DiffFormat {
    /// For a person at a terminal
    Human,
    /// The same without colours
    Plain,
    /// For the comment of a pull request
    Markdown,
    /// For programs; the fields are in docs/diff.md
    Json,
}

/// Runs the verb. The difference goes to standard output, findings to standard error.
///
/// # Errors
/// When files cannot be read.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    match compared(args, out) {
        Err(error) if args.detailed_exitcode => {
            // With the flag 2 means that something changes.
            out.complain(&error);
            Ok(Exit::FOUND)
        }
        other => other,
    }
}

fn compared(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let findings = if out.stderr_is_terminal() { Format::Human } else { Format::Plain };
    let format = args.format.unwrap_or(if out.stdout_is_terminal() { DiffFormat::Human } else { DiffFormat::Plain });
    // What is only odd about the old rules is past.
    let old = load(&args.old, &args.rulebook, Severity::Error, findings, out)?;
    let new = load(&args.new, &args.rulebook, Severity::Warning, findings, out)?;
    let (mut old, mut new) = match (old, new) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let broken: Vec<Broken> = [old.err(), new.err()].into_iter().flatten().collect();
            out.print(&without_difference(&broken, format)?)?;
            return Ok(Exit::FOUND);
        }
    };
    let (before, now) = platforms(&args.manifests, &mut old, &mut new)?;
    let mut said = now.as_ref().map(|platform| platform.diagnostics.clone()).unwrap_or_default();
    let (graph_before, graph_now) = (over(&old, before.as_ref()), over(&new, now.as_ref()));
    let options = RbacOptions {
        namespace: "tidegate".to_owned(),
        service_account: "tidegate".to_owned(),
        watch_namespaces: args.watch_namespace.clone(),
        triggers: false,
        admission: false,
    };
    let sides = (side(&old, &graph_before), side(&new, &graph_now));
    let diff = compare(sides.0, sides.1, !args.manifests.is_empty(), &options);
    // The warnings that came are in the difference, and those that stay are no part of it.
    said.extend(graph_now.diagnostics.iter().filter(|d| d.severity == Severity::Error).cloned());
    rulebook::say(&new.sources, &said, findings, out);
    let text = match format {
        DiffFormat::Json => format!("{}\n", serde_json::to_string_pretty(&diff)?),
        DiffFormat::Human => text::text(&diff, out.stdout_colours()),
        DiffFormat::Plain => text::text(&diff, false),
        DiffFormat::Markdown => markdown::markdown(&diff),
    };
    out.print(&text)?;
    Ok(exit(args, &diff, &said))
}

fn exit(args: &Args, diff: &Diff, said: &[Diagnostic]) -> Exit {
    match (has_errors(said), args.detailed_exitcode && diff.changes) {
        (true, _) => Exit::FOUND,
        (false, true) => Exit(2),
        (false, false) => Exit::FINE,
    }
}

fn side<'a>(loaded: &'a Loaded, graph: &'a Graph) -> Side<'a> {
    Side { rulebook: &loaded.rulebook, graph, sources: &loaded.sources }
}

fn over(loaded: &Loaded, platform: Option<&Platform>) -> Graph {
    graph::build(&loaded.rulebook, platform)
}

/// Rules that do not compile: their texts and what is wrong with them.
struct Broken {
    sources: Sources,
    found: Vec<Diagnostic>,
}

/// What stands in place of a difference, for who reads standard output alone: what is wrong with the rules.
fn without_difference(broken: &[Broken], format: DiffFormat) -> anyhow::Result<String> {
    let reports = |format: Format| broken.iter().map(move |one| report(&one.sources, &one.found, format, false));
    Ok(match format {
        DiffFormat::Human | DiffFormat::Plain => String::new(),
        DiffFormat::Markdown => markdown::broken(&reports(Format::Plain).collect::<String>()),
        DiffFormat::Json => {
            let mut errors: Vec<Value> = Vec::new();
            for text in reports(Format::Json) {
                errors.extend(serde_json::from_str::<Vec<Value>>(&text)?);
            }
            let value = json!({"version": DIFF_VERSION, "errors": errors});
            format!("{}\n", serde_json::to_string_pretty(&value)?)
        }
    })
}

/// What is wrong with the rules is said, and is the error if they do not compile.
fn load(
    path: &Path,
    args: &RulebookArgs,
    from: Severity,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Result<Loaded, Broken>> {
    let Compiled { sources, diagnostics, rulebook, scenarios, .. } = rulebook::compile(&[path.to_owned()], args)?;
    let found: Vec<Diagnostic> = diagnostics.into_iter().filter(|d| d.severity >= from).collect();
    rulebook::say(&sources, &found, format, out);
    Ok(match rulebook {
        Some(rulebook) => Ok(Loaded { sources, rulebook: std::sync::Arc::new(rulebook), scenarios }),
        None => Err(Broken { sources, found }),
    })
}

/// The manifests, as each of the two rulebooks sees them. They are read once, since standard input can be.
fn platforms(
    paths: &[PathBuf],
    old: &mut Loaded,
    new: &mut Loaded,
) -> anyhow::Result<(Option<Platform>, Option<Platform>)> {
    if paths.is_empty() {
        return Ok((None, None));
    }
    let rules = new.sources.iter().count();
    let manifests = manifests::read(paths, &mut new.sources)?;
    let mut again = Manifests::default();
    let shared = new.sources.shared().count();
    for (_, source) in new.sources.iter().skip(rules - shared).take(new.sources.iter().count() - rules) {
        let file = old.sources.add(source.name.clone(), source.text.clone());
        manifests::read_text(&old.sources, file, &mut again);
    }
    Ok((Some(platform(again, old)), Some(platform(manifests, new))))
}

fn platform(manifests: Manifests, loaded: &Loaded) -> Platform {
    let rulebook = &loaded.rulebook;
    let app =
        |app: &crate::rulebook::AppName| manifests::App { namespace: app.namespace.clone(), name: app.name.clone() };
    let defaults =
        Defaults { application: rulebook.application.as_ref().map(app), namespace: rulebook.namespace.clone() };
    Platform::new(manifests, &defaults, &loaded.sources)
}

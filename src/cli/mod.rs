//! The command line: one file a verb.
//!
//! In: arguments, files, standard input. Out: text through one [`Out`], and an exit status. Each verb is a file with an `Args` (clap) and a
//! `run(args, out) -> anyhow::Result<Exit>`; a new verb is such a file, a line in `Verb` and a line in `dispatch`.
//! May know every room, and no room may know it.

mod annotate;
mod check;
mod compile;
mod diff;
mod emit;
mod explain;
mod files;
mod fmt;
mod format;
mod graph;
mod health;
mod lint;
mod out;
mod plan;
mod rehearse;
mod report;
mod rulebook;
mod run;
mod schema;
mod wait;

pub use files::{Rules, read_rules};
pub use format::{FindingsFormat, Format};
pub use out::Out;
pub use report::{report, report_findings, summary};
pub use rulebook::{Loaded, RulebookArgs};

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// `1 rule`, `2 rules`.
fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// How a verb ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Nothing to complain about.
    pub const FINE: Exit = Exit(0);
    /// It found something: errors in rules, a failing test, a refused plan.
    pub const FOUND: Exit = Exit(1);
    /// It could not do its work: usage, a file, a cluster.
    pub const COULD_NOT: Exit = Exit(2);
}

/// Rules for Argo CD waves: what must have happened before what may run, and what to do when it has
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXIT_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_HELP: &str = "RULES are .tide files or folders of them; MANIFESTS are YAML or JSON files, folders, or - for standard input.\n\
    Exit status: 0 fine, 1 it found something, 2 it could not do its work.";

/// What can be asked of tidegate.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Read the rules and show everything that is wrong with them
    Check(check::Args),
    /// Lay rule files out in the one layout
    Fmt(fmt::Args),
    /// Print the resolved rulebook as JSON, to be snapshot-tested
    Compile(compile::Args),
    /// Show what the rules do: what is due, what waits for what and why, what would be written
    Plan(plan::Args),
    /// Show what waits for what: waves, gates, actions
    Graph(graph::Args),
    /// Find what cannot work in manifests: waves, hooks and health; with rules or without
    Lint(lint::Args),
    /// Show what an edit of the rules changes in effect: actions, blocks, waves, permissions, what starts anew
    Diff(diff::Args),
    /// Write the waves that the rules ask for into manifests, and nothing else; print them, or what would change
    Annotate(annotate::Args),
    /// Print the rules as text for other systems: health checks, roles, hooks, an admission policy
    Emit(emit::Args),
    /// Tell the health of objects, by which line of their kind and why; or test kinds against cases
    Health(health::Args),
    /// Play scenarios: the controller on a cluster in memory, in virtual time
    Rehearse(rehearse::Args),
    /// Run the controller: watch a cluster and do what the rules say
    Run(run::Args),
    /// Show why an object waits, since when, and what would free it
    Explain(explain::Args),
    /// Wait until a condition holds: for hooks and scripts
    Wait(wait::Args),
}

fn dispatch(verb: Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Check(args) => check::run(&args, out),
        Verb::Fmt(args) => fmt::run(&args, out),
        Verb::Compile(args) => compile::run(&args, out),
        Verb::Plan(args) => plan::run(&args, out),
        Verb::Graph(args) => graph::run(&args, out),
        Verb::Lint(args) => lint::run(&args, out),
        Verb::Diff(args) => diff::run(&args, out),
        Verb::Annotate(args) => annotate::run(&args, out),
        Verb::Emit(args) => emit::run(&args, out),
        Verb::Health(args) => health::run(&args, out),
        Verb::Rehearse(args) => rehearse::run(&args, out),
        Verb::Run(args) => run::run(&args, out),
        Verb::Explain(args) => explain::run(&args, out),
        Verb::Wait(args) => wait::run(&args, out),
    }
}

/// The whole program: parses the arguments, runs the verb, flushes, and turns the result into an exit status.
#[must_use]
pub fn main() -> ExitCode {
    // clap prints usage errors to standard error with status 2, and help to standard output with status 0.
    let cli = Cli::parse();
    let mut out = Out::std();
    let exit = dispatch(cli.verb, &mut out).unwrap_or_else(|error| {
        out.complain(&error);
        Exit::COULD_NOT
    });
    let exit = out.finish().map_or_else(
        |error| {
            out.complain(&anyhow::Error::new(error));
            Exit::COULD_NOT
        },
        |()| exit,
    );
    ExitCode::from(exit.0)
}

/// Whether the program takes these arguments, its own name first; nothing is done. For the tests of files that hold command lines.
///
/// # Errors
/// What it would say of arguments that it does not take.
pub fn accepts(arguments: &[&str]) -> Result<(), String> {
    Cli::try_parse_from(arguments).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice)]
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}

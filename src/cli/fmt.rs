//! `fmt [--check] FILES…`: the one layout.

use std::path::PathBuf;

use anyhow::Context;

use super::format::FormatArg;
use super::{Exit, Out, read_rules, rulebook};
use crate::diagnostic::{Code, Diagnostic, Sources, Span};
use crate::syntax;

/// Arguments of `fmt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rule files, or folders of them; - reads standard input and writes standard output
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Change nothing; name the files that are laid out differently, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// Runs the verb. A file that does not parse is left alone, and its errors are shown.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let format = args.format.resolve(out);
    let rules = read_rules(&args.files)?;
    let mut exit = Exit::FINE;
    for (name, text) in &rules.files {
        let laid_out = match rules.not_utf8.iter().find(|(other, _)| other == name) {
            Some((_, at)) => Err(vec![not_utf8(name, *at)]),
            None => syntax::format(text),
        };
        match laid_out {
            Err(diagnostics) => {
                let mut sources = Sources::default();
                sources.add(name.as_str(), text.as_str());
                rulebook::say(&sources, &diagnostics, format, out);
                exit = Exit::FOUND;
            }
            Ok(laid_out) if args.check => {
                if laid_out != *text {
                    out.print(&format!("{name}\n"))?;
                    exit = Exit::FOUND;
                }
            }
            Ok(laid_out) if name == "<stdin>" => out.print(&laid_out)?,
            Ok(laid_out) if laid_out != *text => {
                std::fs::write(name, laid_out).with_context(|| format!("cannot write `{name}`"))?;
                out.say(&format!("{name}: laid out\n"));
            }
            Ok(_) => {}
        }
    }
    Ok(exit)
}

fn not_utf8(name: &str, at: usize) -> Diagnostic {
    let start = u32::try_from(at).unwrap_or(u32::MAX);
    let span = Span { file: crate::diagnostic::FileId(0), start, end: start.saturating_add(3) };
    Diagnostic::error(Code::ENCODING, span, format!("`{name}` is not UTF-8")).help("save the file as UTF-8")
}

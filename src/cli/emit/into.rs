//! `--into FILE`: what is emitted, put into a file that is there already.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::files::replace;
use crate::cli::{Exit, Format, Out, rulebook};
use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};
use crate::manifests::overlay::{Done, Object, Overlaid, Wanted, objects, overlay};
use crate::manifests::{KeyProblem, MANIFEST_BYTES_MAX, read_bounded};

/// Flatten this into a target's `Args`.
#[derive(Debug, clap::Args)]
pub struct IntoArgs {
    /// Print this file with the checks put in, everything else in it byte for byte as it is; - for standard input
    #[arg(long, value_name = "FILE")]
    pub into: Option<PathBuf>,
    /// Write the file instead of printing it
    #[arg(long, requires = "into")]
    write: bool,
}

/// What goes where.
pub struct Into<'a> {
    /// The object, as people call it.
    pub what: &'a str,
    /// Whether an object is the one.
    pub is: &'a dyn Fn(&Value) -> bool,
    /// What is wrong with it already.
    pub problems: &'a dyn Fn(&Object) -> Vec<KeyProblem>,
    /// What it shall have.
    pub wanted: Wanted,
}

/// Runs it. Findings and what was done go to standard error.
///
/// # Errors
/// When the file cannot be read or written, or does not hold the object.
pub fn run(
    args: &IntoArgs,
    into: &Into<'_>,
    sources: &mut Sources,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let Some(path) = &args.into else { bail!("`--into` names no file") };
    let stdin = path.as_os_str() == "-";
    if stdin && args.write {
        bail!("standard input cannot be written; leave `--write` out, or name a file");
    }
    let name = if stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let text = String::from_utf8(read_bounded(path, MANIFEST_BYTES_MAX)?);
    let text = text.map_err(|_| anyhow::anyhow!("`{name}` is not UTF-8"))?;
    let file = sources.add(name.as_str(), text.as_str());
    let say = |diagnostics: &[Diagnostic], sources: &Sources, out: &mut Out| {
        rulebook::say(sources, diagnostics, format, out);
        if rulebook::has_errors(diagnostics) { Exit::FOUND } else { Exit::FINE }
    };
    let error =
        |bytes: &std::ops::Range<usize>, message: String| Diagnostic::error(Code::YAML, span(file, bytes), message);
    let objects = match objects(&text) {
        Ok(objects) => objects,
        Err(found) => return Ok(say(&[error(&found.bytes, found.message)], sources, out)),
    };
    let mut found = objects.iter().filter(|object| (into.is)(&object.value));
    let Some(object) = found.next() else { bail!("`{name}` holds no {}", into.what) };
    if let Some(other) = found.next() {
        let (first, second) = (sources.place(span(file, &object.bytes)), sources.place(span(file, &other.bytes)));
        bail!("there are several: {first} and {second}; say which with `--namespace`");
    }
    let problems: Vec<Diagnostic> = (into.problems)(object).iter().map(|problem| problem_of(problem, file)).collect();
    if say(&problems, sources, out) == Exit::FOUND {
        return Ok(Exit::FOUND);
    }
    let changed = match overlay(&text, object, &into.wanted) {
        Ok(changed) => changed,
        Err(found) => return Ok(say(&[error(&found.bytes, found.message)], sources, out)),
    };
    report(&name, &changed, out);
    if !args.write {
        out.print(&changed.text)?;
    } else if changed.text != text {
        replace(path, &changed.text).with_context(|| format!("cannot write `{name}`"))?;
    }
    Ok(Exit::FINE)
}

fn problem_of(problem: &KeyProblem, file: FileId) -> Diagnostic {
    let span = span(file, &problem.bytes);
    let message = problem.message.clone();
    let diagnostic = if problem.breaks {
        Diagnostic::error(Code::ARGOCD_KEY, span, message)
    } else {
        Diagnostic::warning(Code::ARGOCD_KEY, span, message)
    };
    diagnostic.help(problem.help.clone())
}

fn span(file: FileId, bytes: &std::ops::Range<usize>) -> Span {
    let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    Span { file, start: at(bytes.start), end: at(bytes.end) }
}

fn report(name: &str, changed: &Overlaid, out: &mut Out) {
    let mut same = true;
    for (path, done) in &changed.done {
        let word = match done {
            Done::Same => continue,
            Done::Replaced => "replaced",
            Done::Added => "added",
        };
        same = false;
        out.say(&format!("{name}: {word} {}\n", path.join(" ")));
    }
    if same {
        out.say(&format!("{name}: nothing to change\n"));
    }
}

//! RULES to a rulebook, with everything that is wrong with them said.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, Format, Out, Rules, read_rules, report, summary};
use crate::diagnostic::{self, Code, Diagnostic, Severity, Sources, Span};
use crate::rulebook::{self, Compiled, Options, Rulebook};
use crate::syntax::tree::ScenarioDecl;

/// Flatten this into a verb's `Args`.
#[derive(Clone, Debug, clap::Args)]
pub struct RulebookArgs {
    /// Name of the installation: part of every record, lease and state name
    #[arg(long = "rulebook", value_name = "ID", default_value = "default")]
    id: String,
    /// Where the names of rule files without a `namespace` live, and the objects of manifests that name none
    #[arg(long = "default-namespace", value_name = "NAMESPACE")]
    default_namespace: Option<String>,
}

impl RulebookArgs {
    /// `--default-namespace` is given.
    #[must_use]
    pub fn has_namespace(&self) -> bool {
        self.default_namespace.is_some()
    }

    /// As the rulebook wants it.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { id: self.id.clone(), default_namespace: self.default_namespace.clone() }
    }
}

/// A rulebook without errors.
#[derive(Debug)]
pub struct Loaded {
    /// The texts; manifests may be added.
    pub sources: Sources,
    /// The rules.
    pub rulebook: Arc<Rulebook>,
    /// The scenarios in the rule files.
    pub scenarios: Vec<ScenarioDecl>,
}

/// Reads and compiles rule files.
///
/// # Errors
/// When a file cannot be read; what is wrong with its text is in [`Compiled::diagnostics`].
pub fn compile(paths: &[PathBuf], args: &RulebookArgs) -> anyhow::Result<Compiled> {
    Ok(compile_texts(read_rules(paths)?, args))
}

/// Compiles rules that are read already.
#[must_use]
pub fn compile_texts(rules: Rules, args: &RulebookArgs) -> Compiled {
    let mut compiled = rulebook::load(rules.files, &args.options());
    for (name, at) in rules.not_utf8 {
        compiled.rulebook = None;
        let found = compiled.sources.iter().find(|(_, source)| *source.name == *name).map(|(file, _)| file);
        let Some(file) = found else { continue };
        let start = u32::try_from(at).unwrap_or(u32::MAX);
        let message = format!("`{name}` is not UTF-8");
        let diagnostic = Diagnostic::error(Code::ENCODING, Span { file, start, end: start.saturating_add(3) }, message);
        let diagnostic = diagnostic.label("the first byte that is not").help("save the file as UTF-8");
        compiled.diagnostics.push(diagnostic);
    }
    diagnostic::sort(&mut compiled.diagnostics);
    compiled
}

/// Reads and compiles rule files for a verb that works with rules: findings go to standard error, and errors end the verb with [`Exit::FOUND`].
///
/// # Errors
/// When a file cannot be read.
pub fn load(
    paths: &[PathBuf],
    args: &RulebookArgs,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<Result<Loaded, Exit>> {
    Ok(load_texts(read_rules(paths)?, args, format, out))
}

/// The same for rules that are read already.
///
/// # Errors
/// The exit status of the verb, when the rules do not compile.
pub fn load_texts(rules: Rules, args: &RulebookArgs, format: Format, out: &mut Out) -> Result<Loaded, Exit> {
    let compiled = compile_texts(rules, args);
    say(&compiled.sources, &compiled.diagnostics, format, out);
    let Some(rulebook) = compiled.rulebook else { return Err(Exit::FOUND) };
    let Compiled { sources, scenarios, .. } = compiled;
    Ok(Loaded { sources, rulebook: Arc::new(rulebook), scenarios })
}

/// Findings beside a verb's own output: to standard error, with their count. `json` says them in the plain form, since standard output is the program's.
pub fn say(sources: &Sources, diagnostics: &[Diagnostic], format: Format, out: &mut Out) {
    if diagnostics.is_empty() {
        return;
    }
    let format = if format == Format::Json { Format::Plain } else { format };
    let text = report(sources, diagnostics, format, out.stderr_colours());
    out.say(&text);
    let counted = summary(diagnostics);
    if format == Format::Human && !counted.is_empty() {
        out.say(&format!("{counted}\n"));
    }
}

/// Whether there is an error among findings.
#[must_use]
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

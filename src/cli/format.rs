//! `--format human|plain|json`.

use super::Out;

/// How a verb speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a person at a terminal: source lines, underlines, colours
    Human,
    /// A few lines a finding, the first with its place: for grep and logs
    Plain,
    /// For programs
    Json,
}

/// Flatten this into a verb's `Args`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct FormatArg {
    /// Output format [default: human on a terminal, else plain]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl FormatArg {
    /// What was asked for; else `human` where a person reads the findings (standard error is a terminal), else `plain`.
    #[must_use]
    pub fn resolve(self, out: &Out) -> Format {
        let default = if out.stderr_is_terminal() { Format::Human } else { Format::Plain };
        self.format.unwrap_or(default)
    }
}

/// [`FormatArg`] of a verb whose output has a form of its own.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct BesideFormatArg {
    /// Form of the findings, on standard error; the output is the same in each [default: human on a terminal, else plain]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl BesideFormatArg {
    /// As [`FormatArg::resolve`].
    #[must_use]
    pub fn resolve(self, out: &Out) -> Format {
        FormatArg { format: self.format }.resolve(out)
    }
}

/// How the verbs that look for something say what they found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FindingsFormat {
    /// For a person at a terminal: source lines, underlines, colours
    Human,
    /// A few lines a finding, the first with its place: for grep and logs
    Plain,
    /// For programs: an array of findings
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for CI systems that show test reports: a test case a finding
    Junit,
    /// Workflow commands, which GitHub Actions shows at the lines of a pull request
    Github,
}

/// Flatten this into a verb's `Args`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct FindingsFormatArg {
    /// Output format [default: human on a terminal, else plain]
    #[arg(long, value_enum)]
    format: Option<FindingsFormat>,
}

impl FindingsFormatArg {
    /// As [`FormatArg::resolve`].
    #[must_use]
    pub fn resolve(self, out: &Out) -> FindingsFormat {
        let default = if out.stderr_is_terminal() { FindingsFormat::Human } else { FindingsFormat::Plain };
        self.format.unwrap_or(default)
    }
}

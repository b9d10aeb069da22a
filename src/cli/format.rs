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

//! The one door to standard output and standard error.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

/// Where a verb writes. What is meant for a program goes to standard output ([`Out::print`]), the rest to standard error ([`Out::say`]).
///
/// A reader that goes away (`tidegate graph … | head -1`) is no error: what follows is dropped, and the exit status stays that of the verb.
pub struct Out {
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
    stdout_terminal: bool,
    stderr_terminal: bool,
    /// Nothing more is written to standard output.
    closed: bool,
    /// Why standard output could not take something, when nobody was told yet.
    failed: Option<io::Error>,
}

impl Out {
    /// The process's own streams.
    #[must_use]
    pub fn std() -> Self {
        Out {
            stdout: Box::new(BufWriter::new(io::stdout())),
            stderr: Box::new(io::stderr()),
            stdout_terminal: io::stdout().is_terminal(),
            stderr_terminal: io::stderr().is_terminal(),
            closed: false,
            failed: None,
        }
    }

    /// Writes to standard output, as it is (no line end is added).
    ///
    /// # Errors
    /// When standard output cannot take it, for example on a full disk. A closed pipe is not an error.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.write_all(text.as_bytes());
        self.forgive(result)
    }

    /// Writes what has been printed so far, for a reader that waits for it.
    ///
    /// # Errors
    /// As [`Out::print`].
    pub fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.stdout.flush();
        self.forgive(result)
    }

    /// Writes to standard error, for people, as it is (no line end is added). What standard error cannot take is lost.
    pub fn say(&mut self, text: &str) {
        // What came before on standard output stays before it on a terminal that shows both.
        if let Err(error) = self.flush() {
            self.failed = Some(error);
        }
        let _ = self.stderr.write_all(text.as_bytes());
    }

    /// Standard output is a terminal.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_terminal
    }

    /// Standard error is a terminal.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        self.stderr_terminal
    }

    /// Colours may be used on standard error: it is a terminal and `NO_COLOR` (<https://no-color.org>) is not set.
    #[must_use]
    pub fn stderr_colours(&self) -> bool {
        self.stderr_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
    }

    /// Colours may be used on standard output, as on standard error.
    #[must_use]
    pub fn stdout_colours(&self) -> bool {
        self.stdout_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
    }

    /// Says why a verb could not do its work.
    pub(super) fn complain(&mut self, error: &anyhow::Error) {
        self.say(&format!("tidegate: {error:#}\n"));
    }

    /// Flushes at the end.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.failed.take().map_or(Ok(()), Err)
    }

    fn forgive(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                self.closed = true;
                Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
            }
            Ok(()) => Ok(()),
        }
    }
}

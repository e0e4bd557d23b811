//! Output of the commands: results on stdout, everything else on stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::exit::Failure;

/// How output is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    /// JSON for programs instead of text for people.
    pub(crate) json: bool,
    /// Nothing on stderr but errors.
    pub(crate) quiet: bool,
}

impl Ui {
    /// Writes a line of the result.
    pub(crate) fn line(self, text: impl Display) -> Result<(), Failure> {
        writeln!(io::stdout(), "{text}").map_err(|e| Failure::writing("to stdout", &e))
    }

    /// Writes the result as one line of JSON.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string(value).map_err(|e| Failure::server(format!("writing JSON failed: {e}")))?;
        self.line(text)
    }

    /// Writes a remark to stderr, unless `--quiet` is given.
    pub(crate) fn note(self, text: impl Display) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Writes a warning to stderr, with `--quiet` too.
    #[expect(clippy::unused_self, reason = "used like the other ways to write")]
    pub(crate) fn warn(self, text: impl Display) {
        // Nothing can be done about a closed stderr.
        let _ = writeln!(io::stderr(), "pssp: {text}");
    }

    /// Writes the failure that ended the command.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.quiet {
            return;
        }
        if self.json {
            let _ = writeln!(io::stderr(), "{}", failure.json());
        } else {
            self.warn(failure);
        }
    }

    /// A counter on stderr. It is shown only on a terminal, and only if the results go elsewhere.
    pub(crate) fn progress(self, results_on_stdout: bool) -> ProgressBar {
        let mixed = results_on_stdout && io::stdout().is_terminal();
        if self.quiet || mixed || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        let template = if colour() { "{spinner:.green} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

/// Whether output may have colour (<https://no-color.org>).
fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Opens the output of results: stdout, or the file given with `-o`.
pub(crate) fn output(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    Ok(match path {
        None => Box::new(io::BufWriter::new(io::stdout().lock())),
        Some(path) if path == Path::new("-") => Box::new(io::BufWriter::new(io::stdout().lock())),
        Some(path) => {
            let file = std::fs::File::create(path).map_err(|e| {
                Failure::usage(format!("cannot write {}: {e}", path.display()), "choose another file for -o")
            })?;
            Box::new(io::BufWriter::new(file))
        }
    })
}

//! Exit codes, and the errors that lead to them.

use std::fmt;
use std::process::ExitCode;

use pssp_api_types::Fault;
use pssp_common::plain;
use serde::Serialize;

/// Exit codes, as in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything went well.
    Ok = 0,
    /// A job failed or was cancelled, or a check of `pssp verify` failed.
    JobFailed = 1,
    /// Wrong usage, or input that was refused.
    Input = 2,
    /// The server or this machine: unreachable, broken, full.
    Server = 3,
    /// The API key is missing or wrong.
    Auth = 4,
    /// Still not done when the time was up.
    TimedOut = 5,
    /// No such job or batch, or not any more.
    NotFound = 7,
}

/// The table for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a job failed or was cancelled, or a check failed
  2  wrong usage, or input that was refused
  3  the server or this machine failed
  4  the API key is missing or wrong
  5  waited as long as asked, and it is not done
  7  no such job or batch";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: what happened, what to do about it, and how to exit.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The errors in the input, with their places.
    pub(crate) faults: Vec<Fault>,
    /// The server's problem details, unchanged.
    pub(crate) problem: Option<serde_json::Value>,
    /// Whether the reader of the output has closed it. Nothing is shown then.
    pub(crate) quiet: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, faults: Vec::new(), problem: None, quiet: false }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Input, message).hint(hint)
    }

    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(Exit::Server, message)
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The reader closed the output (`pssp … | head`): the command ends without a message.
    pub(crate) fn broken_pipe() -> Self {
        Self { quiet: true, ..Self::new(Exit::Ok, "the output was closed") }
    }

    /// The failure when `what` cannot be written.
    pub(crate) fn writing(what: impl fmt::Display, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::broken_pipe();
        }
        Self::server(format!("writing {what} failed: {error}"))
    }

    /// The error as one JSON line.
    pub(crate) fn json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct ErrorJson<'a> {
            exit: u8,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Fault],
            #[serde(skip_serializing_if = "Option::is_none")]
            problem: Option<&'a serde_json::Value>,
        }
        let shown = ErrorJson {
            exit: self.exit as u8,
            detail: &self.message,
            hint: self.hint.as_deref(),
            errors: &self.faults,
            problem: self.problem.as_ref(),
        };
        serde_json::json!({ "error": shown })
    }
}

/// One line with the problem and the remedy, then one line for each error in the input.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {}", plain(&fault.to_string())))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_the_remedy() {
        let failure = Failure::usage("no input", "give a FASTA file");
        assert_eq!(failure.to_string(), "no input; give a FASTA file");
        assert_eq!(failure.json()["error"]["exit"], 2);
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        use Exit::{Auth, Input, JobFailed, NotFound, Ok, Server, TimedOut};
        for exit in [Ok, JobFailed, Input, Server, Auth, TimedOut, NotFound] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}

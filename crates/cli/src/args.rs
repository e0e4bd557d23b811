//! Options that several commands share, and the parsers of their values.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pssp_predict::format::{FORMATS, Format};
use pssp_predict::structure::{StructureError, Structures};

use crate::exit::Failure;

/// Address of the service unless `--url` or `PSSP_URL` is given.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:5000";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Address of the service
    #[arg(long, global = true, env = "PSSP_URL", default_value = DEFAULT_URL, value_name = "URL")]
    pub(crate) url: String,
    /// Key of the service, if it asks for one
    #[arg(long, global = true, env = "PSSP_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// JSON on stdout, and errors as JSON on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// Where sequences come from.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// FASTA files (also gzip), `-` for stdin, or a sequence as it is; stdin if nothing is given
    #[arg(value_name = "FILE|SEQUENCE|-")]
    pub(crate) input: Vec<String>,
}

/// Where results go.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Where the sequences are in structures, for the formats that colour structures.
#[derive(Debug, Args)]
pub(crate) struct StructureArgs {
    /// Chains of the sequences in their order, for formats that colour a structure [default: every chain for one
    /// sequence; else A,B,… for defattr, and those with the same residues for pml]
    #[arg(long, value_name = "CHAIN,…")]
    pub(crate) chain: Option<String>,
    /// Numbers of the first residues of the sequences [default: 1 for defattr, found by the residues for pml]
    #[arg(long, value_name = "NUMBER,…", allow_hyphen_values = true)]
    pub(crate) first_residue: Option<String>,
}

impl StructureArgs {
    /// The values, if `format` has use for them.
    pub(crate) fn parse(&self, format: Format) -> Result<Structures, Failure> {
        let structures = Structures::parse(self.chain.as_deref(), self.first_residue.as_deref());
        let structures = structures.map_err(wrong_structure)?;
        if !structures.is_empty() && !format.uses_structure() {
            let users = FORMATS.iter().filter(|format| format.uses_structure());
            let users: Vec<&str> = users.map(|format| format.extension()).collect();
            let message = format!("{} does not colour a structure", format.name());
            let hint =
                format!("leave --chain and --first-residue out, or use --format {}", users.join(" or "));
            return Err(Failure::usage(message, hint));
        }
        Ok(structures)
    }
}

/// The failure for a wrong `--chain` or `--first-residue`.
pub(crate) fn wrong_structure(error: StructureError) -> Failure {
    Failure::usage(error.to_string(), "check --chain and --first-residue")
}

/// Reads a span of time: `500ms`, `30s`, `5m`, `2h`, or a number of seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("{text:?} is no span of time; write for instance 500ms, 30s, 5m or 2h");
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let scale_ms = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(invalid()),
    };
    number.checked_mul(scale_ms).map(Duration::from_millis).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "s", "-1", "1.5s", "3 s", "99999999999999999h", "1d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

//! What operators' commands share: they work over HTTP with the admin key, or directly on the backend.

use pssp_jobs::{Clock, SystemClock, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::serve::{self, BackendArg, runtime};
use crate::args::{Global, duration};
use crate::client::Client;
use crate::exit::{Exit, Failure};

/// The variable with the operator's key. This command prefers it to `PSSP_API_KEY`.
const ADMIN_KEY_VARIABLE: &str = "PSSP_ADMIN_KEY";

/// Where a command works.
pub(super) enum Operator {
    /// On a running service.
    Service(Client),
    /// On the backend itself.
    Backend {
        /// The use cases.
        jobs: pssp_jobs::Jobs,
        /// Runs them.
        runtime: tokio::runtime::Runtime,
    },
}

impl Operator {
    /// On the backend that is given, else on the service.
    pub(super) fn open(backend: &BackendArg, global: &Global) -> Result<Self, Failure> {
        if !backend.is_given() {
            return Ok(Self::Service(Client::new(global)?.with_key(key(global))));
        }
        let (settings, runtime) = (backend.settings()?, runtime()?);
        let jobs = runtime.block_on(serve::jobs(settings))?;
        Ok(Self::Backend { jobs, runtime })
    }
}

/// The key of the command line, else the operator's key, else the caller's key.
fn key(global: &Global) -> Option<String> {
    let of_caller = std::env::var("PSSP_API_KEY").ok();
    let of_operator = std::env::var(ADMIN_KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let given = global.api_key.clone().filter(|key| Some(key) != of_caller.as_ref());
    given.or(of_operator).or(of_caller)
}

/// Adds to a refusal the hint which key this command needs.
pub(super) fn with_key_hint(failure: Failure) -> Failure {
    match failure.exit {
        Exit::Auth => failure.hint(
            "give the service's PSSP_ADMIN_KEY with --api-key or PSSP_ADMIN_KEY, or use --backend where jobs live",
        ),
        _ => failure,
    }
}

pub(super) fn from_store<T>(outcome: Result<T, pssp_jobs::StoreError>) -> Result<T, Failure> {
    outcome.map_err(|e| Failure::server(e.to_string()))
}

/// Parses a point in time, or a duration from now.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = duration(text) {
        return Ok(SystemClock.now().plus(span));
    }
    Timestamp::deserialize(Value::from(text)).map_err(|_| {
        format!("{text:?} is no time; write for instance 2026-01-31T08:00:00Z, or a span from now such as 2h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_from_now() {
        let time = parse_time("2026-01-31T09:00:00+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-01-31T08:00:00.000Z");
        let ahead = parse_time("2h").unwrap().since(SystemClock.now()).as_secs();
        assert!((7190..=7200).contains(&ahead), "{ahead}");
        for bad in ["", "tomorrow", "2026-01-31", "2026-01-31T09:00:00", "-2h"] {
            assert!(parse_time(bad).unwrap_err().contains("2026-01-31T08:00:00Z"), "{bad}");
        }
    }
}

//! `sqlite:` addresses.

use std::sync::Arc;

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::{Backend, Clock, StoreError};

use crate::OpenError;

pub(crate) async fn open(rest: &str, clock: Arc<dyn Clock>) -> Result<Backend, OpenError> {
    let (path, options) = parse(rest)?;
    // Opening may block on the disk or on another process.
    let opening = tokio::task::spawn_blocking(move || SqliteBackend::open(path, clock, options));
    let sqlite = opening.await.map_err(|error| StoreError::Unavailable(error.into()))??;
    Ok(Backend::of(sqlite))
}

/// Refuses a URL whose file does not exist.
pub(crate) fn exists(rest: &str) -> Result<(), OpenError> {
    let (path, _) = parse(rest)?;
    if std::path::Path::new(&path).is_file() {
        return Ok(());
    }
    Err(OpenError::Malformed(format!("there is no file {path}: name the one that the service uses")))
}

/// Parses `path`, `//path` (relative) or `///path` (absolute), and the options after `?`.
fn parse(rest: &str) -> Result<(String, Options), OpenError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(OpenError::Malformed("sqlite: needs a file, such as sqlite:pssp.db".to_owned()));
    }
    if path.starts_with(':') {
        return Err(OpenError::Malformed(
            "sqlite: keeps jobs in a file; to keep them in memory use memory:".to_owned(),
        ));
    }
    let mut options = Options::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("max_bytes", value)) => {
                let bytes = value.parse().map_err(|_| {
                    OpenError::Malformed("max_bytes of sqlite: must be a number of bytes".to_owned())
                })?;
                options.max_bytes = Some(bytes);
            }
            _ => {
                return Err(OpenError::Malformed(
                    "sqlite: knows one option, max_bytes (in a file's name a ? cannot stand)".to_owned(),
                ));
            }
        }
    }
    Ok((path.to_owned(), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_options() {
        for (rest, path, max_bytes) in [
            ("pssp.db", "pssp.db", None),
            ("//pssp.db", "pssp.db", None),
            ("///var/pssp.db", "/var/pssp.db", None),
            ("/var/pssp.db?max_bytes=8192", "/var/pssp.db", Some(8192)),
        ] {
            let (parsed, options) = parse(rest).unwrap();
            assert_eq!((parsed.as_str(), options.max_bytes), (path, max_bytes), "{rest}");
        }
        for bad in ["", "//", ":memory:", "a.db?max_bytes=lots", "a.db?mode=ro"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

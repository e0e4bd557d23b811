//! Errors of PostgreSQL as categories of [`StoreError`]. No type of the driver leaves this crate.

use std::sync::Arc;

use deadpool::managed::PoolError;
use pssp_common::error_chain;
use pssp_jobs::StoreError;
use tokio_postgres::error::SqlState;

/// An error as every call of a group gets it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: Kind,
    text: Arc<str>,
    /// Whether the connection must not be used again. This is so after a time-out, since the network may be broken
    /// without a sign of it, and after a write to a standby: after a fail-over the host name leads to another server,
    /// but the old connection does not.
    pub(crate) breaks_connection: bool,
    /// Whether the server may still work on the statement.
    pub(crate) timed_out: bool,
    /// Whether the statement was refused for what it contains, so that others of its group may be fine.
    pub(crate) is_of_data: bool,
    /// Whether the server undid the whole statement because of another one, so that it can be tried again at once.
    pub(crate) undone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Full,
    Denied,
    Corrupt,
    Refused,
}

impl Fault {
    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // The driver could not connect, lost the connection, or could not convert a value. It tells the kind of
            // such an error by its text alone.
            let text = error_chain(error);
            return if text.starts_with("error serializing") {
                Self { is_of_data: true, ..Self::refused(text) }
            } else if text.starts_with("error deserializing") {
                Self { kind: Kind::Corrupt, breaks_connection: false, ..Self::unavailable(text) }
            } else if text.contains("password missing") {
                let remedy = format!("{text}: give user and password in the URL, percent-encoded");
                Self { kind: Kind::Denied, ..Self::unavailable(remedy) }
            } else if text.contains("certificate") || text.contains("does not support TLS") {
                Self { kind: Kind::Denied, ..Self::unavailable(text) }
            } else {
                Self::unavailable(text)
            };
        };
        let (kind, remedy) = category(db.code());
        let code = db.code().code();
        Self {
            kind,
            text: format!("{} ({code}){remedy}", db.message()).into(),
            breaks_connection: matches!(code.get(..2), Some("08" | "25" | "57")) && code != "57014",
            undone: matches!(code, "40001" | "40P01"),
            is_of_data: matches!(code.get(..2), Some("22" | "23" | "54")),
            timed_out: false,
        }
    }

    pub(crate) fn of_pool(error: PoolError<Self>) -> Self {
        match error {
            PoolError::Backend(fault) => fault,
            PoolError::Timeout(_) => Self {
                breaks_connection: false,
                ..Self::unavailable("no connection was free or could be made in time".to_owned())
            },
            other => Self::unavailable(other.to_string()),
        }
    }

    pub(crate) fn unavailable(text: String) -> Self {
        Self {
            kind: Kind::Unavailable,
            text: text.into(),
            breaks_connection: true,
            timed_out: false,
            is_of_data: false,
            undone: false,
        }
    }

    /// There was no response in time.
    pub(crate) fn timed_out() -> Self {
        Self { timed_out: true, ..Self::unavailable("no response in time".to_owned()) }
    }

    /// The same, after which the connection must not be used again.
    pub(crate) fn breaking(self) -> Self {
        Self { breaks_connection: true, ..self }
    }

    /// The server or the text is not what this program can work with.
    pub(crate) fn refused(text: String) -> Self {
        Self { kind: Kind::Refused, breaks_connection: false, ..Self::unavailable(text) }
    }

    /// The error with the name of the server.
    pub(crate) fn into_store_error(self, server: &str) -> StoreError {
        let text = format!("{server}: {}", self.text).into();
        match self.kind {
            Kind::Unavailable => StoreError::Unavailable(text),
            Kind::Full => StoreError::Full(text),
            Kind::Denied => StoreError::Denied(text),
            Kind::Corrupt => StoreError::Corrupt(text),
            Kind::Refused => StoreError::Refused(text),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A URL that cannot be used. The error never contains it, since it may have a password.
pub(crate) fn refused(why: &str) -> StoreError {
    StoreError::Refused(format!("the postgres URL is not usable: {why}").into())
}

/// The category of a code, and the remedy. Codes: the PostgreSQL manual, appendix A.
fn category(code: &SqlState) -> (Kind, &'static str) {
    let text = code.code();
    match text {
        "53100" => (Kind::Full, ": the server's disk is full; give it room, or wait until results expire"),
        "28P01" | "28000" => (
            Kind::Denied,
            ": give user and password in the URL, percent-encoded, and permit them in pg_hba.conf",
        ),
        "42501" => (
            Kind::Denied,
            ": the user lacks a right; docs/operations.md, \"A PostgreSQL user with few rights\", has the statements",
        ),
        "3D000" => (Kind::Refused, ": create the database, or name another one in the URL"),
        "26000" | "42P05" => (
            Kind::Refused,
            ": a pooler between pssp and the server loses prepared statements; add prepared_statements=off to the URL",
        ),
        // Another program, or an older backup, has altered the tables.
        "42P01" | "42703" | "3F000" => (
            Kind::Refused,
            ": a table of pssp is missing or altered; start pssp again, which makes missing tables",
        ),
        "XX001" | "XX002" => (Kind::Corrupt, ": the server's files are damaged"),
        "25006" => (Kind::Unavailable, ": the server is a standby"),
        _ => match text.get(..2) {
            // Connection, resources, an operator's intervention, the system, a rollback, a lock, an idle transaction
            // that was ended.
            Some("08" | "53" | "57" | "58" | "40" | "55" | "25") => (Kind::Unavailable, ""),
            _ => (Kind::Refused, ""),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories() {
        for (code, kind) in [
            ("53100", Kind::Full),
            ("53300", Kind::Unavailable),
            ("57P01", Kind::Unavailable),
            ("25006", Kind::Unavailable),
            ("25P03", Kind::Unavailable),
            ("40001", Kind::Unavailable),
            ("28P01", Kind::Denied),
            ("42501", Kind::Denied),
            ("42601", Kind::Refused),
            ("XX001", Kind::Corrupt),
        ] {
            assert_eq!(category(&SqlState::from_code(code)).0, kind, "{code}");
        }
    }
}

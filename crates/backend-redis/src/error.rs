//! Errors of Redis as categories of [`StoreError`]. No type of the driver leaves this crate.

use pssp_jobs::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Whether the connection must not be used again after this error. This is so after a time-out: the response
/// may arrive later, or the network may be broken without a sign of it. It is also so after `READONLY`: after a
/// failover the host name leads to another server, but the old connection does not.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    error.is_timeout()
        || error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Parse | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

/// The category. The text names the server (`target`, without secrets) and the remedy.
pub(crate) fn store_error(error: &RedisError, target: &str) -> StoreError {
    let text = |remedy: &str| -> Box<dyn std::error::Error + Send + Sync> {
        format!("{target}: {error}{remedy}").into()
    };
    let unavailable = || StoreError::Unavailable(text(""));
    // A server that expects TLS closes a connection without it.
    if error.is_connection_dropped() && target.starts_with("redis://") {
        return StoreError::Unavailable(text("; if this port expects TLS, write rediss://"));
    }
    if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
        return unavailable();
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => return StoreError::Denied(text(AUTH)),
        ErrorKind::Server(ServerErrorKind::NoPerm) => return StoreError::Denied(text(PERM)),
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::NoScript,
        ) => return unavailable(),
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot) => {
            return StoreError::Refused(text(
                ": this is a node of a cluster; name a server that is not in cluster mode",
            ));
        }
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            return StoreError::Corrupt(text(""));
        }
        _ => {}
    }
    match error.code().unwrap_or_default() {
        "OOM" => StoreError::Full(text(": raise maxmemory, or wait until results expire")),
        "NOAUTH" | "WRONGPASS" => StoreError::Denied(text(AUTH)),
        "MISCONF" => StoreError::Unavailable(text(": the server cannot write its disk")),
        "BUSY" | "NOREPLICAS" | "UNBLOCKED" => unavailable(),
        "WRONGTYPE" => StoreError::Corrupt(text(
            ": another program uses our keys; give pssp a prefix of its own (?prefix=…)",
        )),
        _ if error.to_string().contains("max number of clients") => unavailable(),
        // A script may not run one of its commands. This error has no code of its own.
        _ if error.to_string().contains("can't run this command") => StoreError::Denied(text(PERM)),
        _ => StoreError::Refused(text("")),
    }
}

const AUTH: &str =
    ": give user and password in the URL (redis://user:password@host:port/db), percent-encoded";
const PERM: &str = ": the user lacks a right: docs/operations.md, \"A Redis user with few rights\", has the \
                    ACL SETUSER line (keys `~{prefix}:*`, channels `&{prefix}:*`, the commands)";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> StoreError {
        let (code, detail) = line.split_once(' ').unwrap();
        let error = redis::make_extension_error(code.to_owned(), Some(detail.to_owned()));
        store_error(&error, "redis://host:1/0")
    }

    #[test]
    fn categories() {
        let oom = of("OOM command not allowed when used memory > 'maxmemory'.");
        assert!(matches!(oom, StoreError::Full(_)) && oom.is_temporary());
        assert!(matches!(of("NOAUTH Authentication required."), StoreError::Denied(_)));
        assert!(matches!(of("WRONGPASS no"), StoreError::Denied(_)));
        assert!(matches!(of("MISCONF Errors writing to the AOF file"), StoreError::Unavailable(_)));
        assert!(matches!(of("WRONGTYPE Operation"), StoreError::Corrupt(_)));
        let io = RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert!(breaks_connection(&io));
        let text = store_error(&io, "redis://host:1/0");
        assert!(text.is_temporary() && text.to_string().contains("redis://host:1/0"));
        let readonly = RedisError::from((
            ErrorKind::Server(ServerErrorKind::ReadOnly),
            "You can't write against a read only replica",
        ));
        assert!(breaks_connection(&readonly));
        assert!(store_error(&readonly, "x").is_temporary());
    }
}

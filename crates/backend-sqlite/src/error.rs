//! Errors of SQLite as categories of [`StoreError`]. No type of the driver leaves this crate.

use std::path::Path;

use pssp_jobs::StoreError;
use rusqlite::ErrorCode;

/// Why an operation in a transaction stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An error of SQLite: everything that the operation wrote must be rolled back.
    Db(rusqlite::Error),
    /// The operation returns an error, and has written nothing.
    Answer(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Db(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

impl Fault {
    pub(crate) fn into_store_error(self, path: &Path) -> StoreError {
        match self {
            Self::Db(error) => store_error(&error, path),
            Self::Answer(error) => error,
        }
    }
}

/// The category. The text names the file and the remedy.
pub(crate) fn store_error(error: &rusqlite::Error, path: &Path) -> StoreError {
    let file = path.display();
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => {
                StoreError::Corrupt(format!("{file}: {error}").into())
            }
            _ => StoreError::Refused(format!("{file}: {error}").into()),
        };
    };
    match code {
        ErrorCode::DiskFull => StoreError::Full(format!("{file}: {error}").into()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreError::Unavailable(format!("{file} is held by another process: {error}").into())
        }
        ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted
        | ErrorCode::SchemaChanged => StoreError::Unavailable(format!("{file}: {error}").into()),
        ErrorCode::DatabaseCorrupt => StoreError::Corrupt(
            format!(
                "{file} is damaged ({error}): restore a backup, or save what `sqlite3 {file} .recover` finds"
            )
            .into(),
        ),
        ErrorCode::NotADatabase => StoreError::Refused(
            format!("{file} is not an SQLite database: name another file, or move this one away").into(),
        ),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::Denied(
            format!(
                "{file} cannot be written ({error}): make the file and its directory writable for this user"
            )
            .into(),
        ),
        ErrorCode::CannotOpen => StoreError::Refused(cannot_open(path).into()),
        ErrorCode::TooBig => StoreError::TooLarge(format!("{file}: {error}")),
        _ => StoreError::Refused(format!("{file}: {error}").into()),
    }
}

/// SQLite only says that it could not open the file. This finds the reason.
fn cannot_open(path: &Path) -> String {
    let file = path.display();
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = parent.display();
    match std::fs::metadata(parent) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!(
                "cannot open {file}: the directory {directory} does not exist: create it, or name another file"
            )
        }
        Err(error) => {
            format!("cannot open {file}: the directory {directory} cannot be used: {error}")
        }
        Ok(meta) if !meta.is_dir() => {
            format!("cannot open {file}: {directory} is not a directory: name another file")
        }
        Ok(_) if path.is_dir() => {
            format!("cannot open {file}: it is a directory: name a file in it")
        }
        Ok(_) => {
            format!("cannot open {file}: make the file and {directory} readable and writable for this user")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i32) -> StoreError {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        store_error(&error, Path::new("a.db"))
    }

    #[test]
    fn categories() {
        assert!(matches!(of(rusqlite::ffi::SQLITE_FULL), StoreError::Full(_)));
        assert!(matches!(of(rusqlite::ffi::SQLITE_IOERR_WRITE), StoreError::Unavailable(_)));
        assert!(matches!(of(rusqlite::ffi::SQLITE_BUSY), StoreError::Unavailable(_)));
        assert!(matches!(of(rusqlite::ffi::SQLITE_CORRUPT), StoreError::Corrupt(_)));
        assert!(matches!(of(rusqlite::ffi::SQLITE_READONLY), StoreError::Denied(_)));
        assert!(matches!(of(rusqlite::ffi::SQLITE_NOTADB), StoreError::Refused(_)));
    }
}

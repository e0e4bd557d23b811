//! Which files are opened, and how others are refused.

use std::path::Path;
use std::sync::Arc;

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::{JobStore, StoreError, SystemClock};
use rusqlite::Connection;

fn open(path: &Path) -> Result<Arc<SqliteBackend>, StoreError> {
    SqliteBackend::open(path, Arc::new(SystemClock), Options::default())
}

fn refusal(path: &Path) -> String {
    match open(path) {
        Err(StoreError::Refused(cause)) => cause.to_string(),
        other => panic!("expected a refusal, not {other:?}"),
    }
}

#[test]
fn files_of_other_programs_are_refused_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    let text = refusal(&foreign);
    assert!(
        text.contains("foreign.db") && text.contains("another program") && text.contains("name another"),
        "{text}"
    );
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    let plain = directory.path().join("notes.txt");
    std::fs::write(&plain, "no database, but long enough to be taken for one. ".repeat(40)).unwrap();
    let text = refusal(&plain);
    assert!(text.contains("notes.txt") && text.contains("not an SQLite database"), "{text}");
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    drop(open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let text = refusal(&path);
    assert!(text.contains("pssp.db") && text.contains("newer pssp (schema 99"), "{text}");
}

#[test]
fn a_missing_directory_and_a_directory_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text = refusal(&directory.path().join("no/such/pssp.db"));
    assert!(text.contains("no/such does not exist: create it"), "{text}");
    let text = refusal(directory.path());
    assert!(text.contains("it is a directory"), "{text}");
}

#[test]
fn the_settings_that_durability_needs_are_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    drop(open(&path).unwrap());
    let db = Connection::open(&path).unwrap();
    let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(text("PRAGMA journal_mode"), "wal");
    assert_eq!(number("PRAGMA auto_vacuum"), 2, "incremental");
    assert_eq!(number("PRAGMA application_id"), 0x7073_7370);
    assert_eq!(number("PRAGMA user_version"), 6);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_corrupt() {
    let fixture = crate::support::Fixture::new(Options::default());
    let job = crate::support::submit(&fixture.jobs()).await;
    Connection::open(fixture.path()).unwrap().execute("UPDATE jobs SET status = '{}'", []).unwrap();
    assert!(matches!(fixture.sqlite.get(job.id()).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(fixture.sqlite.get_many(&[job.id()]).await, Err(StoreError::Corrupt(_))));
}

/// Many processes start at once on a file that does not exist yet.
#[test]
fn concurrent_opens_create_the_tables_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || open(&path).map(|_| ()))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

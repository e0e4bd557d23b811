//! A file of an earlier release is migrated, and all its data can be used.

use std::path::Path;
use std::sync::Arc;

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::Backend;
use pssp_jobs::contract::upgrade;
use rusqlite::Connection;

/// The file of each release as SQL text. It was written with the code of that release by
/// `contract::upgrade::write`.
const RELEASES: &[(&str, &str)] = &[("0.1.0", include_str!("../fixtures/0.1.0.sql"))];

/// Removes what version 2 of the schema added.
const BACK_TO_1: &str = "
    DROP INDEX results_by_key;
    ALTER TABLE results DROP COLUMN key;
    PRAGMA user_version = 1;
";

async fn check_data(path: &Path) {
    let clock = Arc::new(upgrade::clock());
    let backend = SqliteBackend::open(path, clock.clone(), Options::default()).unwrap();
    upgrade::read(&upgrade::jobs(Backend::of(backend), clock.clone()), &clock).await;
}

#[tokio::test]
async fn data_of_earlier_releases_is_read_and_completed() {
    for (release, left) in RELEASES {
        println!("{release}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pssp.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(left).unwrap();
        drop(db);
        check_data(&path).await;
        let db = Connection::open(&path).unwrap();
        let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM requests WHERE request LIKE '%\"warnings\"%'"), 0);
        assert_eq!(
            count("SELECT count(*) FROM jobs WHERE head LIKE '%\"warnings\"%'"),
            count("SELECT count(*) FROM jobs")
        );
    }
}

#[tokio::test]
async fn a_file_of_schema_1_is_migrated() {
    let (_, left) = RELEASES[0];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(left).unwrap();
    db.execute_batch(BACK_TO_1).unwrap();
    drop(db);
    check_data(&path).await;
    let db = Connection::open(&path).unwrap();
    let keyed =
        db.query_row("SELECT count(*) FROM results WHERE key IS NOT NULL", [], |row| row.get::<_, i64>(0));
    assert_eq!(keyed.unwrap(), 0, "results without a key answer nothing");
}

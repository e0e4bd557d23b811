//! A file of an earlier schema is brought up to date, with all that is in it.

use std::sync::Arc;

use pssp_backend_sqlite::{Options, SqliteBackend};
use pssp_jobs::Backend;
use pssp_jobs::contract::upgrade;
use rusqlite::Connection;

/// What version 2 of the schema added, taken away again.
const BACK_TO_1: &str = "
    DROP INDEX results_by_key;
    ALTER TABLE results DROP COLUMN key;
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_file_of_schema_1_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    let clock = Arc::new(upgrade::clock());
    let open = || SqliteBackend::open(&path, clock.clone(), Options::default()).unwrap();
    upgrade::write(&upgrade::jobs(Backend::of(open()), clock.clone())).await;
    Connection::open(&path).unwrap().execute_batch(BACK_TO_1).unwrap();
    upgrade::read(&upgrade::jobs(Backend::of(open()), clock.clone()), &clock).await;
    let db = Connection::open(&path).unwrap();
    let keyed =
        db.query_row("SELECT count(*) FROM results WHERE key IS NULL", [], |row| row.get::<_, i64>(0));
    assert_eq!(keyed.unwrap(), 7, "results without a key, which answer nothing");
}

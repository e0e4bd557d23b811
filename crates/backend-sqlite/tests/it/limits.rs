//! A full disk, another process that writes, and bounded growth.

use std::time::Duration;

use bytes::Bytes;
use pssp_backend_sqlite::Options;
use pssp_jobs::service::{Claim, JobsError};
use pssp_jobs::{Backend, Include, Job, JobStore, Jobs, Policy, StoreError, Timestamp};
use rusqlite::Connection;

use crate::support::{Fixture, eventually, new_job, owner, submit};

/// On a full disk accepted jobs stay and can be finished, and no write is left half done. When there is room
/// again, writes succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_recovers() {
    let fixture = Fixture::new(Options { max_bytes: Some(1 << 20), ..Options::default() });
    // Nothing is refused before the disk is full, as if another program had filled it.
    let policy = Policy { high_water_percent: 100_000, ..Policy::default() };
    let jobs = Jobs::new(Backend::of(fixture.sqlite.clone()), fixture.clock.clone(), policy).unwrap();
    let mut accepted: Vec<Job> = Vec::new();
    let full = loop {
        match jobs.submit(&owner(), new_job(5000), Duration::ZERO, None).await {
            Ok(job) => accepted.push(job.value),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1000, "the limit of 1 MiB has no effect");
    };
    assert!(matches!(full, JobsError::Store(StoreError::Full(_))), "{full:?}");
    assert!(accepted.len() > 10);
    for job in &accepted {
        assert_eq!(fixture.sqlite.get(job.id()).await.unwrap().as_ref(), Some(job));
    }
    let depth = fixture.sqlite.depth().await.unwrap();
    assert_eq!(depth.submitted, accepted.len() as u64, "a refused job left something behind");

    for job in accepted.iter().take(5) {
        assert!(jobs.delete(&owner(), job.id()).await.unwrap(), "deleting works on a full disk");
    }
    submit(&jobs).await;
}

/// A request that does not fit on the disk does not make the others of its group fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_fit_fails_alone() {
    let fixture = Fixture::new(Options { max_bytes: Some(1 << 20), ..Options::default() });
    let jobs = fixture.jobs();
    let large = submit(&jobs).await;
    let Claim::Claimed(large) = jobs.claim(large.id()).await.unwrap() else { panic!("it was free") };
    for _ in 0..20 {
        let small = {
            let jobs = jobs.clone();
            tokio::spawn(async move { submit(&jobs).await })
        };
        let too_large = jobs.finish(&large, Bytes::from(vec![7; 2 << 20])).await.unwrap_err();
        assert!(matches!(too_large, StoreError::Full(_)), "{too_large:?}");
        small.await.unwrap();
    }
    assert_eq!(fixture.sqlite.depth().await.unwrap().submitted, 20);
    assert!(fixture.sqlite.read(large.id(), Include::RESULT).await.unwrap().unwrap().result.is_none());
    assert!(jobs.still_ours(&large).await.unwrap());
}

#[tokio::test]
async fn a_busy_file_is_unavailable_after_the_timeout() {
    let fixture = Fixture::new(Options { busy_timeout: Duration::from_millis(50), ..Options::default() });
    let jobs = fixture.jobs();
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = fixture.sqlite.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.is_temporary());
    other.execute_batch("ROLLBACK").unwrap();
    submit(&jobs).await;
}

/// Expired records are deleted, their pages are returned to the file system, and the log is truncated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_shrinks_after_a_purge() {
    let fixture = Fixture::new(Options::default());
    let jobs = fixture.jobs();
    let mut records = Vec::new();
    for _ in 0..600 {
        records.push(Ok(new_job(5000)));
    }
    let batch = jobs.submit_batch(&owner(), records, None).await.unwrap().value;
    for id in batch.jobs() {
        jobs.cancel(&owner(), id).await.unwrap();
    }
    let log = fixture.path().with_extension("db-wal");
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    eventually("cutting the log back", || size(&log) == 0).await;
    let before = size(&fixture.path());

    fixture.clock.advance(jobs.policy().ttl * 3);
    let now = jobs.now();
    assert_eq!(fixture.sqlite.purge(now, 250).await.unwrap(), 250, "in bounded steps");
    while fixture.sqlite.purge(now, 250).await.unwrap() > 0 {}
    assert!(fixture.sqlite.list(&all()).await.unwrap().items.is_empty());
    eventually("giving the pages back", || size(&fixture.path()) < before / 3).await;
    eventually("cutting the log back again", || size(&log) == 0).await;
    let db = Connection::open(fixture.path()).unwrap();
    for table in ["jobs", "requests", "results", "queue", "batches", "keys", "dead"] {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

fn all() -> pssp_jobs::ListQuery {
    pssp_jobs::ListQuery { owner: owner(), state: None, before: None, limit: 10 }
}

/// The frequent statements use indexes: none of them reads a whole table.
#[test]
fn hot_statements_use_their_indexes() {
    let fixture_clock = std::sync::Arc::new(pssp_jobs::ManualClock::new(Timestamp::from_millis(0)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    let _open = pssp_backend_sqlite::SqliteBackend::open(&path, fixture_clock, Options::default()).unwrap();
    let db = Connection::open(&path).unwrap();
    for (sql, index) in [
        ("SELECT head FROM jobs WHERE owner = 'a' AND id < x'ff' ORDER BY id DESC LIMIT 9", "jobs_by_owner "),
        (
            "SELECT head FROM jobs WHERE owner = 'a' AND id < x'ff' AND state = 1 ORDER BY id DESC LIMIT 9",
            "jobs_by_owner_and_state ",
        ),
        ("SELECT id FROM jobs WHERE due_at <= 5 ORDER BY due_at LIMIT 9", "jobs_due "),
        (
            "SELECT state, count(*) FROM jobs WHERE due_at IS NOT NULL GROUP BY state",
            "COVERING INDEX jobs_due",
        ),
        ("SELECT id FROM jobs WHERE expires_at <= 5 ORDER BY expires_at LIMIT 9", "jobs_expiry "),
        (
            "SELECT seq FROM queue WHERE turn IS NULL AND visible_at BETWEEN 0 AND 5
             ORDER BY visible_at, seq LIMIT 9",
            "queue_visible ",
        ),
        ("SELECT min(visible_at) FROM queue WHERE turn IS NULL", "queue_visible"),
        ("SELECT seq, turn FROM queue WHERE turn IS NOT NULL ORDER BY turn, seq LIMIT 9", "queue_ready "),
        ("SELECT kind FROM keys WHERE expires_at <= 5 LIMIT 9", "keys_expiry "),
    ] {
        let plan: Vec<String> = db
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(plan[0].contains(index), "{sql}: {plan:?}");
        if index.ends_with(' ') {
            assert_eq!(plan.len(), 1, "{sql} sorts: {plan:?}");
        }
    }
}

#[tokio::test]
async fn a_removed_file_refuses_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pssp.db");
    let clock = std::sync::Arc::new(pssp_jobs::SystemClock);
    let backend =
        pssp_backend_sqlite::SqliteBackend::open(&path, clock, pssp_backend_sqlite::Options::default())
            .unwrap();
    pssp_jobs::JobStore::ping(&*backend).await.unwrap();
    std::fs::rename(&path, directory.path().join("moved.db")).unwrap();
    let error = pssp_jobs::JobStore::ping(&*backend).await.unwrap_err().to_string();
    assert!(error.contains("was removed or replaced: put it back"), "{error}");
    std::fs::rename(directory.path().join("moved.db"), &path).unwrap();
    pssp_jobs::JobStore::ping(&*backend).await.unwrap();
}

/// The file may grow to 8 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_finishes_what_it_accepted() {
    let fixture = Fixture::new(Options { max_bytes: Some(8 << 20), ..Options::default() });
    pssp_jobs::contract::room::a_full_store_finishes_what_it_accepted(&fixture.jobs()).await;
}

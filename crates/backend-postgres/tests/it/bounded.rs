//! The stored data does not grow for ever, and every step is bounded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pssp_jobs::contract::live::{jobs, jobs_at, new_job, submit};
use pssp_jobs::job::{Failure, FailureClass};
use pssp_jobs::service::Claim;
use pssp_jobs::{Backend, Clock as _, JobReceiver as _, ManualClock, Owner, SystemClock};
use pssp_local_postgres::Server;

use crate::support::{fresh_schema, open, open_at, shared};

/// An earlier worker fetched all due messages at once, and a backlog of 8,000 crashed it.
#[tokio::test]
async fn a_backlog_of_100_000_drains_in_bounded_steps() {
    let server = Server::start(&[]);
    let backend = open(&server.url("big")).await;
    // Half of the messages were delayed and are due now, as after a night without a worker.
    let _ = server.sql(
        "INSERT INTO big.queue (id, body, visible_at)
         SELECT gen_random_uuid(), 'm' || i, i % 2 * 1700000000000 FROM generate_series(1, 100000) AS i",
    );
    let mut seen = HashSet::new();
    loop {
        let taken = backend.receive(5000, Duration::ZERO, Duration::from_mins(5)).await.unwrap();
        assert!(taken.len() <= 1000);
        if taken.is_empty() {
            break;
        }
        for delivery in &taken {
            assert!(seen.insert(delivery.body.clone()), "{} came twice", delivery.body);
        }
        for acked in join_all(taken.into_iter().map(|d| backend.ack(d.receipt))).await {
            acked.unwrap();
        }
    }
    assert_eq!(seen.len(), 100_000);
    assert_eq!(server.sql("SELECT count(*) FROM big.queue"), "0");
}

/// After their expiry the sweep deletes all data of jobs, in bounded steps.
#[tokio::test]
async fn expired_jobs_leave_nothing_behind() {
    let (server, schema) = (shared(), fresh_schema());
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let jobs = jobs_at(Backend::of(open_at(&server.url(&schema), clock.clone()).await), clock.clone());
    for n in 0..450 {
        let id = submit(&jobs).await.id();
        if n % 3 == 0 {
            jobs.cancel(&Owner::public(), id).await.unwrap();
        } else if let Claim::Claimed(job) = jobs.claim(id).await.unwrap() {
            if n % 3 == 1 {
                jobs.fail(&job, Failure::new(FailureClass::Input, "no")).await.unwrap();
            } else {
                jobs.finish(&job, "result".into()).await.unwrap();
            }
        }
    }
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.unwrap();
    clock.advance(jobs.policy().ttl + Duration::from_secs(1));
    assert_eq!(jobs.backend().store.purge(clock.now(), 300).await.unwrap(), 300);
    assert_eq!(jobs.backend().store.purge(clock.now(), 300).await.unwrap(), 151);
    for table in ["jobs", "requests", "results", "queue", "dead", "keys", "batches"] {
        assert_eq!(server.sql(&format!("SELECT count(*) FROM {schema}.{table}")), "0", "{table}");
    }
}

/// A batch that is larger than a statement gives its owner one message in a turn all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_has_one_message_in_a_turn() {
    let (server, schema) = (shared(), fresh_schema());
    let jobs = jobs(Backend::of(open(&server.url(&schema)).await));
    let records: Vec<_> = (0..2000).map(|_| new_job()).collect();
    jobs.submit_batch(&Owner::new("busy"), records, None).await.unwrap();
    let turns = format!("SELECT count(*), count(DISTINCT turn) FROM {schema}.queue");
    assert_eq!(server.sql(&turns), "2000|2000");
}

/// The query by which Azure scales the workers counts open jobs. (It names the schema that the manual has.)
#[tokio::test]
async fn the_query_of_the_scaler_counts_open_jobs() {
    let server = Server::start(&[]);
    let jobs = jobs(Backend::of(open(&server.url("pssp")).await));
    for _ in 0..3 {
        submit(&jobs).await;
    }
    let gone = submit(&jobs).await.id();
    jobs.cancel(&Owner::public(), gone).await.unwrap();
    let app = include_str!("../../../../infra/azure/containerapps.yml");
    let query = app.lines().find_map(|line| line.trim().strip_prefix("query: ")).unwrap();
    assert_eq!(server.sql(query), "3");
}

/// Two processes drain one queue: every job is finished by exactly one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_race() {
    let (server, schema) = (shared(), fresh_schema());
    let first = jobs(Backend::of(open(&server.url(&schema)).await));
    let second = jobs(Backend::of(open(&server.url(&schema)).await));
    pssp_jobs::contract::live::two_workers_race(first, second).await;
}

/// With `max_bytes` the store has a limit, below which it keeps room for what was accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_finishes_what_it_accepted() {
    let (server, schema) = (shared(), fresh_schema());
    let backend = open(&format!("{}&max_bytes=8000000", server.url(&schema))).await;
    pssp_jobs::contract::room::a_full_store_finishes_what_it_accepted(&jobs(Backend::of(backend))).await;
}

/// Rows that were deleted are vacuumed before they are many: the queue does not grow with the jobs that went through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_does_not_grow_with_the_jobs_that_went_through() {
    let server = Server::start(&["autovacuum_naptime=1"]);
    let backend = open(&server.url("lean")).await;
    let through = async |rounds: usize| {
        for _ in 0..rounds {
            let _ = server.sql(
                "INSERT INTO lean.queue (id, body, visible_at, turn)
                 SELECT gen_random_uuid(), 'm' || i, 0, i FROM generate_series(1, 1000) AS i",
            );
            let taken = backend.receive(1000, Duration::ZERO, Duration::from_mins(5)).await.unwrap();
            assert_eq!(taken.len(), 1000);
            for acked in join_all(taken.into_iter().map(|d| backend.ack(d.receipt))).await {
                acked.unwrap();
            }
        }
    };
    let size = || server.sql("SELECT pg_total_relation_size('lean.queue')").parse::<u64>().unwrap();
    through(20).await;
    let first = size();
    for _ in 0..4 {
        through(20).await;
    }
    let later = size();
    assert!(later < first * 3, "{first} bytes after 20,000 messages, {later} after 100,000");
}

//! The stored data does not grow for ever, and every step is bounded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pssp_jobs::job::{Failure, FailureClass};
use pssp_jobs::service::{Claim, Claimed, Key};
use pssp_jobs::{Backend, Clock as _, JobReceiver as _, Jobs, ManualClock, Owner, SystemClock};

use crate::server::{Server, open, open_at};
use crate::{jobs, jobs_at, new_job, submit, work};

async fn claimed(jobs: &Jobs) -> Box<Claimed> {
    let id = submit(jobs).await.id();
    match jobs.claim(id).await.unwrap() {
        Claim::Claimed(job) => job,
        other => panic!("{other:?}"),
    }
}

/// An earlier worker fetched all due messages at once, and a backlog of 8,000 crashed it.
#[tokio::test]
async fn a_backlog_of_100_000_drains_in_bounded_steps() {
    let server = Server::start("everysec", &[]);
    let backend = open(&server.url("big")).await;
    // Half of the messages were delayed and are due now, as after a night without a worker.
    let fill = "for i = 1, 100000 do redis.call('ZADD', KEYS[1], i % 2 * 1700000000000, 'm' .. i) end";
    server.cli(&["EVAL", fill, "1", "{big}:v1:queue"]);
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
    assert_eq!(server.cli(&["EXISTS", "{big}:v1:queue", "{big}:v1:ready"]), "0");
}

/// An acknowledged message is deleted. In streams that were only acknowledged, messages stayed for ever.
#[tokio::test]
async fn acknowledged_messages_are_deleted() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("done")).await));
    let receiver = jobs.receiver().unwrap();
    for _ in 0..50 {
        submit(&jobs).await;
    }
    for delivery in receiver.receive(100, Duration::ZERO, Duration::from_mins(5)).await.unwrap() {
        assert!(work(&jobs, delivery).await.is_some());
    }
    for key in ["ready", "queue", "submitted", "running"] {
        assert_eq!(server.cli(&["EXISTS", &format!("{{done}}:v1:{key}")]), "0", "{key}");
    }
    assert_eq!(server.cli(&["HKEYS", "{done}:v1:held"]), "", "only the field without a name");
    assert_eq!(server.cli(&["ZCARD", "{done}:v1:expiry"]), "50");
}

/// Sending a waiting message again must not double the backlog.
#[tokio::test]
async fn sending_again_does_not_double_what_waits() {
    let server = Server::start("everysec", &[]);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let backend = open_at(&server.url("again"), clock.clone()).await;
    let jobs = jobs_at(Backend::of(backend), clock.clone());
    for _ in 0..30 {
        submit(&jobs).await;
    }
    for round in 0..3 {
        // A job that has waited long is sent again at longer intervals.
        clock.advance(jobs.policy().resend_after * 4_u32.pow(round) + Duration::from_secs(1));
        assert_eq!(jobs.sweep().await.unwrap().resent, 30);
    }
    assert_eq!(server.cli(&["ZCARD", "{again}:v1:ready"]), "30");
    assert_eq!(server.cli(&["ZCARD", "{again}:v1:queue"]), "0", "those that wait are not sent a second time");
}

/// Every terminal record expires. Results without an expiry fill a server.
#[tokio::test]
async fn every_terminal_record_has_a_time_to_live() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("ttl")).await));
    let owner = Owner::public();
    let waiting = submit(&jobs).await.id();
    let finished = claimed(&jobs).await;
    jobs.finish(&finished, "r".into()).await.unwrap();
    let failed = claimed(&jobs).await;
    jobs.fail(&failed, Failure::new(FailureClass::Input, "no")).await.unwrap();
    let cancelled = submit(&jobs).await.id();
    jobs.cancel(&owner, cancelled).await.unwrap();
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.unwrap();
    let key = Some(Key { key: "k".to_owned(), digest: [1; 32] });
    jobs.submit_batch(&owner, vec![new_job()], key.clone()).await.unwrap();
    jobs.submit(&owner, new_job(), Duration::ZERO, key).await.unwrap();

    let ttl = |key: &str| -> i64 { server.cli(&["PTTL", &format!("{{ttl}}:v1:{key}")]).parse().unwrap() };
    for key in [format!("job:{}", finished.id()), format!("job:{}", failed.id()), format!("job:{cancelled}")]
    {
        assert!(ttl(&key) > 0, "{key}");
    }
    assert_eq!(ttl(&format!("job:{waiting}")), -1, "a waiting job does not expire");
    let record = format!("{{ttl}}:v1:job:{}", finished.id());
    assert_eq!(server.cli(&["HGET", &record, "result"]), "r", "a record and its result go together");
    for pattern in ["letter:*", "batch:*", "key:*"] {
        let keys = server.cli(&["KEYS", &format!("{{ttl}}:v1:{pattern}")]);
        assert!(!keys.is_empty(), "{pattern}");
        for key in keys.lines() {
            assert!(ttl(key.strip_prefix("{ttl}:v1:").unwrap()) > 0, "{key}");
        }
    }
    jobs.redrive(failed.id()).await.unwrap();
    assert_eq!(ttl(&format!("job:{}", failed.id())), -1, "a redriven job does not expire");
}

/// After their expiry the sweep deletes all data of jobs, in bounded steps.
#[tokio::test]
async fn expired_jobs_leave_nothing_behind() {
    let server = Server::start("everysec", &[]);
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let backend = open_at(&server.url("gone"), clock.clone()).await;
    let jobs = jobs_at(Backend::of(backend), clock.clone());
    for n in 0..450 {
        let id = submit(&jobs).await.id();
        if n % 2 == 0 {
            jobs.cancel(&Owner::public(), id).await.unwrap();
        } else if let Claim::Claimed(job) = jobs.claim(id).await.unwrap() {
            jobs.fail(&job, Failure::new(FailureClass::Input, "no")).await.unwrap();
        }
    }
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.unwrap();
    clock.advance(jobs.policy().ttl + Duration::from_secs(1));
    assert_eq!(jobs.backend().store.purge(clock.now(), 300).await.unwrap(), 300);
    assert_eq!(jobs.backend().store.purge(clock.now(), 300).await.unwrap(), 151);
    let left = server.cli(&["KEYS", "*"]);
    let left: HashSet<&str> = left.lines().collect();
    assert_eq!(left, HashSet::from(["{gone}:v1:wake", "{gone}:v1:turns"]));
}

/// Records that expired on their own are removed from the lists by the next reader.
#[tokio::test]
async fn lists_drop_expired_records() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("list")).await));
    let (gone, stays) = (submit(&jobs).await.id(), submit(&jobs).await.id());
    server.cli(&["DEL", &format!("{{list}}:v1:job:{gone}")]);
    let query = pssp_jobs::ListQuery { owner: Owner::public(), state: None, before: None, limit: 10 };
    for _ in 0..2 {
        let listed = jobs.list(&query).await.unwrap();
        assert_eq!(listed.items.iter().map(|s| s.head.id).collect::<Vec<_>>(), [stays]);
        assert_eq!(listed.next, None);
    }
    assert_eq!(server.cli(&["ZCARD", "{list}:v1:owner:public"]), "1");
}

/// A list with a filter by state reads a bounded number of jobs, and its pages together are complete.
#[tokio::test]
async fn a_filtered_list_reads_a_bounded_number_of_jobs() {
    let server = Server::start("everysec", &[]);
    let jobs = jobs(Backend::of(open(&server.url("filter")).await));
    let oldest = submit(&jobs).await.id();
    jobs.cancel(&Owner::public(), oldest).await.unwrap();
    let records: Vec<_> = (0..2500).map(|_| new_job()).collect();
    jobs.submit_batch(&Owner::public(), records, None).await.unwrap();
    let mut query = pssp_jobs::ListQuery {
        owner: Owner::public(),
        state: Some(pssp_jobs::State::Cancelled),
        before: None,
        limit: 5,
    };
    let mut found = Vec::new();
    for _ in 0..10 {
        let page = jobs.list(&query).await.unwrap();
        found.extend(page.items.into_iter().map(|s| s.head.id));
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    assert_eq!((found, query.before), (vec![oldest], None));
}

/// Two processes drain one queue: every job is finished by exactly one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_race() {
    let server = Server::start("everysec", &[]);
    let first = jobs(Backend::of(open(&server.url("race")).await));
    let second = jobs(Backend::of(open(&server.url("race")).await));
    pssp_jobs::contract::live::two_workers_race(first, second).await;
}

/// Redis may use 16 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_finishes_what_it_accepted() {
    let server = Server::start("everysec", &["--maxmemory", "16mb"]);
    let jobs = jobs(Backend::of(open(&server.url("full")).await));
    pssp_jobs::contract::room::a_full_store_finishes_what_it_accepted(&jobs).await;
}

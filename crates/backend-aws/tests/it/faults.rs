//! Throttling, errors, latency, cut connections and lost responses: no job is lost or duplicated.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pssp_aws_local::sqs;
use pssp_backend_aws::{AwsBackend, Options};
use pssp_jobs::job::{Failure, FailureClass};
use pssp_jobs::service::{Claim, Claimed, Key, NewJob, Settled};
use pssp_jobs::{
    Backend, Clock, Job, JobId, JobReceiver as _, JobStore as _, Jobs, ListQuery, ManualClock, Message,
    Owner, Policy, State, SystemClock,
};
use serde_json::json;

use crate::proxy::{Fault, Proxy};
use crate::stand_ins::{Place, dynoxide};

/// A table with a proxy before DynamoDB. `place` must live as long as the table is used.
pub(crate) struct Bench {
    pub(crate) place: Place,
    pub(crate) proxy: Proxy,
    pub(crate) jobs: Jobs,
    pub(crate) backend: Arc<AwsBackend>,
}

pub(crate) async fn bench() -> Bench {
    bench_at(Arc::new(SystemClock)).await
}

async fn bench_at(clock: Arc<dyn Clock>) -> Bench {
    let place = Place::own().await;
    let proxy = Proxy::before(&dynoxide().endpoint()).await;
    let direct = dynoxide().endpoint();
    let url = place.url.replace(&direct, &proxy.endpoint);
    let options = Options { attempt_timeout: Duration::from_millis(1500), ..place.options.clone() };
    let backend = AwsBackend::open(&url, clock.clone(), options).await.unwrap();
    let jobs = Jobs::new(Backend::of(backend.clone()), clock, Policy::default()).unwrap();
    proxy.take_counts();
    Bench { place, proxy, jobs, backend }
}

pub(crate) fn new_job() -> NewJob {
    NewJob::from("MKTAYIAKQR".parse::<pssp_predict::Sequence>().unwrap())
}

async fn submit(jobs: &Jobs) -> Job {
    jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await.unwrap().value
}

async fn claim(jobs: &Jobs, id: JobId) -> Box<Claimed> {
    match jobs.claim(id).await.unwrap() {
        Claim::Claimed(job) => job,
        other => panic!("{other:?}"),
    }
}

async fn listed(jobs: &Jobs) -> usize {
    let query = ListQuery { owner: Owner::public(), state: None, before: None, limit: 1000 };
    jobs.list(&query).await.unwrap().items.len()
}

/// The response to each kind of write is lost once. The next try finds the write of the first one, and
/// recognises it.
#[tokio::test]
async fn a_write_with_a_lost_response_counts_once() {
    let Bench { place, proxy, jobs, .. } = bench().await;
    proxy.inject("PutItem", Fault::CutAfter, 1);
    let job = submit(&jobs).await;
    assert_eq!((proxy.left("PutItem"), listed(&jobs).await), (0, 1));
    assert_eq!(place.sqs().counts(queue(&place)).visible, 1, "its message was sent");
    proxy.inject("UpdateItem", Fault::CutAfter, 1);
    let running = claim(&jobs, job.id()).await;
    assert_eq!((proxy.left("UpdateItem"), running.status.attempt, running.status.lost_workers), (0, 1, 0));
    proxy.inject("UpdateItem", Fault::CutAfter, 1);
    proxy.inject("PutItem", Fault::CutAfter, 1);
    assert!(matches!(jobs.finish(&running, "r".into()).await.unwrap(), Settled::Done(_)));
    assert_eq!(jobs.result(job.id()).await.unwrap(), "r");

    let key = || Some(Key { key: "k".to_owned(), digest: [1; 32] });
    proxy.inject("TransactWriteItems", Fault::CutAfter, 1);
    let keyed = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, key()).await.unwrap();
    assert_eq!((proxy.left("TransactWriteItems"), keyed.replayed, listed(&jobs).await), (0, false, 2));
    let failing = claim(&jobs, keyed.value.id()).await;
    proxy.inject("TransactWriteItems", Fault::CutAfter, 1);
    let failure = Failure::new(FailureClass::Input, "no");
    assert!(matches!(jobs.fail(&failing, failure).await.unwrap(), Settled::Done(_)));
    assert_eq!(jobs.dead_letters(None, 10).await.unwrap().items.len(), 1);
}

fn queue(place: &Place) -> &str {
    place.url.split("queue=").nth(1).and_then(|q| q.split('&').next()?.rsplit('/').next()).unwrap()
}

/// Every third call fails, each time with another fault: every job is created once and finished once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_neither_lost_nor_duplicated() {
    for fault in [
        Fault::throttled(),
        Fault::code(400, "ThrottlingException"),
        Fault::code(500, "InternalServerError"),
        Fault::code(503, "ServiceUnavailable"),
        Fault::Late(Duration::from_millis(200)),
        Fault::CutBefore,
        Fault::CutAfter,
    ] {
        let Bench { proxy, jobs, backend, place: _place } = bench().await;
        proxy.every(Some((3, fault.clone())));
        let mut made = HashSet::new();
        for n in 0..8 {
            made.insert(submit_until_accepted(&jobs, n).await);
        }
        let mut finished = HashSet::new();
        for _ in 0..100 {
            for delivery in backend.receive(5, Duration::ZERO, Duration::from_secs(5)).await.unwrap() {
                let id = Message::decode(&delivery.body).unwrap().job;
                let Ok(Claim::Claimed(job)) = jobs.claim(id).await else { continue };
                if matches!(jobs.finish(&job, "r".into()).await, Ok(Settled::Done(_))) {
                    assert!(finished.insert(id), "{fault:?}: finished twice");
                    backend.ack(delivery.receipt).await.unwrap();
                }
            }
            if finished.len() == made.len() {
                break;
            }
        }
        proxy.every(None);
        assert_eq!(finished, made, "{fault:?}");
        assert_eq!(listed(&jobs).await, 8, "{fault:?}: a job was lost or doubled");
    }
}

async fn submit_until_accepted(jobs: &Jobs, n: usize) -> JobId {
    for _ in 0..20 {
        let key = Key { key: format!("key {n}"), digest: [0; 32] };
        if let Ok(made) = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, Some(key)).await {
            return made.value.id();
        }
    }
    panic!("twenty faults in a row");
}

/// If a fault lasts longer than all tries, the error is temporary, and no write is left half done.
#[tokio::test]
async fn a_lasting_fault_is_a_temporary_error() {
    let Bench { proxy, jobs, backend, place: _place } = bench().await;
    for fault in [
        Fault::throttled(),
        Fault::code(500, "InternalServerError"),
        Fault::CutBefore,
        Fault::Late(Duration::from_secs(4)),
    ] {
        proxy.inject("GetItem", fault.clone(), 100);
        let error = backend.ping().await.unwrap_err();
        assert!(error.is_temporary(), "{fault:?}: {error}");
        proxy.inject("GetItem", fault, 0);
        backend.ping().await.unwrap();
    }
    proxy.inject("PutItem", Fault::throttled(), 100);
    let refused = jobs.submit(&Owner::public(), new_job(), Duration::ZERO, None).await;
    assert!(refused.is_err());
    assert_eq!(listed(&jobs).await, 0);
}

/// A transaction that conflicts with another is tried again. A failed condition is not.
#[tokio::test]
async fn conflicting_transactions_are_tried_again() {
    let Bench { proxy, jobs, place: _place, .. } = bench().await;
    let reasons = json!({ "CancellationReasons": [{ "Code": "None" }, { "Code": "TransactionConflict" }] });
    let conflict = Fault::Answer(400, "TransactionCanceledException", "cancelled", reasons);
    proxy.inject("TransactWriteItems", conflict, 3);
    let key = Some(Key { key: "k".to_owned(), digest: [1; 32] });
    jobs.submit(&Owner::public(), new_job(), Duration::ZERO, key).await.unwrap();
    assert_eq!((proxy.left("TransactWriteItems"), listed(&jobs).await), (0, 1));
    let id = submit(&jobs).await.id();
    proxy.inject("UpdateItem", Fault::code(400, "TransactionConflictException"), 3);
    assert_eq!(claim(&jobs, id).await.status.attempt, 1);
    assert_eq!(proxy.left("UpdateItem"), 0);
}

/// Keys that DynamoDB leaves out of a batch read are requested again.
#[tokio::test]
async fn keys_left_out_are_asked_for_again() {
    let Bench { proxy, jobs, place: _place, .. } = bench().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(submit(&jobs).await.id());
    }
    proxy.inject("BatchGetItem", Fault::LeaveOut, 2);
    let found = jobs.get_many(&ids).await.unwrap();
    let found: Vec<JobId> = found.into_iter().map(|summary| summary.unwrap().head.id).collect();
    assert_eq!((found, proxy.left("BatchGetItem")), (ids, 0));
}

/// Three of ten messages fail and are sent again. The others are not.
#[tokio::test]
async fn messages_that_failed_alone_are_sent_again_alone() {
    let Bench { place, jobs, proxy: _proxy, .. } = bench().await;
    place.sqs().faults().fail_entries("SendMessageBatch", 3);
    let records: Vec<_> = (0..10).map(|_| new_job()).collect();
    let batch = jobs.submit_batch(&Owner::public(), records, None).await.unwrap().value;
    let sent: HashSet<JobId> =
        place.sqs().bodies(queue(&place)).iter().map(|body| Message::decode(body).unwrap().job).collect();
    assert_eq!(sent, batch.jobs().collect());
    assert_eq!(place.sqs().counts(queue(&place)).visible, 10, "none is doubled");
    assert_eq!(place.sqs().requests()["SendMessageBatch"], 2);
}

/// Messages are lost, or cannot be sent. The jobs are accepted, and the sweep sends the messages.
#[tokio::test]
async fn lost_messages_are_sent_by_the_sweep() {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let Bench { place, jobs, proxy: _proxy, .. } = bench_at(clock.clone()).await;
    place.sqs().faults().lose(1);
    let lost = submit(&jobs).await.id();
    place.sqs().faults().inject("SendMessageBatch", sqs::Fault::Unavailable, 100);
    let unsent = submit(&jobs).await.id();
    place.sqs().faults().inject("SendMessageBatch", sqs::Fault::Unavailable, 0);
    assert!(place.sqs().bodies(queue(&place)).is_empty());
    clock.advance(jobs.policy().resend_after + Duration::from_secs(1));
    assert_eq!(jobs.sweep().await.unwrap().resent, 2);
    let sent: HashSet<JobId> =
        place.sqs().bodies(queue(&place)).iter().map(|body| Message::decode(body).unwrap().job).collect();
    assert_eq!(sent, HashSet::from([lost, unsent]));
    for id in [lost, unsent] {
        assert_eq!(jobs.find(&Owner::public(), id).await.unwrap().state(), State::Submitted);
    }
}

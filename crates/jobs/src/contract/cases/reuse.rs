//! Reuse: a stored result is the result of a later job that asks for the same.

use std::time::Duration;

use bytes::Bytes;
use pssp_predict::Method;

use crate::contract::faults::Faulty;
use crate::contract::{Harness, all_of, bytes, claim, jobs, named, new_job, owner, policy, receive, submit};
use crate::id::Owner;
use crate::job::{Failure, FailureClass, State};
use crate::ports::{Change, Depth};
use crate::reuse::{ResultKey, StoredResult};
use crate::service::{Claimed, Jobs, Key, Settled};

fn method(version: &str) -> Option<Method> {
    let [name, sha256] = ["net", "c0ffee"].map(str::to_owned);
    Some(Method { name, version: version.to_owned(), sha256, citation: String::new() })
}

/// Finishes a new job with this result.
async fn finished(jobs: &Jobs, result: Bytes) -> Claimed {
    let job = claim(jobs, submit(&jobs.reusing(None)).await.id()).await;
    assert!(matches!(jobs.finish(&job, result).await.unwrap(), Settled::Done(_)));
    job
}

/// An identical request gets a new job that is finished at once. It stays when the first job is deleted.
pub async fn an_identical_request_reuses_a_stored_result<H: Harness>(h: &mut H) {
    let jobs = jobs(h).reusing(method("1"));
    let first = finished(&jobs, bytes("the result")).await;
    receive(h, 10).await;

    let again = jobs.submit(&owner(), named("again"), Duration::ZERO, None).await.unwrap().value;
    assert!(again.id() != first.id() && again.status.reused);
    h.advance(Duration::from_secs(4)).await;
    assert!(receive(h, 10).await.iter().all(|message| !message.body.contains(&again.id().to_string())));
    assert!(jobs.delete(&owner(), first.id()).await.unwrap());
    h.reopen().await;

    let jobs = crate::contract::jobs(h).reusing(method("1"));
    let stored = jobs.find(&owner(), again.id()).await.unwrap();
    assert_eq!(stored, again, "the stored job is the one that the submission returned");
    assert_eq!((stored.state(), stored.status.attempt), (State::Finished, 0));
    assert_eq!(jobs.result(again.id()).await.unwrap(), "the result");
    let listed = jobs.list(&all_of(owner(), 10)).await.unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&again));
    assert_eq!(jobs.depth().await.unwrap(), Depth::default());
    let far = jobs.now().plus(Duration::from_hours(1));
    assert!(jobs.backend().store.overdue(far, policy().horizon(), 10).await.unwrap().is_empty());
    assert!(jobs.cancel(&owner(), again.id()).await.is_err(), "finished is finished");
    // The result of a reused job is not reused again. Otherwise an old result could be copied for ever.
    assert_eq!(submit(&jobs).await.state(), State::Submitted);
}

/// The stored hint leads to a job that does not fit. Its result is not reused.
pub async fn a_hint_to_another_job_is_ignored<H: Harness>(h: &mut H) {
    let jobs = jobs(h).reusing(method("1"));
    let wanted = new_job().request.sequence;
    let key = ResultKey::of(&owner(), &method("1").unwrap(), &wanted);
    let mut longer = new_job();
    longer.request.sequence = "MKTAYIAKQRA".parse().unwrap();
    let another = (owner(), longer);
    let theirs = (Owner::new("another"), new_job());
    for (owner, new) in [another, theirs] {
        let id = jobs.submit(&owner, new, Duration::ZERO, None).await.unwrap().value.id();
        let running = claim(&jobs, id).await;
        let done = running.finish(jobs.now(), &policy()).unwrap();
        let result = StoredResult { bytes: bytes("no"), key: Some(key) };
        let change = Change::new(&running, &done).with_result(result);
        jobs.backend().store.apply(&change).await.unwrap();
        let stored = jobs.backend().store.reusable(&[key]).await.unwrap();
        assert_eq!(stored, [Some(id)], "the hint is there");
        assert_eq!(submit(&jobs).await.state(), State::Submitted);
    }
}

/// The lookup of a stored result fails. The job is computed.
pub async fn a_failed_lookup_is_not_an_error<H: Harness>(h: &mut H) {
    let plain = jobs(h);
    finished(&plain.reusing(method("1")), bytes("r")).await;
    let blind = Jobs::new(Faulty::without_lookups(&h.backend()), h.clock(), policy()).unwrap();
    assert_eq!(submit(&blind.reusing(method("1"))).await.state(), State::Submitted);
}

/// A result is not reused for another owner, method or sequence, nor for a delayed job.
pub async fn only_an_identical_request_reuses_a_result<H: Harness>(h: &mut H) {
    let plain = jobs(h);
    let jobs = plain.reusing(method("1"));
    finished(&jobs, bytes("r")).await;
    assert!(submit(&jobs).await.status.reused);

    let other = Owner::new("another");
    let theirs = jobs.submit(&other, new_job(), Duration::ZERO, None).await.unwrap().value;
    assert_eq!(theirs.state(), State::Submitted);
    assert_eq!(submit(&plain.reusing(method("2"))).await.state(), State::Submitted);
    assert_eq!(submit(&plain).await.state(), State::Submitted);
    let mut longer = new_job();
    longer.request.sequence = "MKTAYIAKQRA".parse().unwrap();
    let longer = jobs.submit(&owner(), longer, Duration::ZERO, None).await.unwrap().value;
    assert_eq!(longer.state(), State::Submitted);
    let delayed = jobs.submit(&owner(), new_job(), Duration::from_secs(1), None).await.unwrap().value;
    assert_eq!(delayed.state(), State::Submitted, "a delayed job is expected to wait");
}

/// A failed, cancelled or deleted job is not reused, nor a result that was stored without a method.
pub async fn only_results_of_finished_jobs_are_reused<H: Harness>(h: &mut H) {
    let plain = jobs(h);
    let jobs = plain.reusing(method("1"));
    let failed = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.fail(&failed, Failure::new(FailureClass::Method, "broke")).await.unwrap();
    let cancelled = submit(&jobs).await;
    jobs.cancel(&owner(), cancelled.id()).await.unwrap();
    finished(&plain, bytes("of a program")).await;
    let deleted = finished(&jobs, bytes("r")).await;
    assert!(jobs.delete(&owner(), deleted.id()).await.unwrap());
    assert_eq!(submit(&jobs).await.state(), State::Submitted);
}

/// A result is not reused after its expiry, whether it is purged or not. A reused result has an expiry of its
/// own.
pub async fn an_expired_result_is_not_reused<H: Harness>(h: &mut H) {
    let jobs = jobs(h).reusing(method("1"));
    finished(&jobs, bytes("r")).await;
    h.advance(policy().ttl / 2).await;
    let again = submit(&jobs).await;
    assert!(again.status.reused);
    assert_eq!(again.status.expires_at, Some(again.head.created_at.plus(policy().ttl)));
    h.advance(policy().ttl / 2 + Duration::from_secs(2)).await;
    assert_eq!(submit(&jobs).await.state(), State::Submitted);
}

/// A repeated request returns its first job, also where that job reused a result. One key makes one job.
pub async fn a_key_leads_to_the_job_with_a_reused_result<H: Harness>(h: &mut H) {
    let jobs = jobs(h).reusing(method("1"));
    finished(&jobs, bytes("r")).await;
    let key = || Some(Key { key: "k".to_owned(), digest: [3; 32] });
    let first = jobs.submit(&owner(), new_job(), Duration::ZERO, key()).await.unwrap();
    assert!(first.value.status.reused && !first.replayed);
    let second = jobs.submit(&owner(), new_job(), Duration::ZERO, key()).await.unwrap();
    assert!(second.replayed);
    assert_eq!(second.value, first.value);
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 2);
}

/// Results are reused for single records of a batch, and the order of the records stays.
pub async fn results_are_reused_record_by_record<H: Harness>(h: &mut H) {
    let jobs = jobs(h).reusing(method("1"));
    finished(&jobs, bytes("known")).await;
    let mut unknown = new_job();
    unknown.request.sequence = "GGGGGG".parse().unwrap();
    let records = vec![Ok(new_job()), Ok(unknown), Ok(new_job())];
    let batch = jobs.submit_batch(&owner(), records, None).await.unwrap().value;
    let mut states = Vec::new();
    for id in batch.jobs() {
        let job = jobs.find(&owner(), id).await.unwrap();
        assert_eq!(job.status.reused, job.state() == State::Finished);
        states.push(job.state());
    }
    assert_eq!(states, [State::Finished, State::Submitted, State::Finished]);
    let last = batch.jobs().last().unwrap();
    assert_eq!(jobs.result(last).await.unwrap(), "known");
}

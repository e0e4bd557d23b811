//! Promise 6: the same key gives the same job.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;

use crate::batch::Batch;
use crate::contract::{Harness, all_of, bytes, claim, jobs, new_job, owner, policy, receive, state, submit};
use crate::error::StoreError;
use crate::id::Owner;
use crate::job::State;
use crate::policy::Policy;
use crate::ports::Submission;
use crate::service::{Jobs, JobsError, Key};

fn key(body: u8) -> Option<Key> {
    Some(Key { key: "order \"66\"\u{e9}".to_owned(), digest: [body; 32] })
}

async fn submit_with(
    jobs: &Jobs,
    owner: &Owner,
    key: Option<Key>,
) -> Result<(crate::JobId, bool), JobsError> {
    let accepted = jobs.submit(owner, new_job(), Duration::ZERO, key).await?;
    Ok((accepted.value.id(), accepted.replayed))
}

/// A repeated request returns the first job. A different request with the same key is refused. Requests with
/// keys of other owners, and requests without a key, create jobs of their own. A key survives a restart.
pub async fn same_key_same_job<H: Harness>(h: &mut H) {
    let first = {
        let jobs = jobs(h);
        let (first, replayed) = submit_with(&jobs, &owner(), key(1)).await.unwrap();
        assert!(!replayed);
        first
    };
    h.reopen().await;
    let jobs = jobs(h);
    assert_eq!(submit_with(&jobs, &owner(), key(1)).await.unwrap(), (first, true));
    assert!(matches!(
        submit_with(&jobs, &owner(), key(2)).await,
        Err(JobsError::Store(StoreError::KeyReused))
    ));
    let other = Owner::new("someone else");
    assert_ne!(submit_with(&jobs, &other, key(1)).await.unwrap().0, first);
    assert_ne!(submit(&jobs).await.id(), first);
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 2);
    assert_eq!(receive(h, 10).await.len(), 3, "a replay sends nothing");
    assert!(jobs.delete(&owner(), first).await.unwrap());
    assert!(matches!(submit_with(&jobs, &owner(), key(1)).await, Err(JobsError::NotFound)));
}

/// Sixteen concurrent requests with one key create one job.
pub async fn concurrent_requests_with_one_key_make_one_job<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let tasks = (0..16).map(|_| {
        let jobs = jobs.clone();
        tokio::spawn(async move { submit_with(&jobs, &owner(), key(1)).await.unwrap() })
    });
    let made: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(made.iter().map(|(id, _)| *id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(made.iter().filter(|(_, replayed)| !replayed).count(), 1);
    assert_eq!(jobs.list(&all_of(owner(), 100)).await.unwrap().items.len(), 1);
}

/// The same for batches. The key of a job and the key of a batch are separate.
pub async fn keys_of_batches<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records = || vec![Ok(new_job()), Ok(new_job())];
    let first = jobs.submit_batch(&owner(), records(), key(1)).await.unwrap();
    let again = jobs.submit_batch(&owner(), records(), key(1)).await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(again.value, first.value);
    assert!(matches!(
        jobs.submit_batch(&owner(), records(), key(2)).await,
        Err(JobsError::Store(StoreError::KeyReused))
    ));
    assert!(!submit_with(&jobs, &owner(), key(1)).await.unwrap().1);
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 3);
    assert!(jobs.backend().batches.delete_batch(first.value.id).await.unwrap());
    assert!(!jobs.backend().batches.delete_batch(first.value.id).await.unwrap());
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 3, "the jobs stay");
}

/// A repeated request is answered also when the owner may have no more jobs, or the service takes none: it makes nothing.
pub async fn a_known_key_needs_no_room<H: Harness>(h: &mut H) {
    let policy = Policy { key_ttl: Duration::from_secs(2), max_owned: Some(1), ..policy() };
    let jobs = Jobs::new(h.backend(), h.clock(), policy).unwrap();
    let (first, _) = submit_with(&jobs, &owner(), key(1)).await.unwrap();
    assert!(matches!(submit_with(&jobs, &owner(), None).await, Err(JobsError::TooMany { .. })));
    assert_eq!(submit_with(&jobs, &owner(), key(1)).await.unwrap(), (first, true));
    assert!(matches!(
        submit_with(&jobs, &owner(), key(2)).await,
        Err(JobsError::Store(StoreError::KeyReused))
    ));
    let known = async |owner: &Owner, key: Option<Key>| jobs.submitted_before(owner, key.unwrap()).await;
    let found = known(&owner(), key(1)).await.unwrap().expect("the job of the key");
    assert_eq!((found.value.id(), found.replayed), (first, true));
    assert!(matches!(known(&owner(), key(2)).await, Err(JobsError::Store(StoreError::KeyReused))));
    assert_eq!(known(&Owner::new("somebody else"), key(1)).await.unwrap(), None);
    assert!(!jobs.is_known_batch(&owner(), &key(1).unwrap()).await.unwrap(), "keys of batches are apart");
    h.advance(Duration::from_millis(2100)).await;
    assert_eq!(known(&owner(), key(1)).await.unwrap(), None, "the key has expired");
}

/// An expired key is free, whether it is purged or not: the next request with it creates a new job, whatever
/// its body is.
pub async fn an_expired_key_is_free<H: Harness>(h: &mut H) {
    let policy = Policy { key_ttl: Duration::from_secs(2), ..policy() };
    let jobs = Jobs::new(h.backend(), h.clock(), policy).unwrap();
    let (first, _) = submit_with(&jobs, &owner(), key(1)).await.unwrap();
    let batch = jobs.submit_batch(&owner(), vec![new_job()], key(1)).await.unwrap().value;
    h.advance(Duration::from_millis(2100)).await;
    let (second, replayed) = submit_with(&jobs, &owner(), key(2)).await.unwrap();
    assert!(!replayed && second != first);
    let again = jobs.submit_batch(&owner(), vec![new_job()], key(2)).await.unwrap();
    assert!(!again.replayed && again.value.id != batch.id);
    assert_eq!(
        submit_with(&jobs, &owner(), key(2)).await.unwrap(),
        (second, true),
        "the key is stored for the new job"
    );
}

/// Concurrent requests for one batch create one set of jobs.
pub async fn concurrent_batches_with_one_key_make_one_set_of_jobs<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let tasks = (0..8).map(|_| {
        let jobs = jobs.clone();
        let records: Vec<_> = (0..20).map(|_| new_job()).collect();
        tokio::spawn(async move { jobs.submit_batch(&owner(), records, key(1)).await.unwrap().value })
    });
    let made: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|batch| *batch == made[0] && batch.sealed));
    assert_eq!(jobs.list(&all_of(owner(), 1000)).await.unwrap().items.len(), 20);
}

/// A request for a batch is interrupted. When it is sent again with its key, the missing jobs are created. A
/// job that is deleted after that stays deleted.
pub async fn an_interrupted_batch_is_completed_by_its_retry<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let records = || vec![Ok(new_job()), Ok(new_job()), Ok(new_job())];
    let whole = jobs.submit_batch(&owner(), records(), key(1)).await.unwrap().value;
    // The stored batch looks as if the request had been interrupted after the first job.
    let cut = Batch { sealed: false, ..whole.clone() };
    jobs.backend().batches.seal_batch(&cut).await.unwrap();
    let ids: Vec<_> = whole.jobs().collect();
    for id in &ids[1..] {
        assert!(jobs.delete(&owner(), *id).await.unwrap());
    }
    let running = claim(&jobs, ids[0]).await;
    jobs.finish(&running, bytes("kept")).await.unwrap();
    let again = jobs.submit_batch(&owner(), records(), key(1)).await.unwrap();
    assert_eq!((again.replayed, &again.value), (true, &whole));
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 3);
    assert_eq!(state(&jobs, ids[0]).await, State::Finished, "an existing job is not created again");
    assert_eq!(jobs.result(ids[0]).await.unwrap(), "kept");
    assert!(jobs.delete(&owner(), ids[2]).await.unwrap());
    let third = jobs.submit_batch(&owner(), records(), key(1)).await.unwrap();
    assert_eq!(third.value, whole);
    assert_eq!(jobs.list(&all_of(owner(), 10)).await.unwrap().items.len(), 2);
}

/// Creating a job that exists already fails, whatever its state is.
pub async fn an_existing_job_is_not_created_again<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let running = claim(&jobs, job.id()).await;
    jobs.finish(&running, bytes("kept")).await.unwrap();
    let request = running.request.clone();
    let again = Submission { job: job.clone(), request, key: None, result: None };
    let outcome = h.backend().store.create(&[again]).await.pop().unwrap();
    assert!(matches!(outcome, Err(StoreError::Exists)), "{outcome:?}");
    assert_eq!(state(&jobs, job.id()).await, State::Finished);
    assert_eq!(jobs.result(job.id()).await.unwrap(), "kept");
}

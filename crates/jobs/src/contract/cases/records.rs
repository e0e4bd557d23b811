//! Lists, expiry, candidates of the sweep, counts.

use std::collections::HashSet;
use std::time::Duration;

use crate::contract::{Harness, all_of, bytes, claim, jobs, named, new_job, owner, policy, submit};
use crate::id::{JobId, Owner};
use crate::job::{Failure, FailureClass, State};
use crate::notice::{Level, Notice};
use crate::policy::Policy;
use crate::ports::{Depth, ListQuery};
use crate::service::{Jobs, JobsError};
use crate::stored_key::KeyTerms;

async fn pages(jobs: &Jobs, query: ListQuery) -> Vec<JobId> {
    let mut seen = Vec::new();
    let mut query = query;
    loop {
        let page = jobs.list(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        seen.extend(page.items.iter().map(|s| s.head.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return seen,
        }
    }
}

/// Every job is on exactly one page, newest first, also while other jobs are created.
pub async fn lists_are_complete_and_ordered<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let mut made = Vec::new();
    for _ in 0..25 {
        made.push(submit(&jobs).await.id());
    }
    made.reverse();
    for limit in [1, 7, 25, 1000] {
        assert_eq!(pages(&jobs, all_of(owner(), limit)).await, made);
    }
    let first = jobs.list(&all_of(owner(), 10)).await.unwrap();
    let newer = submit(&jobs).await.id();
    let rest = pages(&jobs, ListQuery { before: first.next, ..all_of(owner(), 10) }).await;
    let both: Vec<JobId> = first.items.iter().map(|s| s.head.id).chain(rest).collect();
    assert_eq!(both, made);
    assert!(!both.contains(&newer));
    assert!(pages(&jobs, ListQuery { before: made.last().copied(), ..all_of(owner(), 10) }).await.is_empty());
}

/// A list has only the jobs of its owner, and only those in the requested state.
pub async fn lists_keep_owners_and_states_apart<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let waiting = submit(&jobs).await.id();
    let done = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.finish(&done, bytes("r")).await.unwrap();
    let other = Owner::new("contract2");
    let theirs = jobs.submit(&other, new_job(), Duration::ZERO, None).await.unwrap().value.id();
    let only = |state| ListQuery { state: Some(state), ..all_of(owner(), 10) };
    assert_eq!(pages(&jobs, only(State::Submitted)).await, [waiting]);
    assert_eq!(pages(&jobs, only(State::Finished)).await, [done.id()]);
    assert!(pages(&jobs, only(State::Running)).await.is_empty());
    assert_eq!(pages(&jobs, all_of(other, 10)).await, [theirs]);
    assert!(pages(&jobs, all_of(Owner::new("contrac"), 10)).await.is_empty());
}

/// A read of many jobs returns them in the order of the ids, with `None` for a missing job.
pub async fn reads_of_many_jobs_keep_the_order<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let ids: Vec<JobId> = {
        let mut ids = Vec::new();
        for name in ["one", "two", "three"] {
            ids.push(jobs.submit(&owner(), named(name), Duration::ZERO, None).await.unwrap().value.id());
        }
        ids
    };
    let missing = JobId::new(jobs.now());
    let asked = [ids[2], missing, ids[0], ids[2]];
    let found = jobs.get_many(&asked).await.unwrap();
    let names: Vec<Option<String>> = found.into_iter().map(|job| job?.head.name).collect();
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(names, [text("three"), None, text("one"), text("three")]);
    assert!(jobs.get_many(&[]).await.unwrap().is_empty());
}

/// Readers do not see a terminal record after its expiry, whether it is purged or not. A waiting job never
/// expires.
pub async fn expired_records_are_gone<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let waiting = submit(&jobs).await;
    let done = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.finish(&done, bytes("r")).await.unwrap();
    let failed = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.fail(&failed, Failure::new(FailureClass::Input, "no")).await.unwrap();
    jobs.bury("not ours".to_owned(), "undecodable".to_owned()).await.unwrap();
    let batch = jobs.submit_batch(&owner(), vec![new_job()], None).await.unwrap().value;
    let batched = batch.jobs().next().unwrap();
    // On a backend that runs on real time this is the longest wait of the suite.
    h.advance(policy().ttl + Duration::from_secs(1)).await;
    for id in [done.id(), failed.id()] {
        assert!(matches!(jobs.find(&owner(), id).await, Err(JobsError::Expired(_) | JobsError::NotFound)));
    }
    let listed: HashSet<JobId> = pages(&jobs, all_of(owner(), 10)).await.into_iter().collect();
    assert_eq!(listed, HashSet::from([waiting.id(), batched]));
    while jobs.sweep().await.unwrap().purged > 0 {}
    for id in [done.id(), failed.id()] {
        let gone = jobs.find(&owner(), id).await;
        assert!(matches!(gone, Err(JobsError::Expired(_) | JobsError::NotFound)), "{gone:?}");
        assert!(jobs.result(id).await.is_err(), "the result goes with its job");
    }
    assert!(jobs.dead_letters(None, 10).await.unwrap().items.is_empty(), "dead letters expire too");
    assert_eq!(jobs.find(&owner(), waiting.id()).await.unwrap().state(), State::Submitted);
    assert!(jobs.batch(&owner(), batch.id).await.is_ok(), "a batch outlives its jobs' results");
    h.advance(policy().ttl).await;
    while jobs.sweep().await.unwrap().purged > 0 {}
    assert!(matches!(jobs.batch(&owner(), batch.id).await, Err(JobsError::Expired(_) | JobsError::NotFound)));
}

/// A call returns a bounded number of candidates for the sweep, the longest overdue first, and no terminal
/// jobs.
pub async fn overdue_is_bounded_and_ordered<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(submit(&jobs).await.id());
        h.advance(Duration::from_millis(20)).await;
    }
    let done = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.finish(&done, bytes("r")).await.unwrap();
    let store = &jobs.backend().store;
    let horizon = jobs.policy().horizon();
    assert!(store.overdue(jobs.now(), horizon, 10).await.unwrap().is_empty());
    let later = jobs.now().plus(jobs.policy().resend_after + Duration::from_secs(1));
    assert_eq!(store.overdue(later, horizon, 4).await.unwrap(), waiting[..4]);
    assert_eq!(store.overdue(later, horizon, 100).await.unwrap(), waiting);
}

/// Counts of submitted jobs, running jobs and dead letters.
pub async fn depth_counts<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let store = jobs.backend().store.clone();
    assert_eq!(store.depth().await.unwrap(), Depth::default());
    submit(&jobs).await;
    submit(&jobs).await;
    claim(&jobs, submit(&jobs).await.id()).await;
    let failed = claim(&jobs, submit(&jobs).await.id()).await;
    jobs.fail(&failed, Failure::new(FailureClass::Input, "no")).await.unwrap();
    assert_eq!(store.depth().await.unwrap(), Depth { submitted: 2, running: 1, dead: 1 });
    store.ping().await.unwrap();
}

/// The operator's notice survives a restart. A new notice replaces it. It is gone after its end or when it is
/// cleared.
pub async fn a_notice_is_kept_until_it_is_cleared<H: Harness>(h: &mut H) {
    let first = {
        let jobs = jobs(h);
        assert_eq!(jobs.notice().await.unwrap(), None);
        let until = Some(jobs.now().plus(Duration::from_secs(3)));
        let text = "maintenance \"soon\" \u{1F527}".to_owned();
        let notice =
            Notice { text, level: Level::Critical, from: Some(jobs.now()), until, pause_intake: true };
        jobs.post(Some(&notice)).await.unwrap();
        notice
    };
    h.reopen().await;
    let jobs = jobs(h);
    assert_eq!(jobs.notice().await.unwrap().as_ref(), Some(&first));
    h.advance(Duration::from_millis(3100)).await;
    assert_eq!(jobs.notice().await.unwrap(), None, "it is over");
    let second = Notice { until: None, from: None, pause_intake: false, ..first };
    jobs.post(Some(&second)).await.unwrap();
    assert_eq!(jobs.notice().await.unwrap(), Some(second));
    jobs.post(None).await.unwrap();
    assert_eq!(jobs.notice().await.unwrap(), None);
}

/// The key of a link opens one job of its owner, and is no key of a caller.
pub async fn links_open_one_job_until_they_are_withdrawn<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let id = submit(&jobs).await.id();
    let stranger = Owner::new("stranger");
    assert!(matches!(jobs.create_link(&stranger, id).await, Err(JobsError::NotFound)));
    let (first, _) = jobs.create_link(&owner(), id).await.unwrap();
    let (second, text) = jobs.create_link(&owner(), id).await.unwrap();
    assert_eq!(first.id, second.id, "a job has one link");
    let kept = jobs.key(&second.id).await.unwrap().expect("the key of the link");
    assert!(kept.matches(&text) && kept.opens(id, jobs.now()));
    assert!(jobs.keys().await.unwrap().is_empty(), "links are no keys of callers");
    assert!(!jobs.withdraw_link(&stranger, id).await.unwrap());
    assert!(jobs.withdraw_link(&owner(), id).await.unwrap());
    assert_eq!(jobs.key(&second.id).await.unwrap(), None);
    assert!(!jobs.withdraw_link(&owner(), id).await.unwrap());
}

/// A key is found by its id, listed, replaced and deleted. Its last use is kept apart.
pub async fn keys_of_callers_are_kept<H: Harness>(h: &mut H) {
    let (first, second) = {
        let jobs = jobs(h);
        assert!(jobs.keys().await.unwrap().is_empty());
        let terms = KeyTerms {
            note: Some("the \"lab\"".to_owned()),
            expires_at: Some(jobs.now().plus(Duration::from_hours(1))),
            jobs_per_s: Some(7),
            ..KeyTerms::of(owner())
        };
        let (first, text) = jobs.create_key(terms).await.unwrap();
        assert!(first.matches(&text));
        h.advance(Duration::from_millis(5)).await;
        let (second, _) = jobs.create_key(KeyTerms::of(owner())).await.unwrap();
        (first, second)
    };
    h.reopen().await;
    let jobs = jobs(h);
    assert_eq!(jobs.key(&first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(jobs.key("0000000000").await.unwrap(), None);
    assert_eq!(jobs.keys().await.unwrap(), [first.clone(), second.clone()]);
    jobs.touch_key(&first.id).await.unwrap();
    let used_at = jobs.key(&first.id).await.unwrap().unwrap().used_at;
    assert!(used_at.is_some_and(|at| at.as_millis() <= jobs.now().as_millis()));
    let (third, _) = jobs.rotate_key(&first.id, Duration::from_mins(1)).await.unwrap();
    assert_eq!(third.terms, first.terms);
    let rotated = jobs.key(&first.id).await.unwrap().unwrap();
    assert_eq!(rotated.used_at, used_at, "the use stays when the key is replaced");
    assert!(rotated.terms.expires_at < first.terms.expires_at, "the old key ends soon");
    assert!(jobs.revoke_key(&second.id).await.unwrap());
    assert!(!jobs.revoke_key(&second.id).await.unwrap());
    jobs.touch_key(&second.id).await.unwrap();
    assert_eq!(jobs.key(&second.id).await.unwrap(), None, "a use does not bring it back");
    assert_eq!(jobs.keys().await.unwrap().len(), 2);
}

/// An owner may have a limited number of jobs, whatever others have.
pub async fn an_owner_has_a_bounded_number_of_jobs<H: Harness>(h: &mut H) {
    let bounded = Policy { max_owned: Some(3), ..policy() };
    let jobs = Jobs::new(h.backend(), h.clock(), bounded).unwrap();
    let other = Owner::new("somebody else");
    let submit = async |owner: &Owner| jobs.submit(owner, new_job(), Duration::ZERO, None).await;
    let first = submit(&owner()).await.unwrap().value;
    let both = jobs.submit_batch(&owner(), vec![new_job(), new_job()], None).await.unwrap().value;
    assert!(matches!(submit(&owner()).await, Err(JobsError::TooMany { has: 3, most: 3 })));
    let batch = jobs.submit_batch(&owner(), vec![new_job()], None).await;
    assert!(matches!(batch, Err(JobsError::TooMany { .. })));
    submit(&other).await.unwrap();
    // Where counts lag behind, the deletion is seen a little later.
    assert!(jobs.delete(&owner(), first.id()).await.unwrap());
    assert!(jobs.delete(&owner(), both.jobs().next().unwrap()).await.unwrap());
    for _ in 0..50 {
        if submit(&owner()).await.is_ok() {
            return;
        }
        h.advance(Duration::from_secs(11)).await;
    }
    panic!("a deleted job still counts");
}

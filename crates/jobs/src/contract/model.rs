//! Random histories: operations of several workers and callers on a few jobs, checked against a model after
//! each step.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::contract::{Harness, SkewedClock, new_job, policy, receive, receiver};
use crate::id::{JobId, Owner};
use crate::job::{Failure, FailureClass, Job, Phase, Refused, State};
use crate::message::Message;
use crate::policy::{MAX_DELAY, Policy};
use crate::service::{Claim, Claimed, Jobs, JobsError, Settled};
use crate::time::Timestamp;

/// One step. A number picks a job or an attempt, modulo their count.
#[derive(Debug, Clone)]
enum Op {
    Submit,
    Claim(usize),
    Heartbeat(usize),
    Finish(usize),
    Fail(usize),
    Retry(usize),
    Release(usize),
    Cancel(usize),
    Delete(usize),
    Redrive(usize),
    Resend(usize),
    Sweep,
    Advance(u64),
    /// A sweep on a machine whose clock is behind. It must not take jobs from live workers.
    SweepBehind,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let n = 0..64_usize;
    let op = prop_oneof![
        3 => Just(Op::Submit),
        6 => n.clone().prop_map(Op::Claim),
        2 => n.clone().prop_map(Op::Heartbeat),
        3 => n.clone().prop_map(Op::Finish),
        1 => n.clone().prop_map(Op::Fail),
        3 => n.clone().prop_map(Op::Retry),
        1 => n.clone().prop_map(Op::Release),
        1 => n.clone().prop_map(Op::Cancel),
        1 => n.clone().prop_map(Op::Delete),
        1 => n.clone().prop_map(Op::Redrive),
        1 => n.prop_map(Op::Resend),
        2 => Just(Op::Sweep),
        1 => Just(Op::SweepBehind),
        4 => (1..5_u64).prop_map(|s| Op::Advance(s * 1000)),
    ];
    prop::collection::vec(op, 1..40)
}

/// What the model expects of one job.
struct Expected {
    id: JobId,
    /// The job as the store must have it; `None` once it is deleted.
    job: Option<Job>,
    result: Option<String>,
}

struct History<'a, H> {
    harness: &'a H,
    jobs: Jobs,
    owner: Owner,
    expected: Vec<Expected>,
    /// Every attempt so far, also those that have lost their lease. Each keeps trying to settle the job.
    attempts: Vec<Claimed>,
}

/// Tries [`Harness::random_histories`] of them. A history that fails is printed in full.
///
/// # Panics
/// If the store and the model disagree.
pub async fn random_histories<H: Harness>(harness: &H) {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = ops();
    for n in 0..harness.random_histories() {
        let history = strategy.new_tree(&mut runner).expect("a history").current();
        let policy = Policy { ttl: Duration::from_hours(24), ..policy() };
        let jobs = Jobs::new(harness.backend(), harness.clock(), policy).expect("sound");
        let owner = Owner::new(format!("history {n}"));
        let mut run = History { harness, jobs, owner, expected: Vec::new(), attempts: Vec::new() };
        for (i, op) in history.iter().enumerate() {
            run.step(op).await;
            run.compare(&format!("history {n}, after step {i} of {history:?}")).await;
        }
        run.settle(&format!("history {n}: {history:?}")).await;
    }
}

impl<H: Harness> History<'_, H> {
    async fn step(&mut self, op: &Op) {
        match *op {
            Op::Submit => self.submit().await,
            Op::Claim(n) => self.claim(n).await,
            Op::Cancel(n) => self.cancel(n).await,
            Op::Delete(n) => self.delete(n).await,
            Op::Redrive(n) => self.redrive(n).await,
            Op::Resend(n) => self.send_again(n).await,
            Op::Sweep => self.sweep(self.jobs.clone()).await,
            Op::SweepBehind => self.sweep_behind().await,
            Op::Advance(ms) => self.harness.advance(Duration::from_millis(ms)).await,
            Op::Heartbeat(n) | Op::Finish(n) | Op::Fail(n) | Op::Retry(n) | Op::Release(n) => {
                if !self.attempts.is_empty() {
                    let attempt = self.attempts[n % self.attempts.len()].clone();
                    self.attempt(op, &attempt).await;
                }
            }
        }
    }

    async fn submit(&mut self) {
        let job = self.jobs.submit(&self.owner, new_job(), Duration::ZERO, None).await.unwrap().value;
        self.expected.push(Expected { id: job.id(), job: Some(job), result: None });
    }

    fn pick(&self, n: usize) -> Option<usize> {
        (!self.expected.is_empty()).then(|| n % self.expected.len())
    }

    async fn claim(&mut self, n: usize) {
        let Some(i) = self.pick(n) else { return };
        let id = self.expected[i].id;
        let claim = self.jobs.claim(id).await.unwrap();
        let now = self.jobs.now();
        let Some(before) = self.expected[i].job.clone() else {
            assert_eq!(claim, Claim::Missing);
            return;
        };
        match (before.claim(now, self.jobs.policy(), uuid::Uuid::nil()), &claim) {
            (Ok(_), Claim::Claimed(claimed)) => {
                assert_eq!(claimed.status.attempt, before.status.attempt + 1);
                self.attempts.push((**claimed).clone());
                self.expected[i].job = Some(claimed.job.clone());
            }
            (Err(Refused::NotYet(_) | Refused::Leased(_)), Claim::Wait(_)) => {}
            (Err(Refused::LeaseExpired(_)), Claim::Wait(_) | Claim::Settled(State::Failed)) => {
                self.expected[i].job = Some(self.lost(&before, now).await);
            }
            (Err(Refused::State(state, _)), Claim::Settled(seen)) => assert_eq!(state, *seen),
            both => panic!("the model and the store disagree on a claim: {both:?}"),
        }
    }

    /// The job after a lost lease, as the store has it. The model predicts all of it except the jitter.
    async fn lost(&self, before: &Job, now: Timestamp) -> Job {
        let stored = self.jobs.find(&self.owner, before.id()).await.unwrap();
        let ideal = before.lose_lease(now, self.jobs.policy(), 1.0).unwrap();
        assert_eq!(stored.fence(), ideal.fence());
        assert_eq!(stored.status.lost_workers, ideal.status.lost_workers);
        if let (Phase::Submitted { not_before, .. }, Phase::Submitted { not_before: latest, .. }) =
            (&stored.status.phase, &ideal.status.phase)
        {
            assert!(not_before <= latest && *not_before >= now);
        }
        stored
    }

    async fn attempt(&mut self, op: &Op, attempt: &Claimed) {
        let error = Failure::new(FailureClass::System, "injected");
        let text = format!("result of attempt {}", attempt.status.attempt);
        let settled = match op {
            Op::Heartbeat(_) => self.jobs.heartbeat(attempt).await,
            Op::Finish(_) => self.jobs.finish(attempt, text.clone().into()).await,
            Op::Fail(_) => self.jobs.fail(attempt, error).await,
            Op::Retry(_) => self.jobs.retry(attempt, error).await,
            _ => self.jobs.release(attempt).await,
        }
        .unwrap();
        let expected = self.expected.iter_mut().find(|e| e.id == attempt.id()).expect("known");
        let ours = expected.job.as_ref().is_some_and(|job| job.fence() == attempt.fence());
        match settled {
            Settled::Done(job) => {
                assert!(ours, "an attempt without a lease settled the job");
                if matches!(op, Op::Finish(_)) {
                    expected.result = Some(text);
                }
                expected.job = Some(job);
            }
            Settled::Stale => assert!(!ours, "an attempt that held the job was refused"),
        }
    }

    async fn cancel(&mut self, n: usize) {
        let Some(i) = self.pick(n) else { return };
        let outcome = self.jobs.cancel(&self.owner, self.expected[i].id).await.map(|done| done.value);
        match (&self.expected[i].job, outcome) {
            (None, Err(JobsError::NotFound)) => {}
            (Some(job), Ok(cancelled)) => {
                assert!(!matches!(job.state(), State::Finished | State::Failed));
                self.expected[i].job = Some(cancelled);
            }
            (Some(job), Err(JobsError::Refused(_))) => {
                assert!(matches!(job.state(), State::Finished | State::Failed));
            }
            (job, outcome) => panic!("cancel of {job:?} gave {outcome:?}"),
        }
    }

    async fn delete(&mut self, n: usize) {
        let Some(i) = self.pick(n) else { return };
        let deleted = self.jobs.delete(&self.owner, self.expected[i].id).await.unwrap();
        assert_eq!(deleted, self.expected[i].job.is_some());
        self.expected[i].job = None;
        self.expected[i].result = None;
    }

    async fn redrive(&mut self, n: usize) {
        let Some(i) = self.pick(n) else { return };
        match (&self.expected[i].job, self.jobs.redrive(self.expected[i].id).await) {
            (None, Err(JobsError::NotFound)) => {}
            (Some(job), Ok(again)) => {
                assert_eq!(job.state(), State::Failed);
                self.expected[i].job = Some(again);
            }
            (Some(job), Err(JobsError::Refused(_))) => assert_ne!(job.state(), State::Failed),
            (job, outcome) => panic!("redrive of {job:?} gave {outcome:?}"),
        }
    }

    async fn send_again(&self, n: usize) {
        let Some(i) = self.pick(n) else { return };
        let message = Message::new(self.expected[i].id);
        self.harness.backend().queue.send(&message, Duration::ZERO).await.unwrap();
    }

    async fn sweep(&mut self, jobs: Jobs) {
        jobs.compare_clocks().await.unwrap();
        let now = jobs.now();
        jobs.sweep().await.unwrap();
        for i in 0..self.expected.len() {
            let Some(before) = self.expected[i].job.clone() else {
                continue;
            };
            let Some(due) = before.status.due_at.filter(|due| *due <= now) else {
                continue;
            };
            let after = match before.state() {
                State::Running => self.lost(&before, now).await,
                _ => self.jobs.find(&self.owner, before.id()).await.unwrap(),
            };
            assert!(after.status.due_at.is_none_or(|next| next > due));
            assert_eq!(after.status.attempt, before.status.attempt);
            self.expected[i].job = Some(after);
        }
    }

    async fn sweep_behind(&mut self) {
        let clock = SkewedClock::behind(self.harness.clock(), Duration::from_secs(2));
        let clock = std::sync::Arc::new(clock);
        let jobs = Jobs::new(self.harness.backend(), clock, self.jobs.policy().clone()).expect("sound");
        self.sweep(jobs).await;
    }

    async fn compare(&self, context: &str) {
        for expected in &self.expected {
            let found = self.jobs.find(&self.owner, expected.id).await;
            match (&expected.job, found) {
                (None, Err(JobsError::NotFound)) => {}
                (Some(job), Ok(stored)) => {
                    assert_eq!(stored, *job, "{context}");
                    assert_eq!(stored.status.due_at.is_none(), stored.state().is_terminal(), "{context}");
                    assert_eq!(stored.status.expires_at.is_some(), stored.state().is_terminal(), "{context}");
                }
                (job, found) => panic!("expected {job:?}, found {found:?}: {context}"),
            }
            let result = self.jobs.result(expected.id).await.ok();
            assert_eq!(result.as_deref(), expected.result.as_deref().map(str::as_bytes), "{context}");
        }
    }

    /// Honest workers finish the open jobs. Fails if that takes more than a bounded number of rounds.
    async fn settle(&mut self, context: &str) {
        for _ in 0..12 {
            self.harness.advance(policy().lease + MAX_DELAY).await;
            self.jobs.sweep().await.unwrap();
            self.harness.advance(policy().backoff_cap).await;
            loop {
                let deliveries = receive(self.harness, 100).await;
                if deliveries.is_empty() {
                    break;
                }
                for delivery in deliveries {
                    self.work(&delivery.body).await;
                    receiver(self.harness).ack(delivery.receipt).await.unwrap();
                }
            }
            if self.open().await == 0 {
                return;
            }
        }
        panic!("{} jobs are stuck: {context}", self.open().await);
    }

    async fn work(&self, body: &str) {
        let Ok(message) = Message::decode(body) else {
            return;
        };
        if let Claim::Claimed(job) = self.jobs.claim(message.job).await.unwrap() {
            self.jobs.finish(&job, "settled".into()).await.unwrap();
        }
    }

    async fn open(&self) -> usize {
        let ids: Vec<JobId> = self.expected.iter().map(|e| e.id).collect();
        let jobs = self.jobs.get_many(&ids).await.unwrap();
        jobs.into_iter().flatten().filter(|job| !job.state().is_terminal()).count()
    }
}

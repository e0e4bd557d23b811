//! The contract suite: the promises of every backend, each as named cases.
//!
//! A backend implements [`Harness`] in its tests and runs all cases with
//! [`contract_tests!`](crate::contract_tests):
//!
//! ```text
//! pssp_jobs::contract_tests!(async || MyHarness::fresh().await);
//! ```
//!
//! Each case gets a fresh, empty backend. Cases use short leases and waits (seconds), so that they can also run
//! on a backend that uses real time: its [`Harness::advance`] sleeps.

#![allow(clippy::unwrap_used, reason = "this is test code: a failed expectation is how a case fails")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pssp_predict::Sequence;

use crate::id::{JobId, Owner};
use crate::job::{Job, Request, State};
use crate::policy::Policy;
use crate::ports::{Backend, Delivery, ListQuery};
use crate::service::{Claim, Claimed, Jobs, NewJob};
use crate::time::{Clock, Timestamp};

pub mod cases;
pub mod counting;
pub mod faults;
pub mod live;
pub mod load;
pub mod model;
pub mod network;
pub mod room;
pub mod upgrade;

/// A backend under test.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The ports. The receiver must be there. A backend whose platform receives the messages (as on Lambda)
    /// brings the stand-in that it is tested with.
    fn backend(&self) -> Backend;

    /// The clock that the backend uses.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Lets the time `by` pass: moves a manual clock, or sleeps.
    async fn advance(&self, by: Duration);

    /// Closes the backend and opens it again on the same data, as after a crash of every process. A backend
    /// that keeps its data in memory does nothing.
    async fn reopen(&mut self);

    /// Puts a raw body into the queue, as a foreign sender does.
    async fn inject(&self, body: &str);

    /// Whether owners take turns. A stand-in may lack what the backend uses for that.
    fn takes_turns(&self) -> bool {
        true
    }

    /// Number of random histories to try. A backend on real time tries fewer.
    fn random_histories(&self) -> u32 {
        48
    }
}

/// Makes one `#[tokio::test]` for every case, each with a fresh harness from the given async closure.
#[macro_export]
macro_rules! contract_tests {
    ($fresh:expr) => {
        $crate::contract_tests!(@each $fresh;
            accepted_is_durable, accepted_batch_is_durable, everything_survives_the_round_trip,
            a_full_length_result_fits,
            a_lost_message_is_sent_again, a_lost_worker_is_replaced, an_unsettled_message_comes_back,
            leases_and_waits_from_before_a_clock_jump_are_corrected, sweeps_do_not_disturb_each_other,
            a_heartbeat_keeps_the_job, a_wrong_clock_ends_no_healthy_job,
            duplicate_delivery_is_harmless, concurrent_claims_have_one_winner, a_job_finishes_once,
            a_stale_worker_cannot_finish_a_later_attempt, finish_and_cancel_race_to_one_outcome,
            result_and_state_appear_together, a_claim_with_a_lost_response_succeeds,
            an_existing_job_is_not_created_again, a_long_backlog_does_not_hide_a_lost_worker,
            poison_ends_in_the_dead_letters, lost_workers_are_counted_separately, a_dead_letter_is_sent_again,
            foreign_messages_are_kept_separately, errors_of_attempts_are_kept,
            cancelled_stays_cancelled, deleted_stays_deleted, deleting_one_job_affects_no_other,
            same_key_same_job, concurrent_requests_with_one_key_make_one_job, keys_of_batches,
            an_expired_key_is_free, concurrent_batches_with_one_key_make_one_set_of_jobs,
            an_interrupted_batch_is_completed_by_its_retry,
            a_released_job_is_free_at_once,
            an_identical_request_reuses_a_stored_result, only_an_identical_request_reuses_a_result,
            only_results_of_finished_jobs_are_reused,
            an_expired_result_is_not_reused, a_key_leads_to_the_job_with_a_reused_result,
            results_are_reused_record_by_record, a_hint_to_another_job_is_ignored,
            a_failed_lookup_is_not_an_error,
            lists_are_complete_and_ordered, lists_keep_owners_and_states_apart,
            reads_of_many_jobs_keep_the_order,
            a_notice_is_kept_until_it_is_cleared, keys_of_callers_are_kept,
            links_open_one_job_until_they_are_withdrawn,
            an_owner_has_a_bounded_number_of_jobs,
            expired_records_are_gone, overdue_is_bounded_and_ordered, depth_counts,
            delayed_messages_wait, receive_takes_no_more_than_asked, retry_comes_back_later,
            a_stale_receipt_settles_nothing, extending_hides_the_message, waiting_is_woken_by_the_finish,
            watching_sees_a_change_made_before_waiting, a_backlog_drains_in_bounded_batches,
            a_delivery_includes_its_job, an_old_record_takes_no_lease, the_last_step_settles_the_message, a_job_costs_few_calls,
            a_backlog_does_not_delay_other_owners, delayed_jobs_take_turns_too, a_second_delivery_waits_for_no_turn,
            random_operations_keep_the_promises, faults_lose_and_duplicate_no_job,
        );
    };
    (@each $fresh:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut harness = ($fresh)().await;
                $crate::contract::cases::$case(&mut harness).await;
            }
        )+

        /// Fails when a case of the suite is missing from the list in the macro.
        #[test]
        fn every_case_is_listed() {
            let listed = [$(stringify!($case)),+];
            for name in $crate::contract::case_names() {
                assert!(listed.contains(&name), "contract case {name} is not run");
            }
        }
    };
}

/// Names of all cases, taken from the source of the suite, so that none is forgotten.
#[must_use]
pub fn case_names() -> Vec<&'static str> {
    cases::SOURCES
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once('<').map(|(name, _)| name))
        .collect()
}

/// The policy of the suite: short times in whole seconds, because SQS takes whole seconds only.
#[must_use]
pub fn policy() -> Policy {
    Policy {
        max_failures: 3,
        max_lost_workers: 2,
        lease: Duration::from_secs(3),
        heartbeat: Duration::from_secs(1),
        backoff_base: Duration::from_secs(1),
        backoff_cap: Duration::from_secs(2),
        ttl: Duration::from_mins(1),
        key_ttl: Duration::from_hours(24),
        resend_after: Duration::from_secs(2),
        high_water_percent: 90,
        max_owned: None,
    }
}

/// The use cases over the backend of the harness, under [`policy`].
///
/// # Panics
/// Never: the suite's policy is sound.
#[must_use]
pub fn jobs<H: Harness>(harness: &H) -> Jobs {
    jobs_at(harness, harness.clock())
}

/// The same with another clock, as on a machine whose clock is wrong.
///
/// # Panics
/// Never: the suite's policy is sound.
#[must_use]
pub fn jobs_at<H: Harness>(harness: &H, clock: Arc<dyn Clock>) -> Jobs {
    Jobs::new(harness.backend(), clock, policy()).expect("the suite's policy is sound")
}

/// A clock that differs from another one by a fixed time.
pub struct SkewedClock {
    base: Arc<dyn Clock>,
    ahead: Duration,
    behind: Duration,
}

impl SkewedClock {
    /// A clock that is `ahead` of `base`.
    #[must_use]
    pub fn new(base: Arc<dyn Clock>, ahead: Duration) -> Self {
        Self { base, ahead, behind: Duration::ZERO }
    }

    /// A clock that is `behind` the one of `base`.
    #[must_use]
    pub fn behind(base: Arc<dyn Clock>, behind: Duration) -> Self {
        Self { base, ahead: Duration::ZERO, behind }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.base.now().plus(self.ahead).minus(self.behind)
    }
}

pub(crate) fn owner() -> Owner {
    Owner::new("contract")
}

pub(crate) fn new_job() -> NewJob {
    named("a job")
}

pub(crate) fn named(name: &str) -> NewJob {
    let sequence: Sequence = "MKTAYIAKQR".parse().expect("a sequence");
    let request = Request::new("mktayiakqr".to_owned(), sequence, Vec::new());
    NewJob { name: Some(name.to_owned()), request, warnings: Vec::new() }
}

pub(crate) async fn submit(jobs: &Jobs) -> Job {
    jobs.submit(&owner(), new_job(), Duration::ZERO, None).await.expect("submit").value
}

pub(crate) async fn claim(jobs: &Jobs, id: JobId) -> Claimed {
    match jobs.claim(id).await.expect("claim") {
        Claim::Claimed(claimed) => *claimed,
        other => panic!("job {id} could not be claimed: {other:?}"),
    }
}

pub(crate) async fn state(jobs: &Jobs, id: JobId) -> State {
    jobs.find(&owner(), id).await.expect("the job is there").state()
}

pub(crate) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(crate) const VISIBILITY: Duration = Duration::from_secs(3);

/// Receives up to `max` messages.
pub(crate) async fn receive<H: Harness>(harness: &H, max: usize) -> Vec<Delivery> {
    receiver(harness).receive(max, Duration::from_millis(300), VISIBILITY).await.expect("receive")
}

pub(crate) fn receiver<H: Harness>(harness: &H) -> Arc<dyn crate::ports::JobReceiver> {
    harness.backend().receiver.expect("a harness brings a receiver")
}

pub(crate) fn all_of(owner: Owner, limit: usize) -> ListQuery {
    ListQuery { owner, state: None, before: None, limit }
}

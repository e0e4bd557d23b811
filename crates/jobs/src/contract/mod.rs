//! The contract suite: the promises of every backend, each as named cases.
//!
//! A backend implements [`Harness`] in its tests and runs all cases with
//! [`contract_tests!`](crate::contract_tests):
//!
//! ```text
//! pssp_jobs::contract_tests!(async || (MyHarness::fresh().await, ()));
//! ```
//!
//! Each case gets a fresh, empty backend. Cases use short leases and waits (seconds), so that they can also run
//! on a backend that uses real time: its [`Harness::advance`] sleeps.

#![allow(clippy::unwrap_used, reason = "this is test code: a failed expectation is how a case fails")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::LocalBoxFuture;
use pssp_predict::Sequence;

use crate::backend::Backend;
use crate::id::{JobId, Owner};
use crate::job::{Job, Request, State};
use crate::policy::Policy;
use crate::ports::{Delivery, ListQuery};
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

    /// Why this backend, or the stand-in that it is tested with, does not keep what the case asks for. The case is then
    /// no failure, and is told as a deviation.
    fn deviation(&self, _case: &str) -> Option<&'static str> {
        None
    }

    /// Deletes everything that this harness has stored, also beside the backend: a file, a schema, a table.
    ///
    /// # Errors
    /// What is left, and how to delete it.
    async fn remove(&mut self) -> Result<(), String>;

    /// Number of random histories to try. A backend on real time tries fewer.
    fn random_histories(&self) -> u32 {
        48
    }
}

/// Passes every case, by the file that has it, to a macro of this crate, after the given arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! each_contract_case {
    ($callback:ident $($argument:tt)*) => {
        $crate::$callback! { $($argument)*
            durable: [
                accepted_is_durable,
                accepted_batch_is_durable,
                everything_survives_the_round_trip,
                a_full_length_result_fits,
            ],
            nothing_stuck: [
                a_lost_message_is_sent_again,
                a_lost_worker_is_replaced,
                an_unsettled_message_comes_back,
                leases_and_waits_from_before_a_clock_jump_are_corrected,
                sweeps_do_not_disturb_each_other,
                a_heartbeat_keeps_the_job,
                a_long_backlog_does_not_hide_a_lost_worker,
                a_wrong_clock_ends_no_healthy_job,
            ],
            effect_once: [
                duplicate_delivery_is_harmless,
                concurrent_claims_have_one_winner,
                a_job_finishes_once,
                a_stale_worker_cannot_finish_a_later_attempt,
                finish_and_cancel_race_to_one_outcome,
                result_and_state_appear_together,
                a_claim_with_a_lost_response_succeeds,
            ],
            poison: [
                poison_ends_in_the_dead_letters,
                lost_workers_are_counted_separately,
                a_dead_letter_is_sent_again,
                foreign_messages_are_kept_separately,
                errors_of_attempts_are_kept,
            ],
            cancelled: [
                cancelled_stays_cancelled,
                deleted_stays_deleted,
                deleting_one_job_affects_no_other,
            ],
            keys: [
                same_key_same_job,
                concurrent_requests_with_one_key_make_one_job,
                keys_of_batches,
                a_known_key_needs_no_room,
                an_expired_key_is_free,
                concurrent_batches_with_one_key_make_one_set_of_jobs,
                an_interrupted_batch_is_completed_by_its_retry,
                an_existing_job_is_not_created_again,
            ],
            shutdown: [
                a_released_job_is_free_at_once,
            ],
            turns: [
                a_backlog_does_not_delay_other_owners,
                delayed_jobs_take_turns_too,
                a_second_delivery_waits_for_no_turn,
            ],
            reuse: [
                an_identical_request_reuses_a_stored_result,
                a_hint_to_another_job_is_ignored,
                a_failed_lookup_is_not_an_error,
                only_an_identical_request_reuses_a_result,
                only_results_of_finished_jobs_are_reused,
                an_expired_result_is_not_reused,
                a_key_leads_to_the_job_with_a_reused_result,
                results_are_reused_record_by_record,
            ],
            records: [
                lists_are_complete_and_ordered,
                lists_keep_owners_and_states_apart,
                reads_of_many_jobs_keep_the_order,
                expired_records_are_gone,
                overdue_is_bounded_and_ordered,
                depth_counts,
                a_notice_is_kept_until_it_is_cleared,
                links_open_one_job_until_they_are_withdrawn,
                keys_of_callers_are_kept,
                an_owner_has_a_bounded_number_of_jobs,
            ],
            queue: [
                delayed_messages_wait,
                receive_takes_no_more_than_asked,
                retry_comes_back_later,
                a_stale_receipt_settles_nothing,
                extending_hides_the_message,
                waiting_is_woken_by_the_finish,
                watching_sees_a_change_made_before_waiting,
                a_backlog_drains_in_bounded_batches,
                a_delivery_includes_its_job,
                the_last_step_settles_the_message,
                an_old_record_takes_no_lease,
            ],
            moving: [
                a_scan_sees_everything,
                a_scan_misses_nothing_while_others_write,
                everything_arrives_as_it_was,
                an_arrival_happens_once,
                what_exists_is_not_replaced,
                a_running_job_is_submitted_when_it_arrives,
                concurrent_arrivals_have_one_winner,
                a_delayed_job_arrives_delayed,
            ],
            cost: [
                a_job_costs_few_calls,
            ],
            randomised: [
                random_operations_keep_the_promises,
                faults_lose_and_duplicate_no_job,
            ],
        }
    };
}

/// A harness in a box is a harness.
#[async_trait]
impl Harness for Box<dyn Harness> {
    fn backend(&self) -> Backend {
        (**self).backend()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        (**self).clock()
    }

    async fn advance(&self, by: Duration) {
        (**self).advance(by).await;
    }

    async fn reopen(&mut self) {
        (**self).reopen().await;
    }

    async fn inject(&self, body: &str) {
        (**self).inject(body).await;
    }

    fn deviation(&self, case: &str) -> Option<&'static str> {
        (**self).deviation(case)
    }

    async fn remove(&mut self) -> Result<(), String> {
        (**self).remove().await
    }

    fn random_histories(&self) -> u32 {
        (**self).random_histories()
    }
}

/// Makes one `#[tokio::test]` for every case, each with a fresh harness from the given async closure, and
/// what must be kept while it runs.
#[macro_export]
macro_rules! contract_tests {
    ($fresh:expr) => {
        $crate::each_contract_case! { contract_tests @each ($fresh); }
    };
    (@each ($fresh:expr); $($group:ident: [$($case:ident),+ $(,)?]),+ $(,)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (mut harness, _kept) = ($fresh)().await;
                if $crate::contract::Harness::deviation(&harness, stringify!($case)).is_none() {
                    $crate::contract::cases::$case(&mut harness).await;
                }
                $crate::contract::Harness::remove(&mut harness).await.unwrap();
            }
        )+)+
    };
}

/// Makes [`CASES`].
#[doc(hidden)]
#[macro_export]
macro_rules! contract_registry {
    ($($group:ident: [$($case:ident),+ $(,)?]),+ $(,)?) => {
        /// Every case, in the order of the promises.
        pub const CASES: &[Case] = &[$($(
            Case {
                group: stringify!($group),
                name: stringify!($case),
                run: |harness| Box::pin(cases::$case(harness)),
            },
        )+)+];
    };
}

/// A case of the suite, for a harness that is known only when the program runs.
#[derive(Clone, Copy)]
pub struct Case {
    /// The file of the case, which stands for a promise.
    pub group: &'static str,
    /// The name.
    pub name: &'static str,
    /// Runs the case on a fresh harness. It panics if a promise is broken.
    pub run: for<'a> fn(&'a mut Box<dyn Harness>) -> LocalBoxFuture<'a, ()>,
}

impl Case {
    /// The promise in words.
    #[must_use]
    pub fn promise(&self) -> &'static str {
        match self.group {
            "durable" => "Accepted is durable",
            "nothing_stuck" => "Nothing is stuck",
            "effect_once" => "Effect once",
            "poison" => "Poison is contained",
            "cancelled" => "Cancelled stays cancelled",
            "keys" => "Same key, same job",
            "shutdown" => "Shutdown drains",
            "turns" => "Owners take turns",
            "reuse" => "Results are reused",
            "records" => "Records are kept, listed and expire",
            "queue" => "The queue delivers and wakes",
            "moving" => "Everything moves, once",
            "cost" => "A job costs few calls",
            _ => "All together, with faults",
        }
    }
}

crate::each_contract_case! { contract_registry }

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

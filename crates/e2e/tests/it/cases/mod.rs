//! The cases by subject. [`CASES`] lists them for the table in the README.
//!
//! The acceptance cases ([`verify`]) check what callers see on a healthy service. The other cases need more than those
//! have: a service that no other client uses, an operator's access, faults, or the `pssp` command.

pub(crate) mod batches;
pub(crate) mod classic;
pub(crate) mod faults;
pub(crate) mod jobs;
pub(crate) mod operators;
pub(crate) mod pages;
pub(crate) mod verify;

/// Defines the list of the cases, and a macro that makes a test of each case on a given platform.
macro_rules! cases {
    ($($group:ident: $($case:ident),+;)+) => {
        /// Every case, with its group.
        pub(crate) const CASES: &[(&str, &str)] = &[$($((stringify!($group), stringify!($case))),+),+];

        macro_rules! each_case {
            ($start:expr) => {
                $($(
                    #[test]
                    fn $case() {
                        let mut platform = $start;
                        crate::cases::$group::$case(&mut platform);
                    }
                )+)+
            };
        }
        pub(crate) use each_case;
    };
}

cases! {
    verify: service, keys, classic, jobs, events, results, idempotency, batch, input, problems;
    classic: delete_all;
    jobs: a_result_is_that_of_a_prediction_on_this_machine, watching_ends_with_the_job, racing_submissions_with_one_key_are_one_job,
        a_reused_result_outlives_its_source, lists_page_through_all_jobs, cancelled_stays_cancelled, the_longest_chain,
        bad_input_creates_nothing, a_live_verification_passes;
    batches: a_batch_comes_back_in_order;
    faults: a_killed_worker_loses_nothing, a_killed_api_loses_and_doubles_nothing,
        a_store_that_restarts_keeps_what_was_accepted, lost_messages_are_sent_again;
    operators: a_notice_pauses_intake, what_was_given_up_is_sent_again, an_archive_moves_the_service;
    pages: a_browser_predicts_and_reads;
}

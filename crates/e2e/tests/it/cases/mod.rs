//! The cases, by what they are about. [`CASES`] lists them for the README's table.
//!
//! What callers see on a service that works is in the acceptance cases ([`verify`]). The others need what those lack: a
//! service of their own, its operator, faults, or the `pssp` command.

pub(crate) mod batches;
pub(crate) mod classic;
pub(crate) mod faults;
pub(crate) mod jobs;
pub(crate) mod operators;
pub(crate) mod verify;

/// Makes a test of every case, on a platform that the expression starts, and the list of their names.
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
    operators: a_notice_pauses_intake, what_was_given_up_is_sent_again;
}

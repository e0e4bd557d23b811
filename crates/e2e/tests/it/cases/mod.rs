//! The cases, by what they are about. [`CASES`] lists them for the README's table.

pub(crate) mod batches;
pub(crate) mod classic;
pub(crate) mod faults;
pub(crate) mod jobs;
pub(crate) mod operators;

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
    classic: a_classic_client_gets_its_result, classic_errors_say_what_to_do, classic_delete;
    jobs: a_job_from_submit_to_delete, every_format_and_plot, waiting_and_watching_end_with_the_job,
        the_same_key_is_the_same_job, the_same_again_is_answered_at_once, lists_page_through_all_jobs, cancelled_stays_cancelled,
        the_longest_chain, bad_input_creates_nothing, a_live_verification_passes;
    batches: a_batch_comes_back_in_order, a_gzipped_batch_with_a_bad_record;
    faults: a_killed_worker_loses_nothing, a_killed_api_loses_and_doubles_nothing,
        a_store_that_restarts_keeps_what_was_accepted, lost_messages_are_sent_again;
    operators: a_notice_pauses_intake, what_was_given_up_is_sent_again;
}

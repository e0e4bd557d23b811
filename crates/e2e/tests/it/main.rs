//! The same end-to-end cases against each home of the service.
//!
//! `cargo test -p pssp-e2e redis::` runs those of one home.

#![allow(clippy::unwrap_used, reason = "this is test code: a failed expectation is how a case fails")]

mod cases;
mod matrix;

/// One module a home, in it one test a case.
macro_rules! homes {
    ($($home:ident => $start:expr),+ $(,)?) => {
        /// Names of the homes, in the order of the README's table.
        pub(crate) const HOMES: &[&str] = &[$(stringify!($home)),+];
        $( mod $home { crate::cases::each_case!($start); } )+
    };
}

homes! {
    embedded => pssp_e2e::Embedded::start(),
    redis => pssp_e2e::Redis::start(),
    aws => pssp_e2e::Aws::start(),
}

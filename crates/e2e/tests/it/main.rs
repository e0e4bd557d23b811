//! The same end-to-end cases against each platform of the service.
//!
//! `cargo test -p pssp-e2e redis::` runs the cases on one platform.

#![allow(clippy::unwrap_used, reason = "this is test code: a failed expectation is how a case fails")]

mod cases;
mod matrix;
mod pages;

/// Defines one module for each platform, with one test for each case.
macro_rules! platforms {
    ($($platform:ident => $start:expr),+ $(,)?) => {
        /// Names of the platforms, in the order of the README's table.
        pub(crate) const PLATFORMS: &[&str] = &[$(stringify!($platform)),+];
        $( mod $platform { crate::cases::each_case!($start); } )+
    };
}

platforms! {
    embedded => pssp_e2e::Embedded::start(),
    redis => pssp_e2e::Redis::start(),
    postgres => pssp_e2e::Postgres::start(),
    aws => pssp_e2e::Aws::start(),
}

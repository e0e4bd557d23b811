//! Tests of archives: the format, damage to it, export and import.

#![allow(clippy::unwrap_used, reason = "a failed expectation is how a test fails")]

mod damage;
mod faults;
mod fixture;
mod round_trip;
mod support;

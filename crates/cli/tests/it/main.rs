//! Tests of the `pssp` binary with real files and real servers on loopback.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "an unwrap that fails is a test that fails")]

mod architecture;
mod archives;
mod command;
mod compare;
mod crash;
mod examples;
mod fake;
mod imports;
mod keys;
mod local;
mod notice;
mod operators;
mod python;
mod service;
mod support;
mod verify;
mod viewers;

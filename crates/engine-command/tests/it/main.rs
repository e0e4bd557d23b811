//! The command engine against a program that works and against all that go wrong.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod command;
mod failures;
mod processes;
mod support;
mod works;

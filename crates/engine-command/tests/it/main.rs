//! The command engine with a program that works and with programs that fail.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod command;
mod failures;
mod processes;
mod support;
mod works;

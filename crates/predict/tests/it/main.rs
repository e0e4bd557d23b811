//! Integration tests of the crate, one module for each tested part.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

mod fasta;
mod fixture;
mod formats;
mod golden;
mod inputs;
mod name;
mod neural;
mod plot;
mod prediction;
mod sequence;

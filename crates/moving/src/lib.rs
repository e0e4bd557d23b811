//! Moves what a store keeps to another store.
//!
//! - [`archive`]: the file format: chunks of JSON lines, compressed and checksummed
//! - [`export`]: reads a store into an archive
//! - [`import`]: brings an archive into a store
//! - [`passage`]: the rules by which a job will pass while its service runs

pub mod archive;
pub mod export;
pub mod import;
pub mod passage;
mod totals;

pub use totals::Totals;

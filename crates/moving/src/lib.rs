//! Moves what a store keeps to another store.
//!
//! - [`archive`]: the file format: chunks of JSON lines, compressed and checksummed
//! - [`export`]: reads a store into an archive
//! - [`import`]: brings an archive into a store

pub mod archive;
pub mod export;
pub mod import;
mod totals;

pub use totals::Totals;

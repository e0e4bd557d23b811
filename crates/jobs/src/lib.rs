//! Jobs: their records and states, the ports to a store and a queue, and the promises of every backend.
//!
//! - [`intake`]: makes a job that can be submitted from the request of a caller
//! - [`job`]: [`Job`] and its states; transitions are pure functions that take the time
//! - [`policy`]: bounds on attempts, leases, back-off and time to live
//! - [`api_key`]: who may call
//! - [`ports`]: the interfaces that a backend implements ([`JobStore`], [`JobQueue`], [`JobReceiver`], …)
//! - [`reuse`]: when the result of one job is reused for another
//! - [`service`]: the use cases over those ports ([`Jobs`]): submit, claim, finish, cancel, sweep, …
//! - [`transfer`]: the port by which what a store keeps moves to another store
//! - [`rows`], [`batcher`], [`hub`]: what several backends share
//! - [`memory`]: the in-memory backend for tests
//! - `contract`: the promises as named cases that every backend runs (feature `testing`)
//!
//! This crate does not read the system clock or the environment by itself. Time comes from a [`Clock`], and
//! only [`service`] draws random ids and jitter.

pub mod api_key;
pub mod backend;
pub mod batch;
pub mod batcher;
#[cfg(feature = "testing")]
pub mod contract;
pub mod digest;
pub mod error;
pub mod handler;
pub mod hub;
pub mod id;
pub mod intake;
pub mod job;
pub mod memory;
pub mod message;
pub mod notice;
pub mod policy;
pub mod ports;
pub mod reuse;
pub mod rows;
pub mod service;
pub mod stored_key;
pub mod time;
pub mod transfer;

pub use api_key::{ApiKey, ApiKeys};
pub use backend::Backend;
pub use batch::{Batch, BatchItem};
pub use digest::FieldDigest;
pub use error::StoreError;
pub use handler::{Disposition, Handler, Slot};
pub use id::{BatchId, JobId, Owner};
pub use job::{AttemptError, Failure, FailureClass, Fence, Head, Job, Refused, Request, State, Status};
pub use message::Message;
pub use notice::Notice;
pub use policy::Policy;
pub use ports::{
    BatchStore, Capabilities, Change, Created, DeadLetter, DeadLetters, Delivery, Depth, IdempotencyKey,
    Include, JobQueue, JobReceiver, JobStore, JobWatch, KeyStore, ListQuery, Notices, Page, Receipt, Record,
    Room, Submission, Watcher,
};
pub use reuse::{ResultKey, StoredResult};
pub use service::Jobs;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use transfer::{Arrived, Crossing, Entry, Scan, Transfer};

//! Jobs: what they are, how they change state, where they may be kept, and what is promised.
//!
//! - [`intake`]: from what a caller sends to a job to be submitted, the same on every way in
//! - [`job`]: [`Job`] and its states; transitions are pure functions that take the time
//! - [`policy`]: bounds on attempts, leases, back-off and time to live
//! - [`ports`]: the contracts that a backend fulfils ([`JobStore`], [`JobQueue`], [`JobReceiver`], …)
//! - [`reuse`]: when the result of one job answers another
//! - [`service`]: the use cases over those ports ([`Jobs`]): submit, claim, finish, cancel, sweep, …
//! - [`memory`]: the in-memory backend for tests
//! - `contract`: the promises as named cases that every backend runs (feature `testing`)
//!
//! Nothing here reads the clock, the environment or a random device on its own: time comes from a
//! [`Clock`], and only the edges ([`service`]) draw ids and jitter.

pub mod batch;
#[cfg(feature = "testing")]
pub mod contract;
pub mod digest;
pub mod error;
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
pub mod service;
pub mod time;

pub use batch::{Batch, BatchItem};
pub use digest::FieldDigest;
pub use error::StoreError;
pub use id::{BatchId, JobId, Owner};
pub use job::{Failure, FailureClass, Fence, Head, Job, Refused, Request, State, Status, Summary};
pub use message::{Disposition, Handler, Message};
pub use notice::Notice;
pub use policy::Policy;
pub use ports::{
    Backend, BatchStore, Capabilities, Change, Created, DeadLetter, DeadLetters, Delivery, Depth,
    IdempotencyKey, JobQueue, JobReceiver, JobStore, JobWatch, ListQuery, Notices, Page, Receipt, Submission,
    Watcher,
};
pub use reuse::{Outcome, ResultKey};
pub use service::Jobs;
pub use time::{Clock, ManualClock, SystemClock, Timestamp};

//! The requests and responses of the HTTP API, typed once: the API writes them, the command reads them, and
//! `openapi.json` is made from them.
//!
//! - [`Job`], [`JobPage`], [`Deleted`]: jobs, lists of them, and their events
//! - [`Batch`], [`BatchLine`]: batches and their results
//! - [`JobResult`]: the JSON form of a prediction
//! - [`Problem`], [`Fault`]: errors (RFC 9457)
//! - [`Methods`], [`Limits`], [`ServiceStatus`]: the service itself
//! - [`KeyRequest`], [`KeyInfo`]: keys of callers
//! - [`ClassicRow`], [`ClassicJob`]: the classic API
//! - [`JobRequest`], [`BatchRequest`], [`Form`]: request bodies
//! - `schema` (feature `openapi`): schemas of types that other crates define
//!
//! Field names are public: they stay as they are.

mod batch;
mod classic;
mod job;
mod key;
mod problem;
mod request;
mod result;
#[cfg(feature = "openapi")]
pub mod schema;
mod service;
mod validated;

pub use batch::{Batch, BatchLine, BatchLinks, BatchStatus, Counts, RecordStatus, RejectedRecord};
pub use classic::{ClassicDeletion, ClassicImage, ClassicJob, ClassicResult, ClassicRow, ClassicStatus};
pub use job::{AttemptFailure, Deleted, Job, JobError, JobEvent, JobEventKind, JobLinks, JobPage, PageLinks};
pub use key::{KeyInfo, KeyList, KeyRequest};
pub use problem::{Fault, LimitExceeded, Problem};
pub use request::{BatchList, BatchRecord, BatchRequest, Form, JobRequest, Options};
pub use result::{JobResult, ResultMethod, TrackResult};
pub use service::{Letter, Limits, Methods, PropertyInfo, Queue, ServiceState, ServiceStatus};
pub use validated::{BatchValidated, Validated};

//! The backend on AWS: jobs, results and dead letters in one DynamoDB table, the queue in SQS (ADR 7).
//!
//! - **The record first** (`create`, `apply`): each step is one conditional write, with (state, attempt) as the
//!   fence. Data that must change together is written in a transaction. The message is sent after that, and the
//!   sweep replaces a lost one.
//! - **Every write has a tag**: if a condition fails on an item with the same tag, an earlier try of the same
//!   call took effect and its response was lost. So the SDK may repeat a call.
//! - **Consistent reads for decisions, indexes only for candidates** (`index`): lists, the candidates of the
//!   sweep and counts lag behind writes by up to about a second, and no decision depends on them.
//! - **Limits are checked before a call**: 400 KB for an item, 100 items in a transaction, 10 messages and 256
//!   KB in a batch, 900 s of delay, 12 h of visibility. Stand-ins do not enforce all limits of AWS.
//! - **Readers check the expiry**: DynamoDB may take days to delete an expired item.
//! - **Connecting makes no call** ([`connect`]): on Lambda the first call belongs to the first job.
//!   [`AwsBackend::open`] checks table and queue first, and its error names what is wrong.

mod api_keys;
mod apply;
mod batches;
mod client;
mod clock;
mod create;
mod dead;
mod error;
mod index;
mod item;
mod keys;
mod notices;
mod pack;
mod queue;
mod receipts;
mod receiver;
mod reuse;
pub mod schema;
mod store;
mod table;
mod target;
#[cfg(feature = "testing")]
pub mod testing;
mod transfer;
mod watch;

use std::fmt;
use std::sync::Arc;

use pssp_jobs::hub::Hub;
use pssp_jobs::{Clock, JobStore as _, StoreError};

use crate::client::Clients;
pub use crate::client::Options;
use crate::clock::ServerTime;
use crate::queue::Queue;
use crate::receipts::Receipts;
use crate::table::Table;
pub use crate::target::Target;

/// One table and one queue as a backend: implements every port of [`pssp_jobs`].
pub struct AwsBackend {
    table: Table,
    queue: Queue,
    receipts: Receipts,
    options: Options,
    clock: Arc<dyn Clock>,
    server_time: Arc<ServerTime>,
    hub: Hub,
}

impl AwsBackend {
    /// Connects, and checks that table and queue exist.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the remedy where another try does not help: a bad URL, no credentials, a
    /// missing permission, table or queue. [`StoreError::Unavailable`] while AWS cannot be reached: try again.
    pub async fn open(url: &str, clock: Arc<dyn Clock>, options: Options) -> Result<Arc<Self>, StoreError> {
        let backend = connect(url, clock, options).await?;
        backend.ping().await?;
        Ok(backend)
    }
}

/// Makes a backend without any call: errors show at its first use.
///
/// # Errors
/// [`StoreError::Refused`] if the URL cannot be read or no region is known.
pub async fn connect(
    url: &str,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Result<Arc<AwsBackend>, StoreError> {
    let target = Target::parse(url)?;
    let clients = Clients::load(&target, &options).await?;
    let place = |what: &str, name: &str| format!("{what} {name} in {}", clients.region);
    let (table, queue) = (place("table", &target.table), place("queue", target.queue_name()));
    Ok(Arc::new(AwsBackend {
        table: Table { client: clients.dynamodb, name: target.table, place: table },
        queue: Queue { client: clients.sqs, url: target.queue, place: queue },
        receipts: Receipts::default(),
        options,
        clock,
        server_time: clients.server_time,
        hub: Hub::default(),
    }))
}

impl fmt::Debug for AwsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsBackend")
            .field("table", &self.table.place)
            .field("queue", &self.queue.place)
            .finish_non_exhaustive()
    }
}

//! A request to the writer: an operation, and the caller that waits for its response.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pssp_jobs::{JobId, StoreError};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Fault;

/// The arguments of an operation: the open transaction, and the wake-ups after its commit.
pub(crate) struct Tx<'a> {
    pub(crate) db: &'a Connection,
    effects: &'a mut Effects,
}

/// The wake-ups that a transaction causes.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) changed: Vec<JobId>,
    pub(crate) arrived: bool,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(db: &'a Connection, effects: &'a mut Effects) -> Self {
        Self { db, effects }
    }

    /// Wakes the watchers of `id` after the commit.
    pub(crate) fn changed(&mut self, id: JobId) {
        self.effects.changed.push(id);
    }

    /// Wakes receivers after the commit.
    pub(crate) fn arrived(&mut self) {
        self.effects.arrived = true;
    }
}

/// A request with a response of any type.
pub(crate) trait Task: Send {
    /// Its share of the size limit of a group.
    fn weight(&self) -> usize;
    /// Runs the operation. An error asks for a rollback, after which this may be called again.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;
    /// Sends the response: that of the operation, or why nothing was committed.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// An operation, and the channel for its response.
pub(crate) struct Write<T, F> {
    weight: usize,
    operation: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    pub(crate) fn new(weight: usize, operation: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { weight, operation, outcome: None, reply }
    }
}

impl<T, F> Task for Write<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        // The writer serves all callers, so a panic in one operation must not end it. What the operation wrote
        // is rolled back, and its other data is not used again.
        let ran = catch_unwind(AssertUnwindSafe(|| (self.operation)(tx)));
        self.outcome = Some(match ran {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Fault::Answer(error))) => Err(error),
            Ok(Err(Fault::Db(error))) => return Err(error),
            Err(_) => return Err(rusqlite::Error::ToSqlConversionFailure("an operation panicked".into())),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match (failure, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(stopped()),
        };
        // If the caller was dropped, nobody receives the response.
        let _ = self.reply.send(outcome);
    }
}

/// The error of a call after the writer has stopped.
pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

//! A request to the writer: an operation, and who waits for its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pssp_jobs::{JobId, StoreError};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Fault;

/// What an operation works on: the open transaction, and whom to wake once it is committed.
pub(crate) struct Tx<'a> {
    pub(crate) db: &'a Connection,
    effects: &'a mut Effects,
}

/// Whom a transaction concerns.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) changed: Vec<JobId>,
    pub(crate) arrived: bool,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(db: &'a Connection, effects: &'a mut Effects) -> Self {
        Self { db, effects }
    }

    /// Watchers of `id` are woken.
    pub(crate) fn changed(&mut self, id: JobId) {
        self.effects.changed.push(id);
    }

    /// Receivers are woken.
    pub(crate) fn arrived(&mut self) {
        self.effects.arrived = true;
    }
}

/// A request, whatever its answer is made of.
pub(crate) trait Task: Send {
    /// How much of a group it takes up.
    fn weight(&self) -> usize;
    /// Runs it; an error asks for a rollback. May run again after one.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;
    /// Sends the answer: the operation's own, or why nothing was committed.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// An operation with its caller.
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
        // The writer serves everybody: a fault in one operation must not end it. What the operation
        // had written is rolled back, and nothing else of it is used again.
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
        // Nobody listens any more where the caller was dropped.
        let _ = self.reply.send(outcome);
    }
}

/// There is no writer any more.
pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

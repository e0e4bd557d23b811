//! Predicts the records of FASTA inputs on several threads. Memory is bounded. Outcomes keep the order of the input.
//!
//! Each record gets a ticket: a channel for one message, on which its outcome arrives. Any free thread takes the next
//! record. The writer takes the tickets in order. The number of open tickets is limited, and this limits the memory.

use std::io::{self, BufRead};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pssp_jobs::intake::{NumberedRecord, Records, Rules};
use pssp_predict::sequence::{Cleaned, InputErrors};
use pssp_predict::{Cancel, Engine, EngineError, Prediction};

use crate::exit::Failure;
use crate::input::Source;

/// Limit of open tickets for each thread. It is high enough that the other threads have work while one long chain is
/// computed.
const TICKETS_PER_THREAD: usize = 8;

/// The outcome of one record.
pub(crate) enum Outcome {
    Predicted(Box<Predicted>),
    /// The record is not a valid protein sequence.
    Refused(InputErrors),
    /// The method failed on the record.
    Failed(String),
}

/// A chain with its result.
pub(crate) struct Predicted {
    pub(crate) cleaned: Cleaned,
    pub(crate) prediction: Prediction,
}

/// The record that an outcome belongs to.
pub(crate) struct Place {
    /// The record's number in its source, from 1.
    pub(crate) number: usize,
    /// The id of its header.
    pub(crate) id: Option<String>,
    /// The rest of its header.
    pub(crate) description: Option<String>,
}

pub(crate) struct Options {
    pub(crate) threads: usize,
    pub(crate) rules: Rules,
    /// Accept sequences that look like nucleotides.
    pub(crate) force: bool,
}

struct Ticket {
    source: usize,
    place: Place,
    outcome: Receiver<Outcome>,
}

type Work = (NumberedRecord, SyncSender<Outcome>);

/// Predicts every record of `sources` and passes the outcomes to `take` in order.
///
/// # Errors
/// If a source cannot be read, or the error of `take`. The run stops at the first error.
pub(crate) fn run(
    sources: &[Source],
    engine: &dyn Engine,
    options: &Options,
    mut take: impl FnMut(&Source, Place, Outcome) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let threads = options.threads.max(1);
    let cancel = Cancel::new();
    let (ticket_in, tickets) = sync_channel::<Result<Ticket, Failure>>(threads * TICKETS_PER_THREAD);
    let (work_in, work) = sync_channel::<Work>(threads);
    let work = Mutex::new(work);
    thread::scope(|scope| {
        scope.spawn(move || read(sources, &options.rules, &ticket_in, &work_in));
        for _ in 0..threads {
            scope.spawn(|| predict_all(&work, engine, options, &cancel));
        }
        let written = write(sources, &tickets, &mut take);
        // The reader stops at its next ticket, the threads at their next check.
        drop(tickets);
        if written.is_err() {
            cancel.cancel();
        }
        written
    })
}

fn read(
    sources: &[Source],
    rules: &Rules,
    tickets: &SyncSender<Result<Ticket, Failure>>,
    work: &SyncSender<Work>,
) {
    for (index, source) in sources.iter().enumerate() {
        let opened = source.open().map(|input| Records::new(input, rules));
        let read = opened.and_then(|records| read_one(index, source, records, tickets, work));
        match read {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => {
                let _ = tickets.send(Err(failure)); // fails only if the writer has stopped
                return;
            }
        }
    }
}

/// Returns whether the writer still accepts tickets.
fn read_one(
    index: usize,
    source: &Source,
    records: Records<impl BufRead>,
    tickets: &SyncSender<Result<Ticket, Failure>>,
    work: &SyncSender<Work>,
) -> Result<bool, Failure> {
    let mut empty = true;
    for record in records {
        let record = record.map_err(|e: io::Error| source.unreadable(&e))?;
        empty = false;
        let header = record.record.header.clone().unwrap_or_default();
        let place = Place { number: record.record.number(), id: header.id, description: header.description };
        let (sender, outcome) = sync_channel(1);
        let ticket = Ticket { source: index, place, outcome };
        if tickets.send(Ok(ticket)).is_err() || work.send((record, sender)).is_err() {
            return Ok(false);
        }
    }
    if empty {
        return Err(Failure::usage(format!("{source}: no sequence in it"), "send at least one record"));
    }
    Ok(true)
}

fn predict_all(work: &Mutex<Receiver<Work>>, engine: &dyn Engine, options: &Options, cancel: &Cancel) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((record, sender)) = next else { return };
        // A panic fails one chain only; the others go on.
        let outcome = catch_unwind(AssertUnwindSafe(|| predict(&record, engine, options, cancel)))
            .unwrap_or_else(|_| Outcome::Failed("the method crashed on it".to_owned()));
        let _ = sender.send(outcome); // the writer may have stopped
    }
}

fn predict(record: &NumberedRecord, engine: &dyn Engine, options: &Options, cancel: &Cancel) -> Outcome {
    let cleaned = match record.clean(&options.rules, options.force) {
        Ok(cleaned) => cleaned,
        Err(errors) => return Outcome::Refused(errors),
    };
    match engine.predict(&cleaned.sequence, cancel) {
        Ok(prediction) => Outcome::Predicted(Box::new(Predicted { cleaned, prediction })),
        Err(EngineError::Cancelled) => Outcome::Failed("stopped".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn write(
    sources: &[Source],
    tickets: &Receiver<Result<Ticket, Failure>>,
    take: &mut impl FnMut(&Source, Place, Outcome) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for ticket in tickets {
        let Ticket { source, place, outcome } = ticket?;
        let outcome = outcome.recv().unwrap_or_else(|_| Outcome::Failed("its thread ended".to_owned()));
        take(&sources[source], place, outcome)?;
    }
    Ok(())
}

//! `pssp watch`: follows a job by its event stream, or by polling if there is no stream.

use std::io::BufReader;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pssp_client::{ApiRequest, Events};
use pssp_common::Backoff;

use crate::args::{Global, duration};
use crate::client::Client;
use crate::client::jobs::{Id, JobOrBatch, JobOrBatchResponse, job};
use crate::exit::{Exit, Failure};
use crate::ui::Ui;

/// How long the service shall hold an answer, in seconds. This is also its own limit.
const HELD_WAIT_S: u64 = 20;

/// Shortest time from one read of a job to the next.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// First and longest wait between two reads of a batch.
const BATCH_POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Arguments of `pssp watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id of a job or batch
    id: Id,
    /// Stop watching after this time; the job goes on
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

pub(crate) fn run(args: &Args, global: &Global, ui: Ui) -> Result<Exit, Failure> {
    let client = Client::new(global)?;
    let done = until_done(&client, args.id, args.timeout, |response| {
        if ui.json { ui.json(&response.json) } else { ui.line(&response.found) }
    })?;
    Ok(done.found.exit())
}

/// Waits until the job or batch is done, calls `on_change` for each change, and returns it as it is then.
///
/// # Errors
/// [`Exit::TimedOut`] after `timeout`; the service's errors; those of `on_change`.
pub(crate) fn until_done(
    client: &Client,
    id: Id,
    timeout: Option<Duration>,
    on_change: impl FnMut(&JobOrBatchResponse) -> Result<(), Failure>,
) -> Result<JobOrBatchResponse, Failure> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut watch = Watch { client, id, deadline, last: None, on_change };
    let mut response = watch.poll(None)?;
    if matches!(response.found, JobOrBatch::Job(_)) && !response.found.is_done() {
        watch.follow_events()?;
        response = watch.poll(None)?;
    }
    let mut pauses = Backoff::new(BATCH_POLL.0, BATCH_POLL.1);
    while !response.found.is_done() {
        let left = watch.left()?;
        response = match response.found {
            JobOrBatch::Job(_) => {
                let asked = Instant::now();
                let response = watch.poll(Some(HELD_WAIT_S.min(left.as_secs().max(1))))?;
                // A server that is overloaded, or about to stop, does not hold the answer.
                if !response.found.is_done() {
                    sleep(MIN_PAUSE.saturating_sub(asked.elapsed()).min(left));
                }
                response
            }
            JobOrBatch::Batch(_) => {
                sleep(pauses.next_wait().min(left));
                watch.poll(None)?
            }
        };
    }
    Ok(response)
}

struct Watch<'a, F> {
    client: &'a Client,
    id: Id,
    deadline: Option<Instant>,
    /// The text that was shown last.
    last: Option<JobOrBatch>,
    on_change: F,
}

impl<F: FnMut(&JobOrBatchResponse) -> Result<(), Failure>> Watch<'_, F> {
    /// Time left to wait.
    fn left(&self) -> Result<Duration, Failure> {
        let Some(deadline) = self.deadline else { return Ok(Duration::MAX) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let message = format!("{}: not done yet", self.id);
            return Err(
                Failure::new(Exit::TimedOut, message).hint("it goes on; watch it again or raise --timeout")
            );
        }
        Ok(left)
    }

    /// Reads the job or batch, and shows it if it has changed.
    fn poll(&mut self, wait_s: Option<u64>) -> Result<JobOrBatchResponse, Failure> {
        let response = self.client.find(self.id, wait_s)?;
        self.show(&response)?;
        Ok(response)
    }

    fn show(&mut self, response: &JobOrBatchResponse) -> Result<(), Failure> {
        if self.last.as_ref() != Some(&response.found) {
            (self.on_change)(response)?;
            self.last = Some(response.found.clone());
        }
        Ok(())
    }

    /// Reads the event stream of a job until the job is done, or until the stream fails; the caller then polls.
    /// After a lost connection the stream goes on where it ended.
    fn follow_events(&mut self) -> Result<(), Failure> {
        let path = format!("/v1/jobs/{}/events", self.id);
        let mut last_event: Option<String> = None;
        loop {
            let mut request =
                ApiRequest::get(&path).header("accept", "text/event-stream").timeout(self.left()?);
            if let Some(id) = &last_event {
                request = request.header("last-event-id", id.clone());
            }
            let Ok(body) = self.client.body(&request) else { return Ok(()) };
            let mut heard = false;
            for event in Events::new(BufReader::new(body)) {
                let Ok(event) = event else { break };
                let Ok(response) =
                    serde_json::from_str(&event.data).map_err(drop).and_then(|j| job(j).map_err(drop))
                else {
                    return Ok(()); // the job was deleted, or the id is not a job's: the next read shows which
                };
                heard = true;
                last_event = event.id.or(last_event);
                self.show(&response)?;
                if response.found.is_done() {
                    return Ok(());
                }
            }
            if !heard {
                return Ok(());
            }
        }
    }
}

//! Group commit for the calls of a networked backend: calls that arrive during a round trip share the next one.
//!
//! No call waits for others to join it: on an idle connection it is sent at once. Under load the groups grow by
//! themselves, and one command of the store serves a whole group.

use std::io;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

/// Round trips at the same time where their order does not matter. While the server works on one, the next one is on its
/// way.
pub const IN_FLIGHT: usize = 2;

/// About the largest size of a group in bytes. A larger group would delay all other clients of the server.
const MAX_BYTES: usize = 1 << 20;

/// Most calls that wait for a round trip. Further callers wait until there is room.
const MAX_WAITING: usize = 8192;

/// A call that can share a round trip.
pub trait Call: Send + 'static {
    /// The type of the response.
    type Answer: Send + 'static;

    /// The error of a round trip, which every call of the group gets.
    type Error: Clone + From<io::Error> + Send + 'static;

    /// About the size of the call in bytes.
    fn bytes(&self) -> usize;
}

struct Waiting<C: Call> {
    call: C,
    answer: oneshot::Sender<Result<C::Answer, C::Error>>,
}

/// Gathers calls into groups.
pub struct Batcher<C: Call> {
    sender: mpsc::Sender<Waiting<C>>,
}

impl<C: Call> Batcher<C> {
    /// `run` sends a group of at most `max` calls, and returns one response for each call, in order. At most
    /// `in_flight` groups are under way at the same time. The task
    /// ends when the batcher is dropped.
    pub fn start<F, Fut>(max: usize, in_flight: usize, run: F) -> Self
    where
        F: Fn(Vec<C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<C::Answer>, C::Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        tokio::spawn(gather(max, in_flight, Arc::new(run), receiver));
        Self { sender }
    }

    /// The response to `call`.
    ///
    /// # Errors
    /// The error of the round trip. If the caller is dropped, the call may still be sent.
    pub async fn call(&self, call: C) -> Result<C::Answer, C::Error> {
        let (answer, answered) = oneshot::channel();
        drop(self.sender.send(Waiting { call, answer }).await);
        answered.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

async fn gather<C, F, Fut>(
    max: usize,
    in_flight: usize,
    run: Arc<F>,
    mut receiver: mpsc::Receiver<Waiting<C>>,
) where
    C: Call,
    F: Fn(Vec<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<C::Answer>, C::Error>> + Send + 'static,
{
    let in_flight = Arc::new(Semaphore::new(in_flight));
    while let Some(first) = receiver.recv().await {
        // While all round trips are under way, calls gather in the channel.
        let Ok(permit) = in_flight.clone().acquire_owned().await else {
            return;
        };
        let mut bytes = first.call.bytes();
        let mut group = vec![first];
        while group.len() < max
            && bytes < MAX_BYTES
            && let Ok(next) = receiver.try_recv()
        {
            bytes += next.call.bytes();
            group.push(next);
        }
        let run = run.clone();
        tokio::spawn(async move {
            let (calls, answers): (Vec<C>, Vec<_>) = group.into_iter().map(|w| (w.call, w.answer)).unzip();
            let outcome = run(calls).await;
            drop(permit);
            settle(outcome, answers);
        });
    }
}

fn settle<A, E: Clone>(outcome: Result<Vec<A>, E>, waiting: Vec<oneshot::Sender<Result<A, E>>>) {
    match outcome {
        // There may be too few responses. The other callers then see that their sender is dropped.
        Ok(answers) => {
            for (answer, waiting) in answers.into_iter().zip(waiting) {
                drop(waiting.send(Ok(answer)));
            }
        }
        Err(error) => {
            for waiting in waiting {
                drop(waiting.send(Err(error.clone())));
            }
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the round trip ended without an answer")
}

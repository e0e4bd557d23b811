//! Room for what was accepted. A backend whose store can be full runs this over a store of its own that is small.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use pssp_predict::Sequence;

use super::{all_of, claim, owner};
use crate::error::StoreError;
use crate::id::JobId;
use crate::job::State;
use crate::message::Message;
use crate::ports::Room;
use crate::service::{Jobs, JobsError, NewJob, Settled};

/// Length of the chains.
const RESIDUES: usize = 1000;

fn new_job() -> NewJob {
    let text: String = "MKTAYIAKQR".chars().cycle().take(RESIDUES).collect();
    NewJob::from(text.parse::<Sequence>().expect("a sequence"))
}

/// A result that cannot be compressed, of the size for which room is kept.
fn result(seed: u64) -> Bytes {
    let mut state = seed | 1;
    let size = usize::try_from(Room::of_results(1, RESIDUES as u64)).expect("small");
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| byte()).collect()
}

fn is_full<T>(outcome: &Result<T, JobsError>) -> bool {
    matches!(outcome, Err(JobsError::Store(StoreError::Full(_))))
}

/// Submits until the store refuses new jobs. Then everything else goes on, and every accepted job finishes.
///
/// # Panics
/// If a promise is broken, or the store has no limit.
pub async fn a_full_store_finishes_what_it_accepted(jobs: &Jobs) {
    let mut accepted: HashSet<JobId> = HashSet::new();
    loop {
        match jobs.submit(&owner(), new_job(), Duration::ZERO, None).await {
            Ok(made) => assert!(accepted.insert(made.value.id())),
            refused => {
                assert!(is_full(&refused), "{refused:?}");
                break;
            }
        }
        assert!(accepted.len() < 100_000, "the store has no limit");
    }
    assert!(accepted.len() > 10, "{} jobs fit", accepted.len());
    let batch: Vec<_> = (0..50).map(|_| new_job()).collect();
    assert!(is_full(&jobs.submit_batch(&owner(), batch, None).await), "a batch is refused, too");

    // Reads, cancellations, deletions and the sweep go on.
    let some: Vec<JobId> = accepted.iter().copied().take(2).collect();
    assert_eq!(jobs.find(&owner(), some[0]).await.unwrap().state(), State::Submitted);
    assert!(!jobs.list(&all_of(owner(), 10)).await.unwrap().items.is_empty());
    assert_eq!(jobs.cancel(&owner(), some[0]).await.unwrap().value.state(), State::Cancelled);
    assert!(jobs.delete(&owner(), some[1]).await.unwrap());
    jobs.sweep().await.unwrap();
    for id in some {
        accepted.remove(&id);
    }

    // Every accepted job finishes with the largest result.
    let receiver = jobs.receiver().expect("a receiver");
    let mut left = accepted.clone();
    while !left.is_empty() {
        let deliveries = receiver.receive(10, Duration::ZERO, Duration::from_mins(5)).await.unwrap();
        assert!(!deliveries.is_empty(), "{} jobs have no message", left.len());
        for delivery in deliveries {
            let id = Message::decode(&delivery.body).unwrap().job;
            let job = claim(jobs, id).await;
            let settled = jobs.finish(&job, result(left.len() as u64)).await.unwrap();
            assert!(matches!(settled, Settled::Done(_)));
            assert!(left.remove(&id), "{id} came twice");
        }
    }

    // When others are deleted, there is room again.
    for id in accepted {
        assert!(jobs.delete(&owner(), id).await.unwrap());
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while is_full(&jobs.submit(&owner(), new_job(), Duration::ZERO, None).await) {
        assert!(tokio::time::Instant::now() < deadline, "no room although all was deleted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! Promise 7: a shutdown drains. (The tests of the host check that a host stops to receive and keeps its grace
//! time. The case here checks what the store does.)

use std::time::Duration;

use crate::contract::{Harness, claim, jobs, receive, receiver, submit};
use crate::service::Settled;

/// A released job can be claimed by another worker at once. The release counts neither as a failure nor as a
/// lost worker.
pub async fn a_released_job_is_free_at_once<H: Harness>(h: &mut H) {
    let jobs = jobs(h);
    let job = submit(&jobs).await;
    let delivery = receive(h, 1).await.pop().expect("its message");
    let running = claim(&jobs, job.id()).await;
    assert!(matches!(jobs.release(&running).await.unwrap(), Settled::Done(_)));
    if !jobs.settles_messages() {
        receiver(h).retry(delivery.receipt, Duration::ZERO).await.unwrap();
    }
    let again = receive(h, 1).await;
    assert_eq!(again.len(), 1);
    let second = claim(&jobs, job.id()).await;
    assert_eq!((second.status.attempt, second.status.failures, second.status.lost_workers), (2, 0, 0));
    assert_eq!(jobs.heartbeat(&running).await.unwrap(), Settled::Stale);
}

//! The cost of a job: calls to the store, and bytes read and written.

use std::time::Duration;

use pssp_predict::Method;

use crate::contract::counting::Counting;
use crate::contract::{Harness, VISIBILITY, named, owner, policy};
use crate::message::Message;
use crate::ports::Include;
use crate::service::{Claim, Jobs, NewJob};

/// Residues of the job whose bytes are counted.
const RESIDUES: usize = 150;

/// The stored form of a result has about this many bytes.
const RESULT_BYTES: usize = 1_200;

fn typical() -> NewJob {
    let mut new = named("typical");
    new.request.input = "MKTAYIAKQR".repeat(RESIDUES / 10);
    new.request.sequence = new.request.input.parse().unwrap();
    new
}

/// A job takes few calls from its submission to the read of its result. A poll, a heartbeat, a cancellation and
/// a sweep neither read nor write the input.
pub async fn a_job_costs_few_calls<H: Harness>(h: &mut H) {
    let (backend, counts) = Counting::wrap(&h.backend());
    let method = Method {
        name: "net".to_owned(),
        version: "1".to_owned(),
        sha256: "c0ffee".to_owned(),
        citation: String::new(),
    };
    let jobs = Jobs::new(backend, h.clock(), policy()).unwrap().reusing(Some(method));
    let receiver = jobs.receiver().unwrap();

    let id = jobs.submit(&owner(), typical(), Duration::ZERO, None).await.unwrap().value.id();
    let delivery = receiver.receive(1, Duration::from_secs(5), VISIBILITY).await.unwrap().pop().unwrap();
    let claim = jobs.claim_delivered(Message::new(id), delivery.record).await.unwrap();
    let Claim::Claimed(running) = claim else { panic!("not claimed: {claim:?}") };
    jobs.finish(&running, vec![7; RESULT_BYTES].into()).await.unwrap();
    if !jobs.settles_messages() {
        receiver.ack(delivery.receipt).await.unwrap();
    }
    let calls = counts.take_calls();
    let expected: &[&str] = match jobs.settles_messages() {
        true => &["reusable", "create", "apply", "apply"],
        // The queue is separate from the jobs: a delivery has no record, and a transition does not settle a
        // message.
        false => &["reusable", "create", "read", "apply", "apply", "ack"],
    };
    assert_eq!(calls, expected, "from submit to finished");
    let found = jobs.find_with(&owner(), id, Include::ALL).await.unwrap();
    assert!(found.result.is_some() && found.request.is_some());
    assert_eq!(counts.take_calls(), ["read"], "one read returns the result and the job with it");
    let bytes = counts.take_bytes();
    // The input is written once. It is read once to compute and once to show. The result is written once and
    // read once.
    assert_eq!(counts.take_input_bytes(), 3 * serde_json::to_vec(&typical().request).unwrap().len());
    assert!(bytes < 2 * RESULT_BYTES + 4_000, "{bytes} bytes from submit to the read result");

    let jobs = jobs.reusing(None);
    let id = jobs.submit(&owner(), typical(), Duration::ZERO, None).await.unwrap().value.id();
    let Claim::Claimed(running) = jobs.claim(id).await.unwrap() else { panic!("not claimed") };
    counts.take_input_bytes();
    jobs.find(&owner(), id).await.unwrap();
    jobs.heartbeat(&running).await.unwrap();
    jobs.still_ours(&running).await.unwrap();
    h.advance(policy().lease + Duration::from_millis(200)).await;
    jobs.sweep().await.unwrap();
    jobs.cancel(&owner(), id).await.unwrap();
    assert_eq!(
        counts.take_input_bytes(),
        0,
        "a poll, a heartbeat, a sweep and a cancellation read and write no input"
    );
}

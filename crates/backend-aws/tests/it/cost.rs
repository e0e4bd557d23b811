//! The cost of a job in calls and capacity units. docs/aws.md computes a price from it.

use std::collections::BTreeMap;
use std::time::Duration;

use pssp_jobs::service::{Claim, NewJob};
use pssp_jobs::{Include, JobReceiver as _, Message, Owner};
use pssp_predict::{Method, Sequence};

use crate::faults::{Bench, bench};

/// A protein of 150 residues. `result` has the size of a result for it.
fn protein() -> NewJob {
    let residues: String =
        (0..150_u32).map(|n| char::from(b"ACDEFGHIKLMNPQRSTVWY"[(n * n * 7 + n) as usize % 20])).collect();
    NewJob { name: Some("a protein".to_owned()), ..NewJob::from(residues.parse::<Sequence>().unwrap()) }
}

/// 2.5 KB that cannot be compressed: more than the stored result of such a protein.
fn result() -> Vec<u8> {
    let mut x = 1_u32;
    let next = |_| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        x.to_be_bytes()[0]
    };
    (0..2500).map(next).collect()
}

fn method() -> Method {
    let [name, version, sha256] = ["net", "1", "c0ffee"].map(str::to_owned);
    Method { name, version, sha256, citation: String::new() }
}

fn counted<const N: usize>(calls: [(&str, u32); N]) -> BTreeMap<String, u32> {
    calls.into_iter().map(|(action, n)| (action.to_owned(), n)).collect()
}

/// The calls to AWS for each step: submit, receive, claim, finish, acknowledge, read.
#[tokio::test]
async fn requests_of_the_plain_path_are_counted() {
    let Bench { place, proxy, jobs, backend } = bench().await;
    let jobs = jobs.reusing(Some(method()));
    let before = place.sqs().requests();
    let job = jobs.submit(&Owner::public(), protein(), Duration::ZERO, None).await.unwrap().value;
    let (calls, submit) = proxy.take_counts();
    // The read looks for a stored result.
    assert_eq!(calls, counted([("GetItem", 1), ("PutItem", 1)]));

    let delivery =
        backend.receive(1, Duration::from_secs(1), Duration::from_mins(1)).await.unwrap().pop().unwrap();
    let id = Message::decode(&delivery.body).unwrap().job;
    let Claim::Claimed(running) = jobs.claim(id).await.unwrap() else { panic!("not claimed") };
    let (calls, claim) = proxy.take_counts();
    assert_eq!(calls, counted([("GetItem", 1), ("UpdateItem", 1)]));

    jobs.finish(&running, result().into()).await.unwrap();
    backend.ack(delivery.receipt).await.unwrap();
    let (calls, finish) = proxy.take_counts();
    // One write more, for the key under which the result is found again.
    assert_eq!(calls, counted([("PutItem", 2), ("UpdateItem", 1)]));

    jobs.find_with(&Owner::public(), job.id(), Include::ALL).await.unwrap();
    let (calls, read) = proxy.take_counts();
    assert_eq!(calls, counted([("Query", 1)]));

    let again = jobs.submit(&Owner::public(), protein(), Duration::ZERO, None).await.unwrap().value;
    assert!(again.status.reused);
    let (calls, reuse) = proxy.take_counts();
    assert_eq!(calls, counted([("GetItem", 1), ("PutItem", 2), ("Query", 1)]));

    let mut queue = place.sqs().requests();
    for (action, n) in before {
        *queue.get_mut(&action).unwrap() -= n;
    }
    queue.retain(|_, n| *n > 0);
    let expected =
        ["DeleteMessage", "ReceiveMessage", "SendMessageBatch"].map(|action| (action.to_owned(), 1));
    assert_eq!(queue, BTreeMap::from(expected));
    // The stand-in counts units as AWS documents them: a write unit for each KB, indexes included, and a read
    // unit for each 4 KB.
    assert_eq!(submit, units([("GetItem", 1.0), ("PutItem", 3.0)]));
    assert_eq!(claim, units([("GetItem", 1.0), ("UpdateItem", 4.0)]));
    assert_eq!(finish, units([("PutItem", 4.0), ("UpdateItem", 3.0)]));
    assert_eq!(read, units([("Query", 1.0)]));
    assert_eq!(reuse, units([("GetItem", 1.0), ("PutItem", 5.0), ("Query", 1.0)]));
}

fn units<const N: usize>(units: [(&str, f64); N]) -> BTreeMap<String, f64> {
    units.into_iter().map(|(action, n)| (action.to_owned(), n)).collect()
}

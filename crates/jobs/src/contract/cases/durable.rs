//! Promise 1: an accepted job is durable.

use std::time::Duration;

use bytes::Bytes;

use crate::batch::BatchItem;
use crate::contract::{Harness, claim, jobs, named, new_job, owner, receive, submit};
use crate::job::State;
use crate::message::Message;
use crate::ports::Include;
use crate::service::NewJob;

/// After a submission the job and its message survive a crash of every process.
pub async fn accepted_is_durable<H: Harness>(h: &mut H) {
    let job = submit(&jobs(h)).await;
    h.reopen().await;
    assert_eq!(jobs(h).find(&owner(), job.id()).await.unwrap(), job);
    let deliveries = receive(h, 10).await;
    let bodies: Vec<_> = deliveries.iter().map(|d| Message::decode(&d.body).unwrap().job).collect();
    assert_eq!(bodies, [job.id()]);
}

/// A batch survives with its jobs, their order and the rejected records.
pub async fn accepted_batch_is_durable<H: Harness>(h: &mut H) {
    let rejected = BatchItem::Rejected {
        name: Some("bad \"one\"\n".to_owned()),
        errors: pssp_predict::sequence::clean(b"MK1A", &Default::default()).unwrap_err(),
    };
    let records = vec![Ok(named("first")), Err(rejected.clone()), Ok(named("third"))];
    let batch = jobs(h).submit_batch(&owner(), records, None).await.unwrap().value;
    h.reopen().await;
    let jobs = jobs(h);
    let stored = jobs.batch(&owner(), batch.id).await.unwrap();
    assert_eq!(stored, batch);
    assert_eq!(stored.items[1], rejected);
    let ids: Vec<_> = stored.jobs().collect();
    let found = jobs.get_many(&ids).await.unwrap();
    let seen: Vec<_> = found
        .into_iter()
        .map(|job| job.expect("a job of the batch").head)
        .map(|head| (head.name.unwrap(), head.batch.unwrap().index))
        .collect();
    assert_eq!(seen, [("first".to_owned(), 0), ("third".to_owned(), 2)]);
    assert_eq!(receive(h, 10).await.len(), 2);
    let other = crate::Owner::new("someone else");
    assert!(jobs.batch(&other, batch.id).await.is_err(), "another owner does not see the batch");
}

/// Every field is read back as it was written, for any text and in every state.
pub async fn everything_survives_the_round_trip<H: Harness>(h: &mut H) {
    let mut new: NewJob = new_job();
    let name = "naïve \u{1F9EC} 'quoted' \"twice\"\t\\ {json: 1} ; DROP TABLE jobs --";
    new.name = Some(name.to_owned());
    new.request.input = format!(">{name}\r\nmkt ayi\0\u{feff}");
    let cleaned = pssp_predict::sequence::clean(b"MKB UZ", &Default::default()).unwrap();
    new.request.sequence = cleaned.sequence;
    new.request.edits = cleaned.edits;
    new.warnings = cleaned.warnings;
    let request = new.request.clone();
    let jobs1 = jobs(h);
    let job = jobs1.submit(&owner(), new, Duration::ZERO, None).await.unwrap().value;
    assert_eq!(jobs1.find(&owner(), job.id()).await.unwrap(), job);
    let running = claim(&jobs1, job.id()).await;
    h.reopen().await;
    let jobs2 = jobs(h);
    assert_eq!(jobs2.find(&owner(), job.id()).await.unwrap(), running.job);
    assert_eq!(*running.request, request);
    let result: Bytes = (0..=255_u8).collect();
    jobs2.finish(&running, result.clone()).await.unwrap();
    h.reopen().await;
    let jobs3 = jobs(h);
    let finished = jobs3.find_with(&owner(), job.id(), Include::ALL).await.unwrap();
    assert_eq!(finished.job.state(), State::Finished);
    assert_eq!(finished.job.head, job.head);
    assert_eq!(finished.request.as_deref(), Some(&request));
    assert_eq!(finished.result, Some(result.clone()));
    assert_eq!(jobs3.result(job.id()).await.unwrap(), result);
    let alone = jobs3.find_with(&owner(), job.id(), Include::NOTHING).await.unwrap();
    assert_eq!((&alone.job, alone.request, alone.result), (&finished.job, None, None));
}

/// The largest result of a chain of 10,000 residues fits into the store, and so does the largest input.
pub async fn a_full_length_result_fits<H: Harness>(h: &mut H) {
    let mut new = new_job();
    new.request.input = "MKTAYIAKQR \n".repeat(5_000);
    new.request.sequence = "MKTAYIAKQR".repeat(1_000).parse().unwrap();
    let jobs = jobs(h);
    let job = jobs.submit(&owner(), new, Duration::ZERO, None).await.unwrap().value;
    let running = claim(&jobs, job.id()).await;
    // Bytes from a linear congruential generator: no store can compress them.
    let mut x = 1_u32;
    let result: Bytes = (0..250_000)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            x.to_be_bytes()[0]
        })
        .collect();
    jobs.finish(&running, result.clone()).await.unwrap();
    assert_eq!(jobs.result(job.id()).await.unwrap(), result);
}

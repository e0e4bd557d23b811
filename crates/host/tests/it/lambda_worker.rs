//! Events of a worker: which ones are accepted, which messages come again, and that the time limit is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pssp_host::lambda::Invocation;
use pssp_host::lambda::event::Submit;
use pssp_host::lambda::worker::{Function, Host};
use pssp_jobs::{Disposition, Handler, JobId, JobReceiver, Message, Record, Slot};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::TestBed;

/// What a handler does with one job.
#[derive(Clone, Copy)]
enum Act {
    Ack,
    Later(Duration),
    Panic,
    UntilReleased,
    Forever,
}

struct Fake {
    acts: Arc<Vec<(JobId, Act)>>,
    idle: Arc<AtomicUsize>,
}

struct Script {
    acts: Arc<Vec<(JobId, Act)>>,
    release: CancellationToken,
}

#[async_trait]
impl Handler for Script {
    async fn reserve(&self, max: usize) -> Vec<Slot> {
        (0..max).map(|_| Slot::unlimited()).collect()
    }

    async fn handle(&self, message: Message, _: Option<Box<Record>>, _: Slot) -> Disposition {
        let act = self.acts.iter().find(|(id, _)| *id == message.job).unwrap().1;
        match act {
            Act::Ack => Disposition::Ack,
            Act::Later(after) => Disposition::Retry { after },
            Act::Panic => panic!("as the test asks"),
            Act::UntilReleased => {
                self.release.cancelled().await;
                Disposition::Retry { after: Duration::ZERO }
            }
            Act::Forever => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Function for Fake {
    fn handler(&self, release: CancellationToken) -> Arc<dyn Handler> {
        Arc::new(Script { acts: self.acts.clone(), release })
    }

    async fn idle(&self) {
        self.idle.fetch_add(1, Ordering::SeqCst);
    }

    async fn submit(&self, event: Submit) -> anyhow::Result<Value> {
        Ok(json!({ "id": event.id, "source": event.source, "data": event.data }))
    }
}

fn invocation(left: u64) -> Invocation {
    Invocation { request_id: "r".to_owned(), deadline: Instant::now() + Duration::from_secs(left) }
}

/// Handles one batch, each message as `acts` says. Returns the positions of the messages that come again, and how long
/// it took.
async fn run(bed: &TestBed, acts: &[Act]) -> (Vec<usize>, Duration) {
    for _ in acts {
        bed.submit().await;
    }
    let taken = bed.memory.receive(10, Duration::ZERO, Duration::from_mins(3)).await.unwrap();
    assert_eq!(taken.len(), acts.len());
    let jobs: Vec<JobId> = taken.iter().map(|d| Message::decode(&d.body).unwrap().job).collect();
    let records: Vec<Value> = taken
        .iter()
        .enumerate()
        .map(|(i, d)| {
            json!({ "messageId": format!("m{i}"), "receiptHandle": d.receipt.token(), "body": d.body,
                    "eventSource": "aws:sqs", "attributes": { "ApproximateReceiveCount": "1" } })
        })
        .collect();
    let acts = Arc::new(jobs.into_iter().zip(acts.iter().copied()).collect());
    let idle = Arc::new(AtomicUsize::new(0));
    let host = Host::new(bed.jobs.clone(), Fake { acts, idle: idle.clone() }, 4);
    let start = Instant::now();
    let answer = host.answer(json!({ "Records": records }), &invocation(60)).await.unwrap();
    assert_eq!(idle.load(Ordering::SeqCst), 1, "the host waits until nothing is computed");
    let again = answer["batchItemFailures"].as_array().unwrap().iter();
    let again = again.map(|f| f["itemIdentifier"].as_str().unwrap()[1..].parse().unwrap());
    (again.collect(), start.elapsed())
}

async fn visible(bed: &TestBed, wait: Duration) -> usize {
    bed.memory.receive(100, wait, Duration::from_secs(1)).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn only_messages_that_shall_come_again_are_reported_and_they_come_in_time() {
    let bed = TestBed::new();
    let later = Act::Later(Duration::from_secs(40));
    let (again, took) = run(&bed, &[Act::Ack, later, Act::Panic, Act::Ack, Act::Ack]).await;
    assert_eq!(again, [1, 2]);
    assert!(took < Duration::from_secs(1), "{took:?}");
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(visible(&bed, Duration::ZERO).await, 0);
    assert_eq!(visible(&bed, Duration::from_secs(2)).await, 1, "the panic, after 10 s and not 3 minutes");
}

#[tokio::test(start_paused = true)]
async fn unfinished_jobs_are_released_before_the_time_is_over() {
    let bed = TestBed::new();
    let (again, took) = run(&bed, &[Act::Ack, Act::UntilReleased, Act::Ack]).await;
    assert_eq!(again, [1]);
    assert_eq!(took.as_secs(), 58, "two seconds before the end");
    assert_eq!(visible(&bed, Duration::ZERO).await, 1, "visible at once");
    let bed = TestBed::new();
    let (again, took) = run(&bed, &[Act::Forever, Act::Ack]).await;
    assert_eq!((again, took.as_secs()), (vec![0], 59), "not released, but reported in time");
}

#[tokio::test(start_paused = true)]
async fn undecodable_messages_go_to_the_dead_letters_and_are_not_reported() {
    let bed = TestBed::new();
    let fake = Fake { acts: Arc::default(), idle: Arc::default() };
    let host = Host::new(bed.jobs.clone(), fake, 4);
    let event = serde_json::from_str(include_str!("events/sqs_malformed.json")).unwrap();
    let answer = host.answer(event, &invocation(60)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let letters = bed.jobs.dead_letters(None, 10).await.unwrap().items;
    let mut bodies: Vec<&str> = letters.iter().filter_map(|letter| letter.body.as_deref()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["not ours", r#"{"order":17}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_sweeps_until_there_is_no_backlog() {
    let bed = TestBed::new();
    for _ in 0..1200 {
        bed.submit().await;
    }
    while !bed.memory.receive(1000, Duration::ZERO, Duration::from_mins(15)).await.unwrap().is_empty() {}
    tokio::time::sleep(Duration::from_mins(2)).await;
    let host = Host::new(bed.jobs.clone(), Fake { acts: Arc::default(), idle: Arc::default() }, 4);
    let event = serde_json::from_str(include_str!("events/scheduled.json")).unwrap();
    host.answer(event, &invocation(60)).await.unwrap();
    let mut sent = 0;
    loop {
        match bed.memory.receive(1000, Duration::ZERO, Duration::from_mins(15)).await.unwrap().len() {
            0 => break,
            n => sent += n,
        }
    }
    assert_eq!(sent, 1200);
}

#[tokio::test]
async fn submissions_are_read_and_unknown_events_are_refused_with_the_known_forms() {
    let bed = TestBed::new();
    let host = Host::new(bed.jobs.clone(), Fake { acts: Arc::default(), idle: Arc::default() }, 4);
    for (event, id) in [
        (include_str!("events/eventbridge_submit.json"), "0d079340-135a-c8c6-95c2-41fb8f496c53"),
        (include_str!("events/cloudevent_submit.json"), "A234-1234-1234"),
    ] {
        let answer = host.answer(serde_json::from_str(event).unwrap(), &invocation(9)).await.unwrap();
        assert_eq!((&answer["id"], &answer["data"]["sequence"]), (&json!(id), &json!("MKVLTAAGG")));
    }
    let s3 = include_str!("events/s3.json");
    for stranger in [s3, include_str!("events/eventbridge_other.json"), "{}", "7"] {
        let refused = host.answer(serde_json::from_str(stranger).unwrap(), &invocation(9)).await;
        assert!(refused.unwrap_err().to_string().contains("pssp.job.submit"), "{stranger}");
    }
}

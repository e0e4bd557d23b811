//! Receiving: visibility, receipt handles, long polls, dead letters.

use std::time::{Duration, Instant};

use pssp_aws_local::sqs::{Counts, Sqs};
use serde_json::{Value, json};

use crate::support::{call, on, redrive, sqs};

async fn send(sqs: &Sqs, body: &str) {
    on(sqs, "jobs", "SendMessage", json!({ "MessageBody": body })).await;
}

/// Receives the next message of `queue`, and hides it for `hidden_s` seconds.
async fn receive(sqs: &Sqs, queue: &str, hidden_s: u64, wait_s: u64) -> Option<Value> {
    let input =
        json!({ "VisibilityTimeout": hidden_s, "WaitTimeSeconds": wait_s, "AttributeNames": ["All"] });
    on(sqs, queue, "ReceiveMessage", input).await["Messages"].get(0).cloned()
}

async fn hide(sqs: &Sqs, message: &Value, seconds: u64) -> Result<(), String> {
    let input = json!({
        "QueueUrl": sqs.queue_url("jobs"),
        "ReceiptHandle": message["ReceiptHandle"],
        "VisibilityTimeout": seconds,
    });
    call(sqs, "ChangeMessageVisibility", input).await.map(drop)
}

async fn delete(sqs: &Sqs, message: &Value) {
    on(sqs, "jobs", "DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await;
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_visibility_timeout() {
    let sqs = sqs(json!({})).await;
    send(&sqs, "a").await;
    let first = receive(&sqs, "jobs", 1, 0).await.unwrap();
    assert_eq!(receive(&sqs, "jobs", 1, 0).await, None);
    assert_eq!(sqs.counts("jobs"), Counts { in_flight: 1, ..Counts::default() });
    // The poll ends with the visibility timeout, long before its own 20 s.
    let begin = Instant::now();
    let second = receive(&sqs, "jobs", 60, 20).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(second["MessageId"], first["MessageId"]);
    assert_ne!(second["ReceiptHandle"], first["ReceiptHandle"]);
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn only_the_latest_handle_deletes() {
    let sqs = sqs(json!({})).await;
    send(&sqs, "a").await;
    let first = receive(&sqs, "jobs", 0, 0).await.unwrap();
    let second = receive(&sqs, "jobs", 60, 0).await.unwrap();
    delete(&sqs, &first).await;
    assert_eq!(sqs.counts("jobs").in_flight, 1, "an old handle deletes nothing");
    let moved = hide(&sqs, &first, 10).await;
    assert_eq!(moved, Err("AWS.SimpleQueueService.MessageNotInflight".to_owned()));
    delete(&sqs, &second).await;
    assert_eq!(sqs.counts("jobs"), Counts::default());
    // A second delete is not an error.
    delete(&sqs, &second).await;
    assert_eq!(hide(&sqs, &second, 10).await, Err("InvalidParameterValue".to_owned()));
}

#[tokio::test]
async fn the_latest_handle_deletes_after_the_visibility_timeout() {
    let sqs = sqs(json!({})).await;
    send(&sqs, "a").await;
    let message = receive(&sqs, "jobs", 0, 0).await.unwrap();
    assert_eq!(sqs.counts("jobs").visible, 1);
    let hidden = hide(&sqs, &message, 10).await;
    assert_eq!(hidden, Err("AWS.SimpleQueueService.MessageNotInflight".to_owned()));
    delete(&sqs, &message).await;
    assert_eq!(sqs.counts("jobs"), Counts::default());
}

#[tokio::test]
async fn visibility_can_be_ended_and_has_a_limit() {
    let sqs = sqs(json!({})).await;
    send(&sqs, "a").await;
    let message = receive(&sqs, "jobs", 60, 0).await.unwrap();
    assert_eq!(hide(&sqs, &message, 43_201).await, Err("InvalidParameterValue".to_owned()));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let total = hide(&sqs, &message, 43_200).await;
    assert_eq!(total, Err("InvalidParameterValue".to_owned()), "12 hours count from the receive");
    hide(&sqs, &message, 43_000).await.unwrap();
    hide(&sqs, &message, 0).await.unwrap();
    assert_eq!(sqs.counts("jobs").visible, 1);
}

#[tokio::test]
async fn a_long_poll_wakes_at_once() {
    let sqs = sqs(json!({})).await;
    let begin = Instant::now();
    let (received, ()) = tokio::join!(receive(&sqs, "jobs", 60, 20), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        send(&sqs, "late").await;
    });
    assert_eq!(received.unwrap()["Body"], "late");
    assert!(begin.elapsed() < Duration::from_secs(5));
    let begin = Instant::now();
    assert_eq!(receive(&sqs, "jobs", 60, 1).await, None);
    assert!(begin.elapsed() >= Duration::from_secs(1), "it waits as long as requested");
}

#[tokio::test]
async fn a_delayed_message_comes_when_its_delay_is_over() {
    let sqs = sqs(json!({})).await;
    on(&sqs, "jobs", "SendMessage", json!({ "MessageBody": "a", "DelaySeconds": 1 })).await;
    assert_eq!(sqs.counts("jobs"), Counts { delayed: 1, ..Counts::default() });
    assert_eq!(receive(&sqs, "jobs", 60, 0).await, None);
    assert_eq!(receive(&sqs, "jobs", 60, 20).await.unwrap()["Body"], "a");
}

#[tokio::test]
async fn messages_received_too_often_move_to_the_dead_letters() {
    let sqs = sqs(json!({ "RedrivePolicy": redrive(2) })).await;
    send(&sqs, "poison").await;
    let first = receive(&sqs, "jobs", 0, 0).await.unwrap();
    receive(&sqs, "jobs", 0, 0).await.unwrap();
    assert_eq!(sqs.counts("dead").visible, 0, "it may be received twice");
    assert_eq!(receive(&sqs, "jobs", 0, 0).await, None);
    let dead = receive(&sqs, "dead", 60, 0).await.unwrap();
    assert_eq!(dead["MessageId"], first["MessageId"]);
    assert_eq!(dead["Attributes"]["DeadLetterQueueSourceArn"], sqs.queue_arn("jobs"));
    assert_eq!(sqs.counts("jobs"), Counts::default());
}

#[tokio::test]
async fn a_doubled_delivery_comes_twice() {
    let sqs = sqs(json!({})).await;
    sqs.faults().double(1);
    send(&sqs, "a").await;
    let first = receive(&sqs, "jobs", 60, 0).await.unwrap();
    let second = receive(&sqs, "jobs", 60, 0).await.unwrap();
    assert_eq!(first["MessageId"], second["MessageId"]);
    assert_eq!(receive(&sqs, "jobs", 60, 0).await, None);
}

#[tokio::test]
async fn a_redrive_policy_needs_an_existing_queue() {
    let sqs = sqs(json!({})).await;
    let missing = redrive(3).replace(":dead", ":none");
    let input = json!({ "QueueUrl": sqs.queue_url("jobs"), "Attributes": { "RedrivePolicy": missing } });
    assert_eq!(call(&sqs, "SetQueueAttributes", input).await, Err("InvalidParameterValue".to_owned()));
}

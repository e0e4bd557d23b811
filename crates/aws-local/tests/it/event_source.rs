//! Which messages an event source deletes, and which it leaves in the queue.

use std::path::Path;

use pssp_aws_local::event_source::{EventSource, Options, succeeded};
use pssp_aws_local::runtime::{self, Function, InvokeError};
use pssp_aws_local::sqs::{Counts, Sqs};
use serde_json::{Value, json};

use crate::support::{on, options, redrive, sqs, until};

fn source(sqs: &Sqs) -> Options {
    Options {
        endpoint: sqs.endpoint(),
        queue_url: sqs.queue_url("jobs"),
        queue_arn: sqs.queue_arn("jobs"),
        region: "eu-central-1".to_owned(),
        batch_size: 10,
        maximum_concurrency: 2,
    }
}

/// A function that appends its records to the file `seen`.
fn recorder(seen: &Path) -> Function {
    let env = vec![("SEEN".to_owned(), seen.display().to_string())];
    Function::new(runtime::Options { env, ..options() })
}

fn records(seen: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(seen).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn the_answer_decides_which_messages_succeeded() {
    let all = Ok(vec!["a", "b"]);
    let check = |answer: &'static str, expected: &Result<Vec<&str>, ()>| {
        let answer = Ok(answer.into());
        assert_eq!(&succeeded(&["a", "b"], &answer).map_err(drop), expected, "{answer:?}");
    };
    check("", &all);
    check("null", &all);
    check("{}", &all);
    check(r#"{"batchItemFailures":null}"#, &all);
    check(r#"{"batchItemFailures":[]}"#, &all);
    check(r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, &Ok(vec!["b"]));
    check(r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#, &Ok(vec![]));
    check(r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#, &Err(()));
    check(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, &Err(()));
    check(r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, &Err(()));
    check(r#"{"batchItemFailures":[{"item":"a"}]}"#, &Err(()));
    check(r#"{"batchItemFailures":"a"}"#, &Err(()));
    check("done", &Err(()));
    let failed = Err(InvokeError::Throttled(1));
    assert!(succeeded(&["a"], &failed).is_err());
}

#[tokio::test]
async fn good_messages_are_deleted_and_bad_ones_come_again_until_they_are_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let sqs = sqs(json!({ "VisibilityTimeout": "1", "RedrivePolicy": redrive(2) })).await;
    let entries = json!([
        { "Id": "0", "MessageBody": "good" },
        { "Id": "1", "MessageBody": "fail" },
        { "Id": "2", "MessageBody": "good" },
    ]);
    on(&sqs, "jobs", "SendMessageBatch", json!({ "Entries": entries })).await;
    let _source = EventSource::start(source(&sqs), &recorder(&seen)).unwrap();
    until("dead", || sqs.counts("dead").visible == 1).await;
    assert_eq!(sqs.counts("jobs"), Counts::default());
    assert_eq!(sqs.bodies("dead"), ["fail"]);
    let bodies: Vec<Value> = records(&seen).into_iter().map(|record| record["body"].clone()).collect();
    assert_eq!(bodies, ["good", "fail", "good", "fail"]);
}

#[tokio::test]
async fn a_failed_invocation_leaves_its_whole_batch() {
    for body in ["crash", "unknown"] {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let sqs = sqs(json!({ "VisibilityTimeout": "1", "RedrivePolicy": redrive(1) })).await;
        let entries = json!([{ "Id": "0", "MessageBody": "good" }, { "Id": "1", "MessageBody": body }]);
        on(&sqs, "jobs", "SendMessageBatch", json!({ "Entries": entries })).await;
        let _source = EventSource::start(source(&sqs), &recorder(&seen)).unwrap();
        until("dead", || sqs.counts("dead").visible == 2).await;
        assert_eq!(records(&seen).len(), 2, "{body}");
    }
}

#[tokio::test]
async fn a_record_has_the_format_of_aws() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let sqs = sqs(json!({})).await;
    let attributes = json!({ "kind": { "DataType": "String", "StringValue": "job" } });
    on(&sqs, "jobs", "SendMessage", json!({ "MessageBody": "good", "MessageAttributes": attributes })).await;
    let _source = EventSource::start(source(&sqs), &recorder(&seen)).unwrap();
    until("handled", || sqs.counts("jobs") == Counts::default()).await;
    let record = records(&seen).remove(0);
    let mut names: Vec<&String> = record.as_object().unwrap().keys().collect();
    names.sort();
    let expected = "attributes awsRegion body eventSource eventSourceARN md5OfBody messageAttributes messageId receiptHandle";
    assert_eq!(names, expected.split(' ').collect::<Vec<_>>());
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], sqs.queue_arn("jobs"));
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    let kind =
        json!({ "stringValue": "job", "stringListValues": [], "binaryListValues": [], "dataType": "String" });
    assert_eq!(record["messageAttributes"]["kind"], kind);
}

#[tokio::test]
async fn options_that_aws_refuses_are_refused() {
    let sqs = sqs(json!({})).await;
    let function = Function::new(options());
    let check = |batch_size, maximum_concurrency, is_fine: bool| {
        let started =
            EventSource::start(Options { batch_size, maximum_concurrency, ..source(&sqs) }, &function);
        assert_eq!(started.is_ok(), is_fine, "{batch_size} {maximum_concurrency}");
    };
    check(1, 2, true);
    check(0, 2, false);
    check(11, 2, false);
    check(10, 1, false);
}

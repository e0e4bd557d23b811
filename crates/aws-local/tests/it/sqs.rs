//! The limits and errors of SQS.

use pssp_aws_local::sqs::{Counts, Fault};
use serde_json::{Value, json};

use crate::support::{call, on, sqs};

fn entries(number: usize, bytes: usize) -> Value {
    let entry = |index: usize| json!({ "Id": index.to_string(), "MessageBody": "x".repeat(bytes) });
    Value::Array((0..number).map(entry).collect())
}

#[tokio::test]
async fn requests_outside_the_limits_are_refused() {
    let sqs = sqs(json!({})).await;
    let url = sqs.queue_url("jobs");
    let mib = 1 << 20;
    let same_id = json!([{ "Id": "a", "MessageBody": "1" }, { "Id": "a", "MessageBody": "2" }]);
    let check = async |action: &str, input: Value, expected: Result<(), &str>| {
        let mut input = input;
        input["QueueUrl"] = url.clone().into();
        let answer = call(&sqs, action, input.clone()).await.map(drop);
        let shown: String = input.to_string().chars().take(120).collect();
        assert_eq!(answer, expected.map_err(str::to_owned), "{action} {shown}");
    };
    let invalid = Err("InvalidParameterValue");
    check("SendMessage", json!({ "MessageBody": "x".repeat(mib) }), Ok(())).await;
    check("SendMessage", json!({ "MessageBody": "x".repeat(mib + 1) }), invalid).await;
    check("SendMessage", json!({ "MessageBody": "" }), Err("MissingParameter")).await;
    check("SendMessage", json!({ "MessageBody": "\u{1}" }), Err("InvalidMessageContents")).await;
    check("SendMessage", json!({ "MessageBody": "x", "DelaySeconds": 900 }), Ok(())).await;
    check("SendMessage", json!({ "MessageBody": "x", "DelaySeconds": 901 }), invalid).await;
    check("ReceiveMessage", json!({ "MaxNumberOfMessages": 0 }), invalid).await;
    check("ReceiveMessage", json!({ "MaxNumberOfMessages": 11 }), invalid).await;
    check("ReceiveMessage", json!({ "WaitTimeSeconds": 21 }), invalid).await;
    check("ReceiveMessage", json!({ "VisibilityTimeout": 43_201 }), invalid).await;
    check("DeleteMessage", json!({ "ReceiptHandle": "made up" }), Err("ReceiptHandleIsInvalid")).await;
    let batch = "SendMessageBatch";
    let name = |name: &'static str| Err(name);
    check(batch, json!({ "Entries": [] }), name("AWS.SimpleQueueService.EmptyBatchRequest")).await;
    check(batch, json!({ "Entries": entries(10, 1) }), Ok(())).await;
    let many = name("AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    check(batch, json!({ "Entries": entries(11, 1) }), many).await;
    check(batch, json!({ "Entries": same_id }), name("AWS.SimpleQueueService.BatchEntryIdsNotDistinct"))
        .await;
    let dotted = json!([{ "Id": "a.b", "MessageBody": "1" }]);
    check(batch, json!({ "Entries": dotted }), name("AWS.SimpleQueueService.InvalidBatchEntryId")).await;
    check(batch, json!({ "Entries": entries(2, mib / 2) }), Ok(())).await;
    let long = name("AWS.SimpleQueueService.BatchRequestTooLong");
    check(batch, json!({ "Entries": entries(2, mib / 2 + 1) }), long).await;
    check(
        "SetQueueAttributes",
        json!({ "Attributes": { "DelaySeconds": "901" } }),
        name("InvalidAttributeValue"),
    )
    .await;
    check("SetQueueAttributes", json!({ "Attributes": { "Colour": "red" } }), name("InvalidAttributeName"))
        .await;
    check("MakeTea", json!({}), name("InvalidAction")).await;
}

#[tokio::test]
async fn queues_are_found_listed_and_described() {
    let sqs = sqs(json!({ "VisibilityTimeout": "7" })).await;
    let missing = "AWS.SimpleQueueService.NonExistentQueue".to_owned();
    assert_eq!(call(&sqs, "GetQueueUrl", json!({ "QueueName": "none" })).await, Err(missing.clone()));
    let send = json!({ "QueueUrl": sqs.queue_url("none"), "MessageBody": "x" });
    assert_eq!(call(&sqs, "SendMessage", send).await, Err(missing));
    let url = call(&sqs, "GetQueueUrl", json!({ "QueueName": "jobs" })).await.unwrap();
    assert_eq!(url["QueueUrl"], sqs.queue_url("jobs"));
    let other = json!({ "QueueName": "jobs", "Attributes": { "VisibilityTimeout": "8" } });
    assert_eq!(call(&sqs, "CreateQueue", other).await, Err("QueueAlreadyExists".to_owned()));
    let listed = call(&sqs, "ListQueues", json!({ "QueueNamePrefix": "jo" })).await.unwrap();
    assert_eq!(listed["QueueUrls"], json!([sqs.queue_url("jobs")]));
    on(&sqs, "jobs", "SendMessage", json!({ "MessageBody": "a" })).await;
    on(&sqs, "jobs", "SendMessage", json!({ "MessageBody": "b", "DelaySeconds": 60 })).await;
    let all = on(&sqs, "jobs", "GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await;
    for (name, value) in [
        ("QueueArn", "arn:aws:sqs:eu-central-1:000000000000:jobs"),
        ("VisibilityTimeout", "7"),
        ("ApproximateNumberOfMessages", "1"),
        ("ApproximateNumberOfMessagesDelayed", "1"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
    ] {
        assert_eq!(all["Attributes"][name], value, "{name}");
    }
    on(&sqs, "jobs", "PurgeQueue", json!({})).await;
    assert_eq!(sqs.counts("jobs"), Counts::default());
}

#[tokio::test]
async fn digests_are_those_of_aws() {
    let sqs = sqs(json!({})).await;
    // The expected digest of the attribute was computed with Python's hashlib, by the rule in the developer guide.
    let attributes = json!({ "kind": { "DataType": "String", "StringValue": "job" } });
    let input = json!({ "MessageBody": "hello", "MessageAttributes": attributes });
    let sent = on(&sqs, "jobs", "SendMessage", input).await;
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let ask = json!({ "MessageAttributeNames": ["All"], "AttributeNames": ["All"] });
    let received = on(&sqs, "jobs", "ReceiveMessage", ask).await;
    let message = &received["Messages"][0];
    assert_eq!(message["MD5OfBody"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(message["MessageAttributes"], attributes);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(sent["MD5OfMessageAttributes"], ATTRIBUTE_DIGEST);
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
}

const ATTRIBUTE_DIGEST: &str = "6329dd32f793560a889738f5a464b196";

#[tokio::test]
async fn faults_happen_as_often_as_requested() {
    let sqs = sqs(json!({})).await;
    let send = json!({ "QueueUrl": sqs.queue_url("jobs"), "MessageBody": "x" });
    let check = async |fault: Fault, expected: &str, effect: usize| {
        let before = sqs.counts("jobs").visible;
        sqs.faults().inject("SendMessage", fault, 1);
        let error = call(&sqs, "SendMessage", send.clone()).await.unwrap_err();
        assert!(error.contains(expected), "{fault:?}: {error}");
        assert_eq!(sqs.counts("jobs").visible - before, effect, "{fault:?}");
        call(&sqs, "SendMessage", send.clone()).await.unwrap();
    };
    check(Fault::Throttled, "RequestThrottled", 0).await;
    check(Fault::Unavailable, "ServiceUnavailable", 0).await;
    check(Fault::Internal, "InternalFailure", 0).await;
    check(Fault::Denied, "AccessDenied", 0).await;
    check(Fault::NoQueue, "NonExistentQueue", 0).await;
    check(Fault::CutBefore, "client error", 0).await;
    check(Fault::CutAfter, "client error", 1).await;
    let before = sqs.counts("jobs").visible;
    sqs.faults().lose(1);
    call(&sqs, "SendMessage", send.clone()).await.unwrap();
    assert_eq!(sqs.counts("jobs").visible, before);
    sqs.faults().fail_entries("SendMessageBatch", 2);
    let answer = on(&sqs, "jobs", "SendMessageBatch", json!({ "Entries": entries(3, 1) })).await;
    assert_eq!(answer["Successful"][0]["Id"], "2");
    assert_eq!(answer["Failed"].as_array().unwrap().len(), 2);
    assert_eq!(answer["Failed"][0]["SenderFault"], false);
    assert_eq!(sqs.requests()["SendMessageBatch"], 1);
}

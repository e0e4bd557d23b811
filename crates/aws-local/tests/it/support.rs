//! A client of the JSON protocol, and the function that the tests run.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use pssp_aws_local::runtime::{Function, Options};
use pssp_aws_local::sqs::Sqs;
use serde_json::{Value, json};

/// A response: status, headers and body.
pub(crate) type Response = hyper::Response<bytes::Bytes>;

/// Sends `request` on a connection of its own.
pub(crate) async fn send(request: hyper::Request<Full<bytes::Bytes>>) -> Result<Response, String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

/// Calls `action` of SQS. The error is the code by which SDKs distinguish errors.
pub(crate) async fn call(sqs: &Sqs, action: &str, input: Value) -> Result<Value, String> {
    let request = hyper::Request::post(sqs.endpoint())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .body(Full::from(input.to_string()))
        .unwrap();
    let response = send(request).await?;
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    if response.status().is_success() {
        return Ok(body);
    }
    assert!(body["__type"].as_str().unwrap().contains('#'), "{body}");
    let code = response.headers()["x-amzn-query-error"].to_str().unwrap();
    Err(code.split(';').next().unwrap().to_owned())
}

/// Like [`call`], for `queue`. The call must succeed.
pub(crate) async fn on(sqs: &Sqs, queue: &str, action: &str, mut input: Value) -> Value {
    input["QueueUrl"] = sqs.queue_url(queue).into();
    call(sqs, action, input).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// A stand-in with the queue `jobs`, which has these attributes, and the dead letter queue `dead`.
pub(crate) async fn sqs(attributes: Value) -> Sqs {
    let sqs = Sqs::start(Default::default()).await.unwrap();
    sqs.create_queue("dead", json!({})).await.unwrap();
    sqs.create_queue("jobs", attributes).await.unwrap();
    sqs
}

/// The redrive policy that moves messages to `dead` after `receives` receives.
pub(crate) fn redrive(receives: u32) -> String {
    let arn = "arn:aws:sqs:eu-central-1:000000000000:dead";
    json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives }).to_string()
}

/// The options for `function.py`.
pub(crate) fn options() -> Options {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/function.py");
    Options { args: vec![script.into()], ..Options::new("fixture", "python3") }
}

/// A function that runs `function.py`.
pub(crate) fn function() -> Function {
    Function::new(options())
}

/// Waits until `is_so` returns true.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

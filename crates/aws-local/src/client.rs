//! A small client for the JSON protocols of SQS and DynamoDB. It signs nothing and is for loopback only.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A header in the form of a signature. Some stand-ins require one and do not check it.
const DUMMY_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/local/aws4_request, \
                         SignedHeaders=host, Signature=0";

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer arrived.
    #[error("no answer from {endpoint}: {reason}")]
    Unreachable { endpoint: String, reason: String },
    /// The service refused the request, with the name of the error and its message.
    #[error("{kind}: {message}")]
    Refused { kind: String, message: String },
}

/// A client of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct JsonClient {
    endpoint: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl JsonClient {
    pub(crate) fn new(endpoint: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), http }
    }

    /// Calls `target` (`AmazonSQS.SendMessage`) with `input`.
    pub(crate) async fn call(&self, target: &str, input: &Value) -> Result<Value, CallError> {
        let unreachable = |reason: String| CallError::Unreachable { endpoint: self.endpoint.clone(), reason };
        let request = hyper::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", DUMMY_SIGNATURE)
            .body(Full::from(input.to_string()))
            .map_err(|error| unreachable(error.to_string()))?;
        let response = self.http.request(request).await.map_err(|error| unreachable(error.to_string()))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| unreachable(error.to_string()))?;
        let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let kind = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        Err(CallError::Refused { kind: kind.to_owned(), message: message.to_owned() })
    }
}

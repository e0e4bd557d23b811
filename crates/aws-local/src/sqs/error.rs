//! Errors of SQS in the format of its JSON protocol.

use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error with its two names for SDKs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqsError {
    status: u16,
    /// Name of the shape, in `__type`.
    shape: &'static str,
    /// The older code of the query protocol. SDKs still distinguish errors by it.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl SqsError {
    /// The error in the list below that has this code.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let known = ERRORS.iter().find(|known| known.2 == code);
        let (status, shape, _) = *known.unwrap_or(&(400, "com.amazonaws.sqs#InvalidParameterValue", code));
        Self { status, shape, code, message: message.into() }
    }

    pub(crate) fn invalid(parameter: &str, value: impl std::fmt::Display, reason: &str) -> Self {
        let message = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}."))
    }

    pub(crate) fn no_queue() -> Self {
        Self::new(NO_QUEUE, "The specified queue does not exist.")
    }

    /// Whether the caller caused the error.
    pub(crate) fn is_senders_fault(&self) -> bool {
        self.status < 500
    }
}

/// The code of the error that a queue does not exist.
pub(crate) const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

/// Status, shape and code of each error, from the model of the service and its query compatibility.
const ERRORS: &[(u16, &str, &str)] = &[
    (400, "com.amazonaws.sqs#QueueDoesNotExist", NO_QUEUE),
    (400, "com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
    (400, "com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
    (404, "com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    (400, "com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents"),
    (400, "com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName"),
    (400, "com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue"),
    (400, "com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    (
        400,
        "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    ),
    (400, "com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    (400, "com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    (400, "com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
    (400, "com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
    (403, "com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
    (403, "com.amazonaws.sqs#OverLimit", "OverLimit"),
    (403, "com.amazonaws.sqs#RequestThrottled", "RequestThrottled"),
    (403, "com.amazon.coral.service#AccessDeniedException", "AccessDenied"),
    (400, "com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue"),
    (400, "com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter"),
    (400, "com.amazon.coral.service#UnknownOperationException", "InvalidAction"),
    (400, "com.amazon.coral.service#SerializationException", "MalformedInput"),
    (503, "com.amazon.coral.service#ServiceUnavailableException", "ServiceUnavailable"),
    (500, "com.amazon.coral.service#InternalFailure", "InternalFailure"),
];

impl IntoResponse for SqsError {
    fn into_response(self) -> Response {
        let blame = if self.is_senders_fault() { "Sender" } else { "Receiver" };
        let body = json!({ "__type": self.shape, "message": self.message });
        Response::builder()
            .status(self.status)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amzn-query-error", format!("{};{blame}", self.code))
            .header("x-amzn-requestid", uuid::Uuid::new_v4().to_string())
            .body(body.to_string().into())
            .unwrap_or_default()
    }
}

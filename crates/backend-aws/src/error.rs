//! Errors of AWS as categories of [`StoreError`], with the remedy in the text. No type of the SDK leaves this
//! crate.

use std::{fmt, iter};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use pssp_jobs::StoreError;

/// The subject of a call, for the text of its error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// `table pssp-test in eu-west-1`
    pub(crate) place: &'a str,
    /// The remedy if the subject does not exist.
    pub(crate) missing: &'a str,
}

/// Whether the code means too many requests or a failure of AWS: the same call may succeed later.
pub(crate) fn is_temporary_code(code: &str) -> bool {
    const PASSING: &[&str] = &[
        "ThrottlingException",
        "Throttling",
        "ThrottlingError",
        "ThrottledException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",
        "OverLimit",
        "KmsThrottled",
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionInProgressException",
        "TransactionConflictException",
        "TransactionConflict",
        "ReplicatedWriteConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        // The SDK has corrected its clock from the response, and has tried again.
        "RequestTimeTooSkewed",
        "RequestExpired",
    ];
    PASSING.contains(&code)
}

/// The category of the error of a call.
pub(crate) fn store_error<E, R>(error: SdkError<E, R>, about: About<'_>) -> StoreError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    let place = about.place;
    match &error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let (code, message) = (meta.code().unwrap_or("no code"), meta.message().unwrap_or("no message"));
            of_code(code, message, about)
        }
        // The SDK could not send the call: bad input, or no credentials.
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => of_dispatch(&error, place),
        // This includes a 5xx response whose body is not from the service, such as that of a proxy.
        _ => StoreError::Unavailable(format!("{place}: {}", causes(&error)).into()),
    }
}

/// The category of an error code.
pub(crate) fn of_code(code: &str, message: &str, about: About<'_>) -> StoreError {
    let (About { place, missing }, message) = (about, first_line(message));
    let text = |remedy: &str| format!("{place}: {code}: {}{remedy}", message.trim_end_matches('.')).into();
    if is_temporary_code(code) {
        return StoreError::Unavailable(text(""));
    }
    match code {
        "ResourceNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "com.amazonaws.sqs#QueueDoesNotExist" => StoreError::Refused(text(missing)),
        "AccessDeniedException" | "AccessDenied" | "KmsAccessDenied" | "AuthorizationError" => {
            StoreError::Denied(text(&permission(message)))
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException" => StoreError::Denied(text(
            ": the credentials are not valid here: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             AWS_SESSION_TOKEN, the profile, or the role, and the region",
        )),
        "ItemCollectionSizeLimitExceededException" | "BatchRequestTooLong" => {
            StoreError::TooLarge(format!("{place}: {message}"))
        }
        // Sizes are checked before a call, so the most likely cause is a table without its indexes.
        "ValidationException" => StoreError::Refused(text(
            ": if the table was not made by infra/, create it anew from there, with its indexes",
        )),
        // An error without a code is a failure of the service: the same call may succeed later.
        "no code" => StoreError::Unavailable(text("")),
        _ => StoreError::Refused(text("")),
    }
}

/// The part of AWS' message that may be shown. If a signature is wrong, later lines repeat the signed request
/// with its session token.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    &line[..line.floor_char_boundary(500)]
}

/// `: allow dynamodb:GetItem …`, with the action from AWS' message.
fn permission(message: &str) -> String {
    let action = message.split_once("perform: ").and_then(|(_, rest)| rest.split_whitespace().next());
    match action {
        Some(action) => {
            format!(": allow {action} on it to the role or user of this process (infra/ lists all)")
        }
        None => ": allow the role or user of this process what infra/ lists".to_owned(),
    }
}

/// The category of a call that the SDK could not send.
fn of_dispatch<E>(error: &E, place: &str) -> StoreError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text = causes(error);
    match credentials(error) {
        // The source of the credentials does not respond at the moment, like any server.
        Some(CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_)) => {
            StoreError::Unavailable(format!("{place}: {text}: no credentials can be had now").into())
        }
        Some(_) => StoreError::Refused(
            format!(
                "{place}: {text}: no usable credentials: give the function or pod a role, or set AWS_PROFILE, \
                 or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
            .into(),
        ),
        None => StoreError::Unavailable(
            format!(
                "{place} cannot be reached: {text}: check `region` and `endpoint` of the aws URL, and the network"
            )
            .into(),
        ),
    }
}

/// The error of loading credentials, if it is among the causes.
fn credentials<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CredentialsError> {
    iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// All causes in one line.
fn causes<E: std::error::Error>(error: &E) -> String {
    let text = DisplayErrorContext(error).to_string();
    // After this the SDK repeats the causes in the debug form of Rust.
    match text.rsplit_once(" (") {
        Some((chain, debug)) if debug.ends_with(')') => chain.chars().take(500).collect(),
        _ => text.chars().take(500).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About { place: "table jobs in eu-west-1", missing: ": create it" };

    #[test]
    fn categories() {
        for code in ["ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError"] {
            assert!(of_code(code, "x", ABOUT).is_temporary(), "{code}");
        }
        let denied =
            "User: arn:aws:iam::1:user/x is not authorized to perform: dynamodb:GetItem on resource: y";
        for (code, message, said) in [
            ("AccessDeniedException", denied, "allow dynamodb:GetItem on it"),
            ("AccessDenied", "Access to the resource is denied.", "what infra/ lists"),
            ("ResourceNotFoundException", "Requested resource not found", ": create it"),
            ("QueueDoesNotExist", "no", ": create it"),
            (
                "UnrecognizedClientException",
                "The security token is invalid",
                "the credentials are not valid here",
            ),
            (
                "ValidationException",
                "The table does not have the specified index: by_due",
                "with its indexes",
            ),
        ] {
            let error = of_code(code, message, ABOUT);
            let denied = code.starts_with("AccessDenied") || code.starts_with("UnrecognizedClient");
            assert!(if denied {
                matches!(error, StoreError::Denied(_))
            } else {
                matches!(error, StoreError::Refused(_))
            });
            let text = error.to_string();
            assert!(text.contains(said) && text.starts_with("table jobs in eu-west-1: "), "{text}");
        }
    }

    #[test]
    fn what_aws_repeats_of_a_signed_request_is_not_shown() {
        let message = "The request signature we calculated does not match.\n\nThe Canonical String for this \
                       request should have been\n'POST\n/\nx-amz-security-token:hidden'";
        let text = of_code("InvalidSignatureException", message, ABOUT).to_string();
        assert!(
            text.contains("does not match: the") && text.contains("the credentials are not valid here"),
            "{text}"
        );
        assert!(!text.contains("hidden") && !text.contains('\n'), "{text}");
        assert!(of_code("Odd", &"é".repeat(5000), ABOUT).to_string().len() < 600);
    }

    /// An error of the SDK with an error of loading credentials as its cause.
    #[derive(Debug)]
    struct Around(CredentialsError);

    impl fmt::Display for Around {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("dispatch failure")
        }
    }

    impl std::error::Error for Around {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_credentials_source_that_does_not_respond_is_temporary() {
        let of = |error| of_dispatch(&Around(error), "queue jobs");
        assert!(of(CredentialsError::provider_error("connection refused")).is_temporary());
        assert!(of(CredentialsError::provider_timed_out(std::time::Duration::from_secs(5))).is_temporary());
        for error in
            [CredentialsError::not_loaded("no providers"), CredentialsError::invalid_configuration("a loop")]
        {
            let none = of(error);
            assert!(
                matches!(&none, StoreError::Refused(text) if text.to_string().contains("give the function"))
            );
        }
        let unreachable = of_dispatch(&std::io::Error::other("connection refused"), "queue jobs");
        assert!(unreachable.is_temporary() && unreachable.to_string().contains("cannot be reached"));
    }
}

//! Makes a [`Failure`] of an error response.

use std::time::Duration;

use pssp_api_types::Fault;
use pssp_common::plain;
use serde::Deserialize;
use ureq::Body;
use ureq::http::{Response, StatusCode, header};

use crate::exit::{Exit, Failure};

/// Limit on the body of an error response, in bytes.
const MAX_BODY: u64 = 1 << 20;

/// Limit on the text that is shown of a response that is not problem details, in characters.
const MAX_SHOWN: usize = 200;

/// The fields of a [`pssp_api_types::Problem`] that are shown. Every field is optional, since a proxy may have written
/// the response.
#[derive(Debug, Default, Deserialize)]
struct Details {
    title: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
}

/// The failure for a response that is not a success.
pub(super) fn failure(mut response: Response<Body>) -> Failure {
    let status = response.status();
    let after = retry_after(&response).as_secs();
    let text = response.body_mut().with_config().limit(MAX_BODY).read_to_string().unwrap_or_default();
    let mut failure = explain(status, &text);
    failure.hint = match failure.exit {
        Exit::Auth => Some("give the key with --api-key or PSSP_API_KEY".to_owned()),
        Exit::Server if after > 0 => Some(format!("try again in {after} s")),
        _ => None,
    };
    failure
}

/// The value of the header `Retry-After`; zero if there is none.
pub(super) fn retry_after(response: &Response<Body>) -> Duration {
    let seconds = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// The exit code for an HTTP status.
fn exit_of(status: StatusCode) -> Exit {
    match status.as_u16() {
        401 | 403 => Exit::Auth,
        404 | 410 => Exit::NotFound,
        400 | 405..=409 | 411..=417 | 422 => Exit::Input,
        _ => Exit::Server,
    }
}

fn explain(status: StatusCode, text: &str) -> Failure {
    let exit = exit_of(status);
    let Ok(problem) = serde_json::from_str::<serde_json::Value>(text) else {
        let shown: String = plain(text.trim()).chars().take(MAX_SHOWN).collect();
        return Failure::new(exit, format!("the service answered {status}: {shown}"));
    };
    let details = Details::deserialize(&problem).unwrap_or_default();
    let title = details.title.unwrap_or_else(|| status.to_string());
    let detail = details.detail.filter(|detail| !repeats(detail, &details.errors));
    let message = match detail {
        Some(detail) => format!("{} ({}): {}", plain(&title), status.as_u16(), plain(&detail)),
        None => format!("{} ({})", plain(&title), status.as_u16()),
    };
    Failure { faults: details.errors, problem: Some(problem), ..Failure::new(exit, message) }
}

/// Whether the detail only repeats the first error with its place and hint.
fn repeats(detail: &str, errors: &[Fault]) -> bool {
    errors.first().is_some_and(|first| detail.starts_with(&first.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, exit: Exit, message: &str) {
        let failure = explain(StatusCode::from_u16(status).unwrap(), body);
        assert_eq!((failure.exit, failure.to_string().as_str()), (exit, message));
    }

    #[test]
    fn problem_details_are_shown_with_places() {
        let body = r#"{"title":"Not a protein sequence","status":422,"detail":"line 1, column 4: '?' is odd; remove it",
            "errors":[{"code":"x","detail":"'?' is odd","line":1,"column":4,"hint":"remove it"}]}"#;
        check(
            422,
            body,
            Exit::Input,
            "Not a protein sequence (422)\n  line 1, column 4: '?' is odd; remove it",
        );
        check(
            404,
            r#"{"title":"No such thing","detail":"no job"}"#,
            Exit::NotFound,
            "No such thing (404): no job",
        );
    }

    #[test]
    fn other_error_bodies_are_quoted_briefly_and_without_escapes() {
        let body = format!("\x1b[31m{}", "x".repeat(1000));
        let failure = explain(StatusCode::BAD_GATEWAY, &body);
        assert_eq!(failure.exit, Exit::Server);
        assert!(failure.message.len() < 300 && !failure.message.contains('\x1b'), "{failure}");
    }
}

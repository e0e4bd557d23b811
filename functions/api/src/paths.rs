//! Paths: recognizes those of the v1 API, and removes extra slashes.

use axum::extract::Request;
use http::Uri;

/// Whether a path belongs to the v1 API, whose errors are JSON.
pub(crate) fn is_v1(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// Removes doubled slashes and slashes at the end, so that the path matches its route. Clients that join a base
/// URL and a path often send such paths.
pub(crate) fn without_extra_slashes(mut request: Request) -> Request {
    if let Some(uri) = shorter(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The URI without extra slashes, if it has any.
fn shorter(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path.len() < 2 || !path.ends_with('/')) {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("/{}{query}", segments.join("/")).parse().ok();
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_slashes_are_removed() {
        for (given, expected) in [
            ("/", None),
            ("/v1/jobs", None),
            ("/v1/jobs?next=//a/", None),
            ("/v1/jobs/", Some("/v1/jobs")),
            ("//", Some("/")),
            ("//v1///jobs//x/?a=//b/", Some("/v1/jobs/x?a=//b/")),
            ("http://a.example//run/", Some("http://a.example/run")),
            ("/v1/jobs/%2F/", Some("/v1/jobs/%2F")),
        ] {
            let shorter = shorter(&given.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(shorter.as_deref(), expected, "{given}");
        }
    }
}

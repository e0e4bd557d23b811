//! Paths: recognizes those of the v1 API, removes extra slashes, and tells how links of pages begin.

use axum::extract::Request;
use http::{Extensions, Uri};

/// Whether a path belongs to the v1 API, whose errors are JSON.
pub(crate) fn is_v1(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// How many folders the path of a request is below the root, as the client wrote it. Links of pages begin with so
/// many `../`, so that they also work behind a proxy that removes a prefix and does not tell.
#[derive(Debug, Clone, Copy)]
struct Folders(usize);

/// The beginning of the links of a page that answers a request with these extensions. `prefix` is what the client has
/// to write before the paths of the API, as far as it is known.
pub(crate) fn root_of_links(extensions: &Extensions, prefix: &str) -> String {
    let Folders(folders) = extensions.get().copied().unwrap_or(Folders(0));
    match prefix {
        "" => "../".repeat(folders),
        known => format!("{known}/"),
    }
}

/// Removes doubled slashes and slashes at the end, so that the path matches its route. Clients that join a base
/// URL and a path often send such paths.
pub(crate) fn without_extra_slashes(mut request: Request) -> Request {
    let slashes = request.uri().path().matches('/').count();
    request.extensions_mut().insert(Folders(slashes.saturating_sub(1)));
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

//! `/openapi.json`: the description of this interface.

use http::header;

pub(super) async fn read() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], crate::OPENAPI)
}

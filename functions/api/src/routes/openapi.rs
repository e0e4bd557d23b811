//! `/openapi.json`: the description of this interface.

use http::header;

pub(super) async fn read() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], crate::OPENAPI)
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use utoipa::openapi::ObjectBuilder;

    use crate::operation::{Answer, Operation};

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        let document = ObjectBuilder::new();
        o.id("readOpenapi", "service", "This description")
            .answer(200, Answer::new("OpenAPI 3.1").content("application/json", document))
    }
}

//! The list of the kinds of problem, with types, titles and statuses.

use http::StatusCode;

macro_rules! kinds {
    ($($name:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        /// The kind of a problem. It determines type, title and status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($name),* }

        impl Kind {
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            pub(super) const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

kinds! {
    Unparsable = BAD_REQUEST, "unparsable", "The request cannot be read";
    Unauthorized = UNAUTHORIZED, "unauthorized", "No valid key";
    Forbidden = FORBIDDEN, "forbidden", "Not allowed here";
    NotFound = NOT_FOUND, "not-found", "No such thing";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "Not with this verb";
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "No format fits the Accept header";
    SlowBody = REQUEST_TIMEOUT, "slow-body", "The body did not arrive";
    NotReady = CONFLICT, "not-ready", "Not ready yet";
    NoResult = CONFLICT, "no-result", "The job has no result";
    Conflict = CONFLICT, "conflict", "Not in this state";
    Expired = GONE, "expired", "It was here, and its time is over";
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "Over a limit";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unknown form of body";
    InvalidInput = UNPROCESSABLE_ENTITY, "invalid-input", "Not a protein sequence";
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "Too much for one caller";
    KeyReused = UNPROCESSABLE_ENTITY, "key-reused", "The idempotency key belongs to another request";
    Internal = INTERNAL_SERVER_ERROR, "internal", "A fault of the service";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The service cannot do it now";
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too much to do";
    Maintenance = SERVICE_UNAVAILABLE, "maintenance", "No new jobs during maintenance";
    StorageFull = SERVICE_UNAVAILABLE, "storage-full", "No room for new jobs";
    Timeout = SERVICE_UNAVAILABLE, "timeout", "It took too long";
}

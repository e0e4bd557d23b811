//! HTTP requests to a pssp service. Each request is sent once, and its answer is returned whatever its status. Callers
//! add retries, and turn error responses into errors, themselves.

mod http;
mod request;
mod sse;

pub use http::{BadUrl, HttpClient};
pub use request::ApiRequest;
pub use sse::{Event, Events};

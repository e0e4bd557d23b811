//! HTTP requests to a pssp service: one try each, answers of any status as they come. Whoever wants retries, or errors
//! instead of answers that say no, builds them on top.

mod http;
mod request;
mod sse;

pub use http::{BadUrl, HttpClient};
pub use request::ApiRequest;
pub use sse::{Event, Events};

//! The routes of a process without an API: `/healthz`, `/readyz` and `/metrics`.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::liveness::Liveness;
use crate::telemetry::Metrics;

/// The process is alive if the loop has polled within this time. It is longer than a poll with its time-out and the
/// longest pause after an error.
const ALIVE_LIMIT: Duration = Duration::from_secs(90);

/// The process is ready if a poll was answered within this time. It is as long as three polls of an idle queue.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// The routes. Once `shutdown` is cancelled, the process is not ready.
pub fn router(liveness: Liveness, metrics: Metrics, shutdown: CancellationToken) -> Router {
    let alive = liveness.clone();
    Router::new()
        .route("/healthz", get(async move || verdict(alive.is_alive(ALIVE_LIMIT), "the poll loop hangs\n")))
        .route(
            "/readyz",
            get(async move || match shutdown.is_cancelled() {
                true => verdict(false, "shutting down\n"),
                false => verdict(liveness.is_ready(READY_LIMIT), "the queue does not answer\n"),
            }),
        )
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())),
        )
}

fn verdict(good: bool, otherwise: &'static str) -> impl IntoResponse {
    if good { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, otherwise) }
}

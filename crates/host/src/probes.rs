//! What a process without an API answers about itself: `/healthz`, `/readyz` and `/metrics`.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::liveness::Liveness;
use crate::telemetry::Metrics;

/// Longer than a poll may last, with its own time-out and the longest pause after an error.
const ALIVE: Duration = Duration::from_secs(90);

/// Three polls of an idle queue.
const READY: Duration = Duration::from_mins(1);

/// The routes. Not ready from the moment that `shutdown` is cancelled.
pub fn router(liveness: Liveness, metrics: Metrics, shutdown: CancellationToken) -> Router {
    let alive = liveness.clone();
    Router::new()
        .route("/healthz", get(async move || verdict(alive.is_alive(ALIVE), "the poll loop hangs\n")))
        .route(
            "/readyz",
            get(async move || match shutdown.is_cancelled() {
                true => verdict(false, "shutting down\n"),
                false => verdict(liveness.is_ready(READY), "the queue does not answer\n"),
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

//! `/healthz`, `/readyz`, `/metrics`: for the operator of the service.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use pssp_jobs::StoreError;

use super::no_route;
use crate::app::Ctx;
use crate::depth::{STORE_TIMEOUT, depth};
use crate::problem::{Kind, Problem};

/// The process answers. `/readyz` says whether the store also answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The process can handle requests: the store accepts writes or is full, and the process is not shutting down.
pub(super) async fn ready(State(ctx): State<Ctx>) -> Result<&'static str, Problem> {
    let not_ready = |why| Problem::new(Kind::Unavailable, why).with_retry_after(Duration::from_secs(5));
    if ctx.is_draining() {
        return Err(not_ready("shutting down"));
    }
    ctx.ready.get(store_answers(&ctx)).await.map_err(not_ready)?;
    Ok("ready\n")
}

/// Whether the store accepts writes, and if not, why.
async fn store_answers(ctx: &Ctx) -> Result<(), &'static str> {
    match tokio::time::timeout(STORE_TIMEOUT, ctx.jobs().ping()).await {
        // A full store is readable, and its jobs finish.
        Ok(Ok(()) | Err(StoreError::Full(_))) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            Err("the store does not answer")
        }
        Err(_) => Err("the store does not answer in time"),
    }
}

/// The metrics, unless they have an address of their own.
pub(super) async fn metrics_here(State(ctx): State<Ctx>) -> Response {
    match ctx.config().has_metrics {
        true => metrics(State(ctx)).await.into_response(),
        false => no_route().await.into_response(),
    }
}

/// The metrics as Prometheus text.
pub(super) async fn metrics(State(ctx): State<Ctx>) -> ([(header::HeaderName, &'static str); 1], String) {
    if let Some(depth) = depth(&ctx).await {
        gauge("submitted", depth.submitted);
        gauge("running", depth.running);
        gauge("dead", depth.dead);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (ctx.app.metrics)())
}

fn gauge(state: &'static str, count: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a count of jobs")]
    metrics::gauge!("pssp_jobs", "state" => state).set(count as f64);
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use crate::operation::{Answer, Operation};

    pub(in crate::routes) fn alive(o: Operation) -> Operation {
        o.id("healthz", "service", "Whether the process answers").answer(200, Answer::text("ok"))
    }

    pub(in crate::routes) fn ready(o: Operation) -> Operation {
        o.id("readyz", "service", "Whether requests can be dealt with").answer(200, Answer::text("ready"))
    }

    pub(in crate::routes) fn metrics_here(o: Operation) -> Operation {
        o.id("metrics", "service", "Prometheus text").answer(200, Answer::text("metrics"))
    }
}

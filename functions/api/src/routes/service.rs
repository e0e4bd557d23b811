//! `/v1/methods`, `/v1/limits`, `/v1/status`: what runs here, within which limits, and how it is.

use axum::Json;
use axum::extract::State;
use pssp_jobs::Notice;
use pssp_predict::PROPERTIES;
use pssp_predict::format::{FORMATS, SS3_REDUCTION};
use serde_json::{Value, json};

use super::health;
use crate::app::Ctx;
use pssp_predict::name;

pub(super) async fn methods(State(ctx): State<Ctx>) -> Json<Value> {
    let properties: Vec<Value> = PROPERTIES
        .iter()
        .map(|property| {
            let letter = |c: &pssp_predict::property::Class| {
                json!({ "letter": char::from(c.letter), "meaning": c.meaning })
            };
            let alphabet: Vec<Value> = property.alphabet().iter().map(letter).collect();
            json!({ "key": property.key(), "code": property.code(), "title": property.title(), "alphabet": alphabet })
        })
        .collect();
    Json(json!({ "methods": &*ctx.app.methods, "properties": properties, "ss3_reduction": SS3_REDUCTION }))
}

pub(super) async fn limits(State(ctx): State<Ctx>) -> Json<Value> {
    let (config, policy) = (ctx.config(), ctx.jobs().policy());
    let formats: Vec<&str> = FORMATS.iter().map(|f| f.extension()).collect();
    Json(json!({
        "max_residues": config.max_residues,
        "max_batch_records": config.max_batch_records,
        "max_body_bytes": config.max_body_bytes,
        "max_batch_bytes": config.max_batch_bytes,
        "max_name_bytes": name::MAX_BYTES,
        "max_wait_s": config.max_wait.as_secs(),
        "result_ttl_s": policy.ttl.as_secs(),
        "idempotency_key_ttl_s": policy.key_ttl.as_secs(),
        "max_attempts": policy.max_failures,
        "reuse_results": ctx.reused_method().is_some(),
        "formats": formats,
    }))
}

/// Answers even where the store does not: that is what one wants to know then.
pub(super) async fn status(State(ctx): State<Ctx>) -> Json<Value> {
    let depth = health::depth(&ctx).await;
    let notices: Vec<Notice> = ctx.intake.notices.notice(ctx.jobs()).await.into_iter().collect();
    let status = match depth {
        _ if ctx.is_draining() => "draining",
        Some(_) => "ok",
        None => "degraded",
    };
    Json(json!({
        "status": status,
        "version": ctx.app.version,
        "backend": ctx.jobs().backend_name(),
        "now": ctx.jobs().now(),
        "notices": notices,
        "uptime_s": ctx.started.elapsed().as_secs(),
        "queue": depth.map(|d| json!({ "submitted": d.submitted, "running": d.running, "dead": d.dead })),
    }))
}

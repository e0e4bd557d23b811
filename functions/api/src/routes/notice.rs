//! `/v1/admin/notice`: the operator posts the outage notice, or clears it.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use pssp_jobs::Notice;
use serde_json::Value;

use super::single_limit;
use crate::app::Ctx;
use crate::body::Payload;
use crate::problem::{Kind, Problem};

/// Takes the place of any other notice.
pub(super) async fn post(State(ctx): State<Ctx>, request: Request) -> Result<Json<Value>, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let bad = |what: String| Problem::new(Kind::Unparsable, what);
    let notice: Notice = serde_json::from_slice(&payload.bytes).map_err(|e| {
        bad(format!("send a notice as JSON with text, level, from, until, pause_intake: {e}"))
    })?;
    notice.check(ctx.jobs().now()).map_err(|e| bad(e.to_string()))?;
    ctx.intake.notices.post(ctx.jobs(), Some(&notice)).await?;
    let (text, level, paused) = (&notice.text, notice.level.as_str(), notice.pause_intake);
    tracing::info!(level, pause_intake = paused, "notice posted: {text}");
    Ok(Json(serde_json::json!(notice)))
}

/// 204 whether or not there was one.
pub(super) async fn clear(State(ctx): State<Ctx>) -> Result<StatusCode, Problem> {
    ctx.intake.notices.post(ctx.jobs(), None).await?;
    tracing::info!("notice cleared");
    Ok(StatusCode::NO_CONTENT)
}

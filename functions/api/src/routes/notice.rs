//! `/v1/admin/notice`: the operator posts or clears the outage notice.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use pssp_jobs::Notice;

use super::path::single_limit;
use crate::app::Ctx;
use crate::body::Payload;
use crate::problem::{Kind, Problem};

/// Replaces any other notice.
pub(super) async fn post(State(ctx): State<Ctx>, request: Request) -> Result<Json<Notice>, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let bad = |what: String| Problem::new(Kind::Unparsable, what);
    let notice: Notice = serde_json::from_slice(&payload.bytes).map_err(|e| {
        bad(format!("send a notice as JSON with text, level, from, until, pause_intake: {e}"))
    })?;
    notice.check(ctx.jobs().now()).map_err(|e| bad(e.to_string()))?;
    ctx.intake.notices.post(ctx.jobs(), Some(&notice)).await?;
    let (text, level, paused) = (&notice.text, notice.level.as_str(), notice.pause_intake);
    tracing::info!(level, pause_intake = paused, "notice posted: {text}");
    Ok(Json(notice))
}

/// The status is 204 whether or not there was a notice.
pub(super) async fn clear(State(ctx): State<Ctx>) -> Result<StatusCode, Problem> {
    ctx.intake.notices.post(ctx.jobs(), None).await?;
    tracing::info!("notice cleared");
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::schema::Notice;

    use crate::operation::{Answer, Body, Operation};

    pub(in crate::routes) fn post(o: Operation) -> Operation {
        o.id("postNotice", "service", "Post the outage notice, in place of any other")
            .details("With the operator's key. Other processes of the API see it within two seconds.")
            .body(Body::new("", true).of::<Notice>("application/json"))
            .answer(200, Answer::json::<Notice>("posted"))
            .problems([
                (400, "Unparsable"),
                (403, "NoAdmin"),
                (408, "SlowBody"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
            ])
    }

    pub(in crate::routes) fn clear(o: Operation) -> Operation {
        o.id("clearNotice", "service", "Clear the outage notice")
            .answer(204, Answer::new("there is none now"))
            .problem(403, "NoAdmin")
    }
}

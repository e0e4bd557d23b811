//! `/v1/validate`: what would be made of a sequence, without making anything.

use axum::Json;
use axum::extract::{Request, State};
use serde_json::{Value, json};

use super::single_limit;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::Payload;
use crate::input;
use crate::problem::Problem;

/// What a job would be refused for is refused here in the same words.
pub(super) async fn validate(
    State(ctx): State<Ctx>,
    Caller(_): Caller,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let job = input::parse_job(&ctx, payload).await?.job;
    Ok(Json(json!({
        "valid": true,
        "name": job.name,
        "length": job.request.sequence.len(),
        "sequence": job.request.sequence,
        "edits": job.request.edits,
        "warnings": job.warnings,
    })))
}

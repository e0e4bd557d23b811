//! `/v1/validate`: checks a sequence and shows its edits, without making a job.

use axum::Json;
use axum::extract::{Request, State};
use pssp_api_types::Validated;
use pssp_jobs::service::NewJob;

use super::path::single_limit;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::Payload;
use crate::input;
use crate::problem::Problem;

/// Refuses a sequence with the same error as the submission of a job.
pub(super) async fn validate(
    State(ctx): State<Ctx>,
    _: Caller,
    request: Request,
) -> Result<Json<Validated>, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let NewJob { name, request, warnings } = input::parse_job(&ctx, payload).await?.job;
    Ok(Json(Validated {
        valid: true,
        name,
        length: request.sequence.len(),
        sequence: request.sequence.to_string(),
        edits: request.edits,
        warnings,
    }))
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::Validated;

    use super::super::jobs::describe::one_sequence;
    use crate::operation::{Answer, Operation, text};

    pub(in crate::routes) fn validate(o: Operation) -> Operation {
        o.id("validate", "jobs", "What would be made of a sequence; creates nothing")
            .query("name", "for text bodies; else that of the FASTA header", text())
            .switch("force", "take what looks like nucleotides; a body may say so, too")
            .body(one_sequence())
            .answer(200, Answer::json::<Validated>("the cleaned sequence and every edit made"))
            .problems([
                (400, "Unparsable"),
                (408, "SlowBody"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
                (422, "InvalidInput"),
            ])
    }
}

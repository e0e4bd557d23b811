//! `/v1/validate` and `/v1/batches/validate`: check a sequence, or the records of a batch, without making a job.

use axum::Json;
use axum::extract::{Request, State};
use pssp_api_types::{BatchValidated, RejectedRecord, Validated};
use pssp_jobs::BatchItem;
use pssp_jobs::service::NewJob;

use super::path::{batch_limit, single_limit};
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

/// The most rejected records that are shown.
const MAX_REJECTED: usize = 100;

/// Refuses a batch without a usable record with the same error as its submission.
pub(super) async fn validate_batch(
    State(ctx): State<Ctx>,
    _: Caller,
    request: Request,
) -> Result<Json<BatchValidated>, Problem> {
    let payload = Payload::read(&ctx, request, batch_limit(&ctx)).await?;
    let outline = input::parse_batch(&ctx, payload).await?.batch.outline;
    let total = outline.len();
    let lengths = outline.iter().flatten();
    let (accepted, residues) = (lengths.clone().count(), lengths.sum());
    let rejected = outline.into_iter().enumerate().filter_map(|(index, record)| match record {
        Err(BatchItem::Rejected { name, errors }) => {
            let errors = errors.as_slice().iter().map(Into::into).collect();
            Some(RejectedRecord { index, name, errors })
        }
        Ok(_) | Err(BatchItem::Job(_)) => None,
    });
    let rejected = rejected.take(MAX_REJECTED).collect();
    Ok(Json(BatchValidated { valid: accepted == total, total, accepted, residues, rejected }))
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{BatchValidated, Validated};

    use super::super::batches::describe::many_sequences;
    use super::super::jobs::describe::one_sequence;
    use super::MAX_REJECTED;
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

    pub(in crate::routes) fn validate_batch(o: Operation) -> Operation {
        let answer =
            format!("what would become of the records, with the first {MAX_REJECTED} that would be rejected");
        o.id("validateBatch", "batches", "What would become of the records of a batch; creates nothing")
            .switch("force", "take what looks like nucleotides")
            .body(many_sequences())
            .answer(200, Answer::json::<BatchValidated>(&answer))
            .problems([
                (400, "Unparsable"),
                (408, "SlowBody"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
                (422, "InvalidInput"),
            ])
    }
}

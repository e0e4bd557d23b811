//! The classic API at the root, with the texts and JSON fields that old clients know.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::request::Parts;
use http::{HeaderValue, header};
use pssp_api_types::{ClassicImage, ClassicJob, ClassicResult, ClassicRow};
use pssp_jobs::service::JobsError;
use pssp_jobs::{Include, Job, JobId, ListQuery, Notice, Owner, Record, State as JobState, Timestamp};
use pssp_predict::plot;

use super::pages::home;
use super::path::single_limit;
use crate::accept;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::body::{Media, Payload};
use crate::input::{self, Fields};
use crate::layers::Made;
use crate::problem::{Kind, Problem, echo};
use crate::render::{Finished, classic_header};
use crate::view;

/// Jobs that are read from the store at a time.
const PAGE_SIZE: usize = 100;

const INDEX: &str = "\
pssp: per-residue properties of proteins, predicted from the sequence

Try these routes
  GET    /                how to use this
  GET    /run             how to submit a sequence
  POST   /run             submit a sequence (form field seq)
  GET    /jobs            your jobs
  GET    /jobs/<uuid>     one job, with its result once it is finished
  GET    /download/<uuid> the amino acid frequencies as a PNG
  GET    /delete          how to delete a job
  DELETE /delete          delete a job (form field jobid)

More is under /v1: batches, waiting, events, formats. /openapi.json describes all of it.
";

const RUN: &str = "\
POSTing sequences to run a prediction: send the sequence in the form field seq

  curl -X POST -d \"seq=TESTTESTTEST\" http://localhost:5000/run

The answer tells the job's id; GET /jobs/<uuid> has the result.
";

const DELETE: &str = "\
DELETE-ing former jobs: send the id in the form field jobid

  curl -X DELETE -d \"jobid=<uuid>\" http://localhost:5000/delete

jobid=ALL deletes all of them where the operator allows it.
";

/// Browsers get the page with the form, everybody else the text.
pub(super) async fn index(State(ctx): State<Ctx>, parts: Parts) -> Result<Response, Problem> {
    let mut response = match accept::wants_page(&parts.headers) {
        true => home::show(&ctx, &parts).await?,
        false => {
            let notice = ctx.intake.notices.notice(ctx.jobs()).await;
            (notice.as_ref().map(announce).unwrap_or_default() + INDEX).into_response()
        }
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn announce(notice: &Notice) -> String {
    let time = |what: &str, at: Option<Timestamp>| at.map(|at| format!(" {what} {at}")).unwrap_or_default();
    let span = time("from", notice.from) + &time("until", notice.until);
    let paused = if notice.pause_intake { "\nNo new jobs are taken meanwhile." } else { "" };
    format!("NOTICE ({}{span}): {}{paused}\n\n", notice.level.as_str(), notice.text)
}

pub(super) async fn how_to_run() -> &'static str {
    RUN
}

pub(super) async fn how_to_delete() -> &'static str {
    DELETE
}

pub(super) async fn run(
    State(ctx): State<Ctx>,
    caller: Caller,
    request: Request,
) -> Result<(Extension<Made>, String), Problem> {
    ctx.intake.admit(ctx.jobs()).await?;
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let parsed = input::parse_job(&ctx, payload).await.map_err(Problem::classic)?;
    caller.count_jobs(1)?;
    let accepted = ctx.jobs().submit(&caller.owner, parsed.job, ctx.config().classic_delay, None).await?;
    metrics::counter!("pssp_jobs_submitted_total", "by" => "classic").increment(1);
    let job = accepted.value;
    let changes = job.head.warnings.iter().filter(|warning| warning.code.changes_prediction());
    let warnings: String = changes.map(|warning| format!("Warning: {warning}\n")).collect();
    let text = format!("Job {} submitted to the queue\n{warnings}", job.id());
    Ok((Extension(Made(job.id().to_string())), text))
}

pub(super) async fn list(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
) -> Result<Json<BTreeMap<String, ClassicRow>>, Problem> {
    let jobs = newest(&ctx, &owner, ctx.config().classic_list).await?;
    let row = |job: &Job| {
        let datetime = job.head.created_at.classic();
        (job.id().to_string(), ClassicRow { datetime, status: job.state().into() })
    };
    Ok(Json(jobs.iter().map(row).collect()))
}

async fn newest(ctx: &Ctx, owner: &Owner, most: usize) -> Result<Vec<Job>, Problem> {
    let mut found = Vec::new();
    let mut before = None;
    while found.len() < most {
        let limit = PAGE_SIZE.min(most - found.len());
        let page = ctx.jobs().list(&ListQuery { owner: owner.clone(), state: None, before, limit }).await?;
        found.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn read(
    State(ctx): State<Ctx>,
    Caller { owner, client, .. }: Caller,
    id: ClassicId,
) -> Result<Json<ClassicJob>, Problem> {
    let Some(record) = find(&ctx, &owner, id.job, Include::ALL).await? else {
        return Ok(Json(ClassicJob::default()));
    };
    let job = &record.job;
    let mut body = ClassicJob {
        datetime: Some(job.head.created_at.classic()),
        status: Some(job.state().into()),
        input: record.request.as_ref().map(|request| request.input.clone()),
        ..ClassicJob::default()
    };
    match job.state() {
        JobState::Finished => {
            body.result = Some(result(&Finished::of(&ctx, &client, record).await?));
            body.image = Some(ClassicImage::Ready);
        }
        JobState::Failed => body.error = view::failure(&job.status).map(|e| e.detail.clone()),
        JobState::Cancelled => body.error = Some("cancelled".to_owned()),
        JobState::Submitted | JobState::Running => {}
    }
    Ok(Json(body))
}

fn result(finished: &Finished) -> ClassicResult {
    let labels = |track: &pssp_predict::Track| (track.property.code().to_owned(), track.text().to_owned());
    ClassicResult {
        header: format!(">{}", classic_header(finished.job.id())),
        sequence: finished.request.sequence.to_string(),
        labels: finished.prediction.tracks().iter().map(labels).collect(),
    }
}

/// The id in a path. Any text is accepted, because old clients do not expect an error for it.
pub(super) struct ClassicId {
    /// The id as repeated in an error.
    shown: String,
    /// `None` if the text is not a UUID, so that there is no such job.
    job: Option<JobId>,
}

impl<S: Send + Sync> FromRequestParts<S> for ClassicId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // axum rejects a path that is not UTF-8 after decoding.
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.map_or_else(|_| String::new(), |Path(id)| id);
        Ok(Self { job: id.parse().ok(), shown: echo(&id) })
    }
}

/// The job with the parts in `include`, or `None` if there is no job with this id.
async fn find(
    ctx: &Ctx,
    owner: &Owner,
    id: Option<JobId>,
    include: Include,
) -> Result<Option<Record>, Problem> {
    let Some(id) = id else { return Ok(None) };
    match ctx.jobs().find_with(owner, id, include).await {
        Ok(record) => Ok(Some(record)),
        Err(JobsError::NotFound | JobsError::Expired(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn download(
    State(ctx): State<Ctx>,
    Caller { owner, client, .. }: Caller,
    id: ClassicId,
) -> Result<Response, Problem> {
    let no_image = |why: &str| Problem::new(Kind::NotFound, format!("no image for job {}: {why}", id.shown));
    let Some(record) = find(&ctx, &owner, id.job, Include::REQUEST).await? else {
        return Err(no_image("there is no job of yours with this id"));
    };
    match record.job.state() {
        JobState::Finished => {}
        JobState::Submitted | JobState::Running => return Err(no_image("it is not finished")),
        JobState::Failed => return Err(no_image("it failed")),
        JobState::Cancelled => return Err(no_image("it was cancelled")),
    }
    let id = record.job.id();
    let request = record.request.ok_or_else(Problem::no_job)?;
    let image = ctx.cpu.run(&client, move || plot::png(&plot::composition_svg(&request.sequence))).await?;
    let image = image.map_err(|e| Problem::internal(&e))?;
    let disposition = format!("attachment; filename={id}.png");
    Ok(([(header::CONTENT_TYPE, "image/png".to_owned()), (header::CONTENT_DISPOSITION, disposition)], image)
        .into_response())
}

pub(super) async fn delete(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    request: Request,
) -> Result<String, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let id = job_id(&ctx, payload).await?;
    if id == "ALL" {
        delete_all(&ctx, &owner).await?;
    } else if let Ok(id) = id.parse::<JobId>() {
        ctx.jobs().delete(&owner, id).await?;
    }
    Ok(format!("Job {} deleted\n", echo(&id)))
}

/// The job id from the form, else from the query, because some clients send no body with DELETE.
async fn job_id(ctx: &Ctx, payload: Payload) -> Result<String, Problem> {
    let query: Fields = input::query(&payload.parts)?;
    let form = match payload.media {
        Media::Form | Media::Multipart => input::parse_form(ctx, payload).await?.fields.text("jobid")?,
        Media::Json | Media::Text => None,
    };
    let id = form.map_or_else(|| query.text("jobid"), |id| Ok(Some(id)))?;
    id.map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Problem::new(Kind::Unparsable, "the form has no field jobid"))
}

async fn delete_all(ctx: &Ctx, owner: &Owner) -> Result<(), Problem> {
    if !ctx.config().allow_delete_all {
        return Err(Problem::new(Kind::Forbidden, "deleting all jobs is not allowed on this service"));
    }
    let mut before = None;
    loop {
        let query = ListQuery { owner: owner.clone(), state: None, before, limit: PAGE_SIZE };
        let page = ctx.jobs().list(&query).await?;
        for job in page.items {
            ctx.jobs().delete(owner, job.id()).await?;
        }
        before = page.next;
        if before.is_none() {
            return Ok(());
        }
    }
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{ClassicDeletion, ClassicJob, ClassicRow, Form};

    use crate::operation::{Answer, Body, Operation, text};

    pub(in crate::routes) fn index(o: Operation) -> Operation {
        o.id("index", "classic", "How to use the service").answer(
            200,
            Answer::text("text with a line `Try these routes`; a page where Accept names text/html"),
        )
    }

    pub(in crate::routes) fn how_to_run(o: Operation) -> Operation {
        o.id("howToRun", "classic", "How to submit").answer(200, Answer::text("text with a curl line"))
    }

    pub(in crate::routes) fn run(o: Operation) -> Operation {
        o.id("run", "classic", "Submit a sequence")
            .details("The job may start one second later (a setting), so that old clients see it submitted.")
            .switch("force", "take what looks like nucleotides; the form may say so, too")
            .body(Body::new("", true).form::<Form>())
            .answer(200, Answer::text("`Job <uuid> submitted to the queue`"))
            .answer(400, Answer::text("missing field, or why it is no protein sequence"))
            .answer(408, Answer::text("the body did not arrive"))
            .answer(413, Answer::text("over a limit"))
            .answer(415, Answer::text("unknown form of body"))
    }

    pub(in crate::routes) fn list(o: Operation) -> Operation {
        o.id("classicJobs", "classic", "Your jobs (the newest 1,000)")
            .answer(200, Answer::map::<ClassicRow>("jobs by id"))
    }

    pub(in crate::routes) fn read(o: Operation) -> Operation {
        o.id("classicJob", "classic", "One job; `{}` if there is none")
            .answer(200, Answer::json::<ClassicJob>("the job, with its result once it is finished"))
    }

    pub(in crate::routes) fn download(o: Operation) -> Operation {
        o.id("download", "classic", "Amino acid frequencies as a bar chart")
            .answer(200, Answer::bytes("640x480 PNG", "image/png").headers(["Content-Disposition"]))
            .answer(404, Answer::text("no such job, or not finished"))
    }

    pub(in crate::routes) fn how_to_delete(o: Operation) -> Operation {
        o.id("howToDelete", "classic", "How to delete").answer(200, Answer::text("text"))
    }

    pub(in crate::routes) fn delete(o: Operation) -> Operation {
        o.id("classicDelete", "classic", "Delete a job, or all of yours where that is allowed")
            .query("jobid", "instead of the form field", text())
            .body(Body::new("", false).of::<ClassicDeletion>("application/x-www-form-urlencoded"))
            .answer(200, Answer::text("`Job <id> deleted`, also for an unknown id"))
            .answer(400, Answer::text("no jobid"))
            .answer(403, Answer::text("ALL is not allowed here"))
            .answer(408, Answer::text("the body did not arrive"))
            .answer(413, Answer::text("over a limit"))
            .answer(415, Answer::text("unknown form of body"))
    }
}

//! `/batches/{id}`: the progress of a batch, and a table with a row for each record.

use axum::extract::State;
use axum::response::Response;
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use http::request::Parts;
use pssp_jobs::{Batch, BatchItem, Job, JobId, State as JobState};
use pssp_page::{BatchPage, DeletePage, Filter, Outcome, Row, Sort, Target, strip};
use pssp_predict::Prediction;

use super::refresh;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::bounds::Client;
use crate::input;
use crate::page::{self, Root};
use crate::problem::{Kind, Problem};
use crate::routes::batches::count;
use crate::routes::path::BatchPath;
use crate::view;

/// Rows on a page.
const PAGE: usize = 50;

/// Jobs that are read from the store at a time.
const CHUNK: usize = 500;

/// Results that are read at a time, for the pictures of the rows.
const READ_AHEAD: usize = 8;

pub(in crate::routes) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    BatchPath(id): BatchPath,
    root: Root,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let filter = query.parsed("show", "all, finished, open or without")?.unwrap_or_default();
    let sort = query.parsed("sort", "input, name or length")?.unwrap_or_default();
    let from: usize = query.parsed("from", "the number of a row")?.unwrap_or(1).max(1);
    let (looks, refresh) = refresh(&query)?;
    let batch = ctx.jobs().batch(&caller.owner, id).await?;
    let counts = count(&ctx, &batch).await?;
    let (mut rows, from, matching) = rows(&ctx, &batch, filter, sort, from).await?;
    draw(&ctx, &caller.client, &mut rows).await?;
    let frame = page::frame(&ctx, root).await;
    let html = BatchPage {
        frame: &frame,
        batch: &batch,
        finished: counts.finished,
        open: counts.submitted + counts.running,
        without: counts.failed + counts.cancelled + counts.gone + counts.rejected,
        rows,
        filter,
        sort,
        from,
        matching,
        page: PAGE,
        refresh,
        looks,
        readers: page::readers(&ctx, &caller),
        is_owner: page::is_owner(&caller, &batch.owner),
    }
    .html();
    Ok(page::respond(&parts.headers, StatusCode::OK, html))
}

/// The rows of one page, without pictures, with the number of the first one and of all rows that fit the filter. A page
/// behind the end is the first page. Only where rows are filtered or sorted all jobs are read.
async fn rows(
    ctx: &Ctx,
    batch: &Batch,
    filter: Filter,
    sort: Sort,
    from: usize,
) -> Result<(Vec<Row>, usize, usize), Problem> {
    let items: Vec<(usize, &BatchItem)> = batch.items.iter().enumerate().collect();
    if (filter, sort) == (Filter::All, Sort::Input) {
        let from = if from > items.len() { 1 } else { from };
        let end = (from - 1 + PAGE).min(items.len());
        return Ok((described(ctx, &items[from - 1..end]).await?, from, items.len()));
    }
    let mut rows = Vec::new();
    for chunk in items.chunks(CHUNK) {
        rows.extend(described(ctx, chunk).await?);
    }
    rows.retain(|row| fits(row, filter));
    match sort {
        Sort::Input => {}
        Sort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::Length => rows.sort_by_key(|row| std::cmp::Reverse(length(row))),
    }
    let matching = rows.len();
    let from = if from > matching { 1 } else { from };
    Ok((rows.into_iter().skip(from - 1).take(PAGE).collect(), from, matching))
}

async fn described(ctx: &Ctx, items: &[(usize, &BatchItem)]) -> Result<Vec<Row>, Problem> {
    let ids: Vec<JobId> = items
        .iter()
        .filter_map(|(_, item)| match item {
            BatchItem::Job(id) => Some(*id),
            BatchItem::Rejected { .. } => None,
        })
        .collect();
    let now = ctx.jobs().now();
    let mut jobs = ctx.jobs().get_many(&ids).await?.into_iter();
    let row = |(index, item): &(usize, &BatchItem)| match item {
        BatchItem::Rejected { name, errors } => Row {
            place: index + 1,
            name: name.clone(),
            outcome: Outcome::Rejected(
                errors.as_slice().iter().map(|e| format!("{}; {}.", e.detail, e.hint)).collect(),
            ),
        },
        BatchItem::Job(_) => {
            let job = jobs.next().flatten().filter(|job| !job.status.is_expired(now));
            Row {
                place: index + 1,
                name: job.as_ref().and_then(|job| job.head.name.clone()),
                outcome: job.as_ref().map_or(Outcome::Gone, outcome),
            }
        }
    };
    Ok(items.iter().map(row).collect())
}

fn outcome(job: &Job) -> Outcome {
    Outcome::Job {
        id: job.id(),
        state: job.state(),
        length: job.head.length,
        error: view::failure(&job.status).map(|failure| failure.detail.clone()),
        strip: None,
    }
}

fn fits(row: &Row, filter: Filter) -> bool {
    let state = match &row.outcome {
        Outcome::Job { state, .. } => Some(*state),
        Outcome::Gone | Outcome::Rejected(_) => None,
    };
    match filter {
        Filter::All => true,
        Filter::Finished => state == Some(JobState::Finished),
        Filter::Open => matches!(state, Some(JobState::Submitted | JobState::Running)),
        Filter::Without => matches!(state, None | Some(JobState::Failed | JobState::Cancelled)),
    }
}

fn length(row: &Row) -> usize {
    match row.outcome {
        Outcome::Job { length, .. } => length,
        Outcome::Gone | Outcome::Rejected(_) => 0,
    }
}

/// Adds the pictures of the finished rows.
async fn draw(ctx: &Ctx, client: &Client, rows: &mut [Row]) -> Result<(), Problem> {
    let finished: Vec<(usize, JobId)> = rows
        .iter()
        .enumerate()
        .filter_map(|(k, row)| match row.outcome {
            Outcome::Job { id, state: JobState::Finished, .. } => Some((k, id)),
            _ => None,
        })
        .collect();
    let mut pictures = stream::iter(finished)
        .map(|(k, id)| async move { Ok::<_, Problem>((k, picture(ctx, client, id).await?)) })
        .buffer_unordered(READ_AHEAD);
    let mut drawn = Vec::new();
    while let Some(picture) = pictures.try_next().await? {
        drawn.push(picture);
    }
    drop(pictures);
    for (k, picture) in drawn {
        match (&mut rows[k].outcome, picture) {
            (Outcome::Job { strip, .. }, Some(picture)) => *strip = Some(picture),
            // It was deleted meanwhile.
            (outcome, _) => *outcome = Outcome::Gone,
        }
    }
    Ok(())
}

async fn picture(ctx: &Ctx, client: &Client, id: JobId) -> Result<Option<String>, Problem> {
    let bytes = match ctx.jobs().result(id).await.map_err(Problem::from) {
        Ok(bytes) => bytes,
        Err(problem) if problem.kind() == Kind::NotFound => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let picture = move || Prediction::decode(&bytes).map(|prediction| strip(&prediction));
    // A stored result that cannot be read is told where it is asked for.
    Ok(ctx.cpu.run(client, picture).await?.ok())
}

pub(in crate::routes) async fn cancel(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    BatchPath(id): BatchPath,
    root: Root,
) -> Result<Response, Problem> {
    ctx.jobs().cancel_batch(&owner, id).await?;
    Ok(page::see_other(&root, &format!("batches/{id}")))
}

pub(in crate::routes) async fn ask_to_delete(
    State(ctx): State<Ctx>,
    caller: Caller,
    BatchPath(id): BatchPath,
    root: Root,
    parts: Parts,
) -> Result<Response, Problem> {
    let batch = ctx.jobs().batch(&caller.owner, id).await?;
    if !page::is_owner(&caller, &batch.owner) {
        return Err(no_batch());
    }
    let frame = page::frame(&ctx, root).await;
    let name = format!("the batch of {}", batch.items.len());
    let html = DeletePage { frame: &frame, target: Target::Batch, id: &id.to_string(), name: &name }.html();
    Ok(page::respond(&parts.headers, StatusCode::OK, html))
}

pub(in crate::routes) async fn delete(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    BatchPath(id): BatchPath,
    root: Root,
) -> Result<Response, Problem> {
    match ctx.jobs().delete_batch(&owner, id).await? {
        true => Ok(page::see_other(&root, "history")),
        false => Err(no_batch()),
    }
}

fn no_batch() -> Problem {
    Problem::new(Kind::NotFound, "no batch of yours has this id")
}

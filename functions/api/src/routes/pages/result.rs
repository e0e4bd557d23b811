//! `/results/{id}`: a job in any state, at one address for life.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use pssp_jobs::{Include, State as JobState};
use pssp_page::{DeletePage, JobPage, ResultPage, Target, Window};

use super::refresh;
use crate::app::Ctx;
use crate::auth::Caller;
use crate::depth::depth;
use crate::input::{self, Fields};
use crate::page::{self, Root};
use crate::problem::Problem;
use crate::render::Finished;
use crate::routes::path::JobPath;

pub(in crate::routes) async fn read(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    root: Root,
    parts: Parts,
) -> Result<Response, Problem> {
    let query = input::query(&parts)?;
    let record = ctx.jobs().find_with(&caller.owner, id, Include::ALL).await?;
    let frame = page::frame(&ctx, root).await;
    let readers = page::readers(&ctx, &caller);
    let is_owner = page::is_owner(&caller, &record.job.head.owner);
    let html = if record.job.state() == JobState::Finished {
        let window = window(&query)?;
        let finished = Finished::of(&ctx, &caller.client, record).await?;
        // A residue takes about as long as 300 bytes of an input.
        let work = finished.prediction.len() * 300;
        let draw = move || {
            let Finished { job, request, prediction, .. } = &finished;
            ResultPage { frame: &frame, job, request, prediction, window, readers, is_owner }.html()
        };
        ctx.cpu.run_if_large(&caller.client, work, draw).await?
    } else {
        let (looks, refresh) = refresh(&query)?;
        let waiting = depth(&ctx).await.map(|depth| depth.submitted);
        let (job, request) = (&record.job, record.request.as_deref());
        JobPage { frame: &frame, job, request, waiting, refresh, looks, readers, is_owner }.html()
    };
    Ok(page::respond(&parts.headers, StatusCode::OK, html))
}

fn window(query: &Fields) -> Result<Window, Problem> {
    if query.switch("all")? {
        return Ok(Window::All);
    }
    let from = query.parsed("from", "the number of a residue")?;
    Ok(from.map_or(Window::First, Window::From))
}

pub(in crate::routes) async fn cancel(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    JobPath(id): JobPath,
    root: Root,
) -> Result<Response, Problem> {
    ctx.jobs().cancel(&owner, id).await?;
    Ok(page::see_other(&root, &format!("results/{id}")))
}

pub(in crate::routes) async fn ask_to_delete(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    root: Root,
    parts: Parts,
) -> Result<Response, Problem> {
    let job = ctx.jobs().find(&caller.owner, id).await?;
    if !page::is_owner(&caller, &job.head.owner) {
        return Err(Problem::no_job());
    }
    let frame = page::frame(&ctx, root).await;
    let text = id.to_string();
    let name = job.head.name.as_deref().unwrap_or(&text);
    let html = DeletePage { frame: &frame, target: Target::Job, id: &text, name }.html();
    Ok(page::respond(&parts.headers, StatusCode::OK, html))
}

pub(in crate::routes) async fn delete(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    JobPath(id): JobPath,
    root: Root,
) -> Result<Response, Problem> {
    match ctx.jobs().delete(&owner, id).await? {
        true => Ok(page::see_other(&root, "history")),
        false => Err(Problem::no_job()),
    }
}

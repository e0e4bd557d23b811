//! `/results/{id}/share`: the link by which others read a result, where callers need keys.

use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pssp_jobs::stored_key::link_key_id;
use pssp_jobs::{Job, Timestamp};
use pssp_page::{Readers, SharePage};

use crate::app::Ctx;
use crate::auth::Caller;
use crate::page::{self, Root};
use crate::problem::Problem;
use crate::routes::path::JobPath;

pub(in crate::routes) async fn ask(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    root: Root,
    parts: Parts,
) -> Result<Response, Problem> {
    let job = ctx.jobs().find(&caller.owner, id).await?;
    check_owner(&ctx, &caller, &job)?;
    let key = ctx.jobs().key(&link_key_id(id)).await?.filter(|key| key.opens(id, ctx.jobs().now()));
    let html = page_of(&ctx, root, &job, Link::Made(key.map(|key| key.created_at))).await;
    Ok(page::respond(&parts.headers, StatusCode::OK, html))
}

/// Shows the new link, which is not stored and so is shown only here.
pub(in crate::routes) async fn make(
    State(ctx): State<Ctx>,
    caller: Caller,
    JobPath(id): JobPath,
    root: Root,
) -> Result<Response, Problem> {
    let job = ctx.jobs().find(&caller.owner, id).await?;
    check_owner(&ctx, &caller, &job)?;
    let (key, secret) = ctx.jobs().create_link(&caller.owner, id).await?;
    ctx.stored_keys.forget(&key.id);
    tracing::info!(job = %id, owner = caller.owner.as_str(), "a link to job {id} was made");
    let link = format!("{}results/{id}?link={secret}", root.0);
    let html = page_of(&ctx, root, &job, Link::New(link, key.terms.expires_at)).await;
    let mut response = page::respond(&HeaderMap::new(), StatusCode::CREATED, html);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Only the owner lends a result, and only where others cannot read it anyway.
fn check_owner(ctx: &Ctx, caller: &Caller, job: &Job) -> Result<(), Problem> {
    let lends = page::readers(ctx, caller) == Readers::Owner && page::is_owner(caller, &job.head.owner);
    lends.then_some(()).ok_or_else(Problem::no_job)
}

/// The link of a job.
enum Link {
    /// It was made just now, and ends then.
    New(String, Option<Timestamp>),
    /// It was made then, or not at all.
    Made(Option<Timestamp>),
}

async fn page_of(ctx: &Ctx, root: Root, job: &Job, link: Link) -> String {
    let frame = page::frame(ctx, root).await;
    let id = job.id().to_string();
    let name = job.head.name.as_deref().unwrap_or(&id);
    let (link, until, made_at) = match link {
        Link::New(link, until) => (Some(link), until, None),
        Link::Made(made_at) => (None, None, made_at),
    };
    SharePage { frame: &frame, id: &id, name, link, until, made_at }.html()
}

pub(in crate::routes) async fn withdraw(
    State(ctx): State<Ctx>,
    Caller { owner, .. }: Caller,
    JobPath(id): JobPath,
    root: Root,
) -> Result<Response, Problem> {
    if ctx.jobs().withdraw_link(&owner, id).await? {
        tracing::info!(job = %id, owner = owner.as_str(), "the link to job {id} was withdrawn");
    }
    ctx.stored_keys.forget(&link_key_id(id));
    Ok(page::see_other(&root, &format!("results/{id}/share")))
}

//! `/` for browsers: the form.

use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use pssp_jobs::{Include, JobId};
use pssp_page::{Entered, Home, Limits, Refusal};
use uuid::Uuid;

use crate::app::Ctx;
use crate::auth;
use crate::config::Anonymous;
use crate::input::{self, Fields};
use crate::page::{self, Root};
use crate::problem::Problem;

/// Shows the form. `?from={id}` fills it with the input of a job of the caller. This route is open, so the caller is
/// identified only for that.
pub(in crate::routes) async fn show(ctx: &Ctx, parts: &Parts) -> Result<Response, Problem> {
    let query = input::query(parts)?;
    let entered = entered(ctx, parts, &query).await?;
    let root = Root::of(&parts.extensions);
    let shows_key = auth::shows_key(&parts.headers);
    let html = form(ctx, root, entered, None, shows_key).await.html();
    Ok(page::respond(&HeaderMap::new(), StatusCode::OK, html))
}

async fn entered(ctx: &Ctx, parts: &Parts, query: &Fields) -> Result<Entered, Problem> {
    let Some(id) = query.parsed::<JobId>("from", "the id of a job")? else { return Ok(Entered::default()) };
    let caller = auth::reader(ctx, parts).await?;
    let record = ctx.jobs().find_with(&caller.owner, id, Include::REQUEST).await?;
    Ok(Entered {
        text: record.request.as_ref().map(|request| request.input.clone()).unwrap_or_default(),
        name: record.job.head.name.unwrap_or_default(),
        force: false,
        fresh: true,
    })
}

/// The form, perhaps with what was entered and why it is refused.
pub(super) async fn form(
    ctx: &Ctx,
    root: Root,
    entered: Entered,
    refusal: Option<Refusal>,
    shows_key: bool,
) -> Home {
    let frame = page::frame(ctx, root).await;
    let config = ctx.config();
    let pause = frame.notice.as_ref().and_then(|notice| notice.pause(frame.now));
    Home {
        limits: Limits { residues: config.max_residues, records: config.max_batch_records },
        entered,
        refusal,
        once: Uuid::new_v4().simple().to_string(),
        paused_s: pause.map(|left| left.map_or(0, |left| left.as_secs() + 1)),
        wants_key: config.anonymous == Anonymous::Refused && !shows_key,
        frame,
    }
}

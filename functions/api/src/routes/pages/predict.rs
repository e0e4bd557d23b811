//! `/predict`: takes the form. One record becomes a job, several become a batch.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, header};
use pssp_common::PeerClosed;
use pssp_jobs::service::{JobsError, Key};
use pssp_jobs::{BatchId, FieldDigest, JobId, Jobs};
use pssp_page::Entered;
use pssp_predict::name;

use super::home;
use crate::app::Ctx;
use crate::auth::{self, Caller};
use crate::body::{Media, Payload};
use crate::gateway::Gateway;
use crate::input::{self, Fields, Form, Parsed};
use crate::layers;
use crate::page::{self, RequestId, Root};
use crate::problem::{Kind, Problem};
use crate::routes::job;
use crate::routes::jobs::gone;
use crate::routes::path::batch_limit;

/// How long the answer waits for the result. Most results are there at once.
const WAIT: Duration = Duration::from_secs(2);

/// The longest text that the form shows again, in bytes. A `<` becomes five bytes of the page.
const MAX_SHOWN: usize = 256 << 10;

/// Answers with 303 to the page of the job or the batch, else with the form, what was entered, and what is wrong.
pub(in crate::routes) async fn submit(
    State(ctx): State<Ctx>,
    caller: Caller,
    root: Root,
    RequestId(request_id): RequestId,
    gateway: Gateway,
    request: Request,
) -> Result<Response, Problem> {
    let shows_key = auth::shows_key(request.headers());
    let peer = PeerClosed::of(request.extensions());
    let form = match read(&ctx, request).await {
        Ok(form) => form,
        Err(problem) => {
            let who = (&caller, shows_key);
            return refuse(&ctx, root, Entered::default(), &problem, request_id, who).await;
        }
    };
    let entered = entered(&form.fields);
    match accept(&ctx, &caller, form).await {
        Ok(Accepted::Job(id)) => {
            let wait = gateway.cap(WAIT);
            // An error of the wait does not matter: the page of the job tells it.
            let _ = job::awaited(&ctx, &caller, &peer, id, Some(wait)).await;
            Ok(made(page::see_other(&root, &format!("results/{id}?sent")), id.to_string()))
        }
        Ok(Accepted::Batch(id)) => {
            Ok(made(page::see_other(&root, &format!("batches/{id}?sent")), id.to_string()))
        }
        Err(problem) => refuse(&ctx, root, entered, &problem, request_id, (&caller, shows_key)).await,
    }
}

/// Tells the log what the form made.
fn made(mut answer: Response, id: String) -> Response {
    answer.extensions_mut().insert(layers::Made(id));
    answer
}

async fn read(ctx: &Ctx, request: Request) -> Result<Form, Problem> {
    let payload = Payload::read(ctx, request, batch_limit(ctx)).await?;
    match payload.media {
        Media::Form | Media::Multipart => input::parse_form(ctx, payload).await,
        Media::Json | Media::Text => {
            let detail = "this route takes the form of the page; programs use /v1/jobs and /v1/batches";
            Err(Problem::new(Kind::UnsupportedMediaType, detail))
        }
    }
}

/// What the form shows again. A file is not among it: a browser does not let a page choose one.
fn entered(fields: &Fields) -> Entered {
    let text = |name| fields.text(name).ok().flatten().unwrap_or_default();
    Entered {
        text: Some(text("seq")).filter(|text| text.len() <= MAX_SHOWN).unwrap_or_default(),
        name: Some(text("name")).filter(|name| name.len() <= name::MAX_BYTES).unwrap_or_default(),
        force: fields.switch("force").unwrap_or_default(),
        fresh: fields.switch("fresh").unwrap_or_default(),
    }
}

async fn refuse(
    ctx: &Ctx,
    root: Root,
    entered: Entered,
    problem: &Problem,
    request_id: String,
    (caller, shows_key): (&Caller, bool),
) -> Result<Response, Problem> {
    let refusal = page::refusal(problem, request_id);
    let status = problem.kind().status();
    let (work, root) = (entered.text.len(), root.clone());
    let html = home::form(ctx, root, entered, Some(refusal), shows_key).await;
    let html = ctx.cpu.run_if_large(&caller.client, work, move || html.html()).await?;
    let mut response = page::respond(&HeaderMap::new(), status, html);
    response.headers_mut().extend(problem.headers());
    response.headers_mut().remove(header::ETAG);
    Ok(response)
}

/// What became of a form.
enum Accepted {
    Job(JobId),
    Batch(BatchId),
}

async fn accept(ctx: &Ctx, caller: &Caller, form: Form) -> Result<Accepted, Problem> {
    ctx.intake.admit(ctx.jobs()).await?;
    let once = form.fields.text("once")?.filter(|once| !once.is_empty());
    let fresh = form.fields.switch("fresh")?;
    let form = with_example(form)?;
    let parsed = input::parse_page(ctx, &caller.client, form).await?;
    let jobs = ctx.submitting_unless(fresh);
    let key = once.map(|once| key(&once, fresh, parsed.digest()));
    match parsed {
        Parsed::One(parsed) => {
            caller.count_jobs(1)?;
            let (owner, new, now) = (&caller.owner, parsed.job, Duration::ZERO);
            let accepted = match jobs.submit(owner, new.clone(), now, key).await {
                Err(JobsError::NotFound | JobsError::Expired(_)) => {
                    jobs.submit(owner, new, now, None).await?
                }
                outcome => outcome?,
            };
            if !accepted.replayed {
                metrics::counter!("pssp_jobs_submitted_total", "by" => "page").increment(1);
                metrics::counter!("pssp_results_reused_total").increment(accepted.reused as u64);
            }
            Ok(Accepted::Job(accepted.value.id()))
        }
        Parsed::Many(held) => batch(ctx, caller, &jobs, *held, key).await,
    }
}

async fn batch(
    ctx: &Ctx,
    caller: &Caller,
    jobs: &Jobs,
    held: input::HeldBatch,
    key: Option<Key>,
) -> Result<Accepted, Problem> {
    caller.count_jobs(held.batch.outline.len())?;
    let accepted = jobs.submit_batch(&caller.owner, held.into_new(ctx), key).await.map_err(gone)?;
    if !accepted.replayed {
        metrics::counter!("pssp_jobs_submitted_total", "by" => "page")
            .increment(accepted.value.jobs().count() as u64);
    }
    Ok(Accepted::Batch(accepted.value.id))
}

/// The form with the sequence of an example, if one of their buttons was pressed.
fn with_example(mut form: Form) -> Result<Form, Problem> {
    let Some(name) = form.fields.text("example")? else { return Ok(form) };
    let Some(text) = pssp_page::example(&name) else {
        return Err(Problem::new(Kind::Unparsable, "there is no such example"));
    };
    form.fields = Fields::of_sequence(text.into());
    Ok(form)
}

/// The idempotency key of a form. A second click sends the same form with the same content. What was changed after the
/// browser went back to the form is another request.
fn key(once: &str, fresh: bool, digest: [u8; 32]) -> Key {
    let both = FieldDigest::of("page").bytes(once.as_bytes()).flag(fresh).bytes(digest).finish();
    Key { key: format!("page-{}", base16ct::lower::encode_string(&both[..16])), digest }
}

//! Pages with few values, and the files that pages load.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use pssp_page::{DocsPage, HistoryPage, Interface, Limits, MethodsPage, Queue, StatusPage};

use crate::app::Ctx;
use crate::depth::depth;
use crate::page::{self, Root};
use crate::problem::Problem;

/// The name of the built-in method, whose scores the page of the methods shows.
const NETWORK: (&str, &str) = ("pssp-conv", "0.2.0");

pub(in crate::routes) async fn history(State(ctx): State<Ctx>, root: Root, parts: Parts) -> Response {
    let frame = page::frame(&ctx, root).await;
    page::respond(&parts.headers, StatusCode::OK, HistoryPage { frame: &frame }.html())
}

pub(in crate::routes) async fn status(State(ctx): State<Ctx>, root: Root, parts: Parts) -> Response {
    let frame = page::frame(&ctx, root).await;
    let (config, policy) = (ctx.config(), ctx.jobs().policy());
    let html = StatusPage {
        frame: &frame,
        queue: depth(&ctx).await.map(|depth| Queue { waiting: depth.submitted, running: depth.running }),
        backend: ctx.jobs().backend_name(),
        uptime: ctx.started.elapsed(),
        limits: Limits { residues: config.max_residues, records: config.max_batch_records },
        requests_per_s: config.rate.map(NonZeroU32::get),
        jobs_per_s: config.job_rate.map(NonZeroU32::get),
        jobs_of_owner: policy.max_owned,
    }
    .html();
    page::respond(&parts.headers, StatusCode::OK, html)
}

pub(in crate::routes) async fn methods(State(ctx): State<Ctx>, root: Root, parts: Parts) -> Response {
    let frame = page::frame(&ctx, root).await;
    let methods = &ctx.app.methods;
    let has_network = methods.iter().any(|method| (method.name.as_str(), method.version.as_str()) == NETWORK);
    page::respond(&parts.headers, StatusCode::OK, MethodsPage { frame: &frame, methods, has_network }.html())
}

pub(in crate::routes) async fn docs(State(ctx): State<Ctx>, root: Root, parts: Parts) -> Response {
    static INTERFACE: LazyLock<Interface> = LazyLock::new(|| Interface::read(crate::OPENAPI));
    let frame = page::frame(&ctx, root).await;
    page::respond(&parts.headers, StatusCode::OK, DocsPage { frame: &frame, interface: &INTERFACE }.html())
}

/// A file. A page of another release asks for another digest. It gets the file of this release, but keeps it not.
pub(in crate::routes) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let (asset, is_exact) = pssp_page::asset(&file).ok_or_else(crate::routes::no_such_route)?;
    let caching = if is_exact { "public, max-age=31536000, immutable" } else { "no-store" };
    Ok(([(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, caching)], asset.bytes)
        .into_response())
}

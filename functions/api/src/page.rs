//! What the pages for people have in common: the frame, the headers, and errors as pages.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pssp_jobs::Owner;
use pssp_page::{Frame, Health, KeyPage, Place, ProblemPage, Readers, Refusal};
use pssp_predict::sequence::ErrorCode;

use crate::app::Ctx;
use crate::auth::Caller;
use crate::config::Anonymous;
use crate::depth::depth;
use crate::gateway::Gateway;
use crate::headers;
use crate::paths;
use crate::problem::{Kind, Problem};
use crate::view;

/// What a page may load and run: its own stylesheet, script and icon, and answers of this service. A text that a caller
/// smuggles into a page runs nothing and sends nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                       connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Segments of paths whose answers are pages, errors too.
const PAGES: [&str; 8] = ["batches", "docs", "history", "key", "methods", "predict", "results", "status"];

/// Whether every answer below this path is a page.
pub(crate) fn is_page(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    PAGES.contains(&first)
}

/// The id of a request, as its answer and the log show it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// How the links of a page begin.
#[derive(Debug, Clone)]
pub(crate) struct Root(pub(crate) String);

impl Root {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self(paths::root_of_links(extensions, &Gateway::of(extensions).prefix))
    }
}

impl<S: Sync> FromRequestParts<S> for Root {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// What surrounds a page.
pub(crate) async fn frame(ctx: &Ctx, Root(root): Root) -> Frame {
    let notice = ctx.intake.notices.notice(ctx.jobs()).await;
    let now = ctx.jobs().now();
    let is_paused = notice.as_ref().is_some_and(|notice| notice.pause(now).is_some());
    let health = match depth(ctx).await {
        None => Health::Degraded,
        Some(_) if is_paused => Health::Paused,
        Some(_) => Health::Well,
    };
    Frame { root, version: ctx.app.version.clone(), now, notice, health, kept_for: ctx.jobs().policy().ttl }
}

/// Who reads the jobs of a caller.
pub(crate) fn readers(ctx: &Ctx, caller: &Caller) -> Readers {
    let is_open = match ctx.config().anonymous {
        Anonymous::Unlisted => true,
        Anonymous::Shared => ctx.keys.is_open(),
        Anonymous::Refused => false,
    };
    match (is_open, caller.by_link) {
        (true, _) => Readers::Everybody,
        (false, true) => Readers::ThroughLink,
        (false, false) => Readers::Owner,
    }
}

/// Whether a caller owns what `owner` has, and may change it.
pub(crate) fn is_owner(caller: &Caller, owner: &Owner) -> bool {
    !caller.by_link && caller.owner == *owner
}

/// A page with its headers. A browser that has the page already gets 304.
pub(crate) fn respond(asked: &HeaderMap, status: StatusCode, html: String) -> Response {
    let tag = view::etag(&html);
    let mut response = match status == StatusCode::OK && headers::none_match(asked, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => (status, html).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    // An id is a secret where everybody with the link may read. Forms of our own pages still tell their origin.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    if let Ok(tag) = HeaderValue::try_from(format!("W/{tag}")) {
        headers.insert(header::ETAG, tag); // weak: compression changes the bytes
    }
    response
}

/// Sends the browser on to another page. `to` is a path below the root.
pub(crate) fn see_other(root: &Root, to: &str) -> Response {
    let to = format!("{}{to}", root.0);
    let location = HeaderValue::try_from(if to.is_empty() { "./".to_owned() } else { to });
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location.unwrap_or(HeaderValue::from_static("/")));
    response
}

/// A problem as a page of its own; a missing key as the form for one. `asked` is the path and the query.
pub(crate) async fn problem(
    ctx: &Ctx,
    root: Root,
    problem: &Problem,
    request_id: &str,
    asked: &Asked,
) -> Response {
    let frame = frame(ctx, root).await;
    let status = problem.kind().status();
    let html = match problem.kind() {
        Kind::Unauthorized => KeyPage {
            frame: &frame,
            then: asked.below_root(),
            was_wrong: asked.shows_key,
            asks_again: asked.is_cross_site && !asked.shows_key,
            owner: None,
        }
        .html(),
        kind => ProblemPage {
            frame: &frame,
            status: status.as_u16(),
            title: kind.title(),
            detail: problem.detail(),
            retry_s: problem.retry_s(),
            request_id,
        }
        .html(),
    };
    let mut response = respond(&HeaderMap::new(), status, html);
    response.headers_mut().extend(problem.headers());
    response
}

/// What a page about a problem needs to know of the request.
pub(crate) struct Asked {
    path: String,
    is_read: bool,
    shows_key: bool,
    is_cross_site: bool,
}

impl Asked {
    pub(crate) fn new(request: &axum::extract::Request, shows_key: bool) -> Self {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let is_cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        let is_read = *request.method() == http::Method::GET;
        Self { path: path.to_owned(), is_read, shows_key, is_cross_site: is_cross_site && is_read }
    }

    /// Where to go on once there is a key.
    fn below_root(&self) -> &str {
        if self.is_read { self.path.trim_start_matches('/') } else { "" }
    }
}

/// Why a form is refused, to be shown above it.
pub(crate) fn refusal(problem: &Problem, request_id: String) -> Refusal {
    let places = problem.faults().iter().map(|fault| Place {
        detail: fault.detail.clone(),
        hint: fault.hint.clone(),
        line: fault.line,
        column: fault.column,
    });
    Refusal {
        title: problem.kind().title().to_owned(),
        detail: problem.detail().to_owned(),
        places: places.collect(),
        is_about_nucleotides: problem.faults().iter().any(|fault| fault.code == ErrorCode::Nucleotide),
        retry_s: problem.retry_s(),
        request_id,
    }
}

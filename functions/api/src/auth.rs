//! Authentication: callers send a key as `Authorization: Bearer` or `X-Api-Key`, if keys are configured.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use pssp_jobs::Owner;

use crate::app::Ctx;
use crate::client::Client;
use crate::config::Anonymous;
use crate::problem::{Kind, Problem};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody. The route shows no data of any owner.
    Open,
    /// Callers with a key, and those without one that the configuration allows.
    Keyed,
    /// The operator, with the admin key. Nobody if no admin key is configured.
    Admin,
}

/// The caller of a request; [`require`] adds it to the request.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Owner);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(unauthorized)
    }
}

/// Accepts callers with a valid key, and others as [`Anonymous`] says. Adds the [`Caller`] to the request.
pub(crate) async fn require(
    State(ctx): State<Ctx>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // A key says who its caller is. A wrong key is refused and not taken for a caller without one.
    let key = presented(request.headers()).filter(|_| !ctx.keys.is_open());
    let anonymous = ctx.config().anonymous;
    let (owner, cookie) = match key {
        Some(key) => (ctx.keys.owner_of(key).ok_or_else(unauthorized)?, None),
        None if anonymous == Anonymous::Refused => return Err(unauthorized()),
        None if anonymous == Anonymous::Shared => (Owner::public(), None),
        None => Client::of(&request, &ctx.config().trusted_proxies).into_owner(),
    };
    request.extensions_mut().insert(Caller(owner));
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Accepts only the operator.
pub(crate) async fn require_admin(
    State(ctx): State<Ctx>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if ctx.admin.is_open() {
        return Err(Problem::new(Kind::Forbidden, "this service has no admin key (PSSP_ADMIN_KEY)"));
    }
    let key = presented(request.headers()).ok_or_else(unauthorized)?;
    ctx.admin.owner_of(key).ok_or_else(unauthorized)?;
    Ok(next.run(request).await)
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get("x-api-key")?.to_str().ok()).filter(|key| !key.is_empty())
}

fn unauthorized() -> Problem {
    Problem::new(Kind::Unauthorized, "send a valid key as Authorization: Bearer or X-Api-Key")
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pssp\""))
}

//! Authentication: callers send a key as `Authorization: Bearer` or `X-Api-Key`, if keys are configured.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, header};
use pssp_jobs::Owner;

use crate::app::Ctx;
use crate::bounds::Client;
use crate::client::{self, Stranger};
use crate::config::Anonymous;
use crate::problem::{Kind, Problem};

/// The headers that tell callers apart, for caches.
const TELLS_CALLERS_APART: &str = "authorization, x-api-key, x-pssp-client, cookie";

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
pub(crate) struct Caller {
    /// Who owns the jobs of the request.
    pub(crate) owner: Owner,
    /// Who the bounds count for.
    pub(crate) client: Client,
}

impl Caller {
    /// The caller of a request that a layer has identified.
    pub(crate) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get().cloned().ok_or_else(unauthorized)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
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
    let trusted = &ctx.config().trusted_proxies;
    let address = client::of_address(&request, trusted);
    let (owner, client, cookie) = match (key, ctx.config().anonymous) {
        (Some(key), _) => {
            let owner = ctx.keys.owner_of(key).ok_or_else(|| wrong_key(&ctx, &address))?;
            let client = Client::new(format!("key:{}", owner.as_str()));
            (owner, client, None)
        }
        (None, Anonymous::Refused) => return Err(unauthorized()),
        (None, Anonymous::Shared) => (Owner::public(), address, None),
        (None, Anonymous::Unlisted) => {
            let (owner, cookie) = Stranger::of(&request, trusted).into_owner();
            (owner, address, cookie)
        }
    };
    let left = ctx.rates.request(&client)?;
    let caller = Caller { owner, client };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    let headers = response.headers_mut();
    if let Some(left) = left {
        left.write(headers);
    }
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers.append(header::VARY, HeaderValue::from_static(TELLS_CALLERS_APART));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// Accepts everybody, and counts the request for the address.
pub(crate) async fn count(State(ctx): State<Ctx>, request: Request, next: Next) -> Result<Response, Problem> {
    let left = ctx.rates.request(&client::of_address(&request, &ctx.config().trusted_proxies))?;
    let mut response = next.run(request).await;
    if let Some(left) = left {
        left.write(response.headers_mut());
    }
    Ok(response)
}

/// The error for a wrong key. Who tries many is slowed down.
fn wrong_key(ctx: &Ctx, address: &Client) -> Problem {
    ctx.rates.wrong_key(address).err().unwrap_or_else(unauthorized)
}

/// Accepts only the operator.
pub(crate) async fn require_admin(
    State(ctx): State<Ctx>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if ctx.admin.is_open() {
        return Err(Problem::new(Kind::Forbidden, "this service has no admin key (PSSP_ADMIN_KEY)"));
    }
    let key = presented(request.headers()).ok_or_else(unauthorized)?;
    if ctx.admin.owner_of(key).is_none() {
        return Err(wrong_key(&ctx, &client::of_address(&request, &ctx.config().trusted_proxies)));
    }
    let owner = Owner::new("admin");
    let caller = Caller { owner, client: Client::new("key:admin") };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    Ok(response)
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

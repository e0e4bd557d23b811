//! Authentication: callers send a key as `Authorization: Bearer` or `X-Api-Key`, if keys are configured.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, header};
use pssp_jobs::stored_key::{KEY_PREFIX, Scope, link_key_id};
use pssp_jobs::{JobId, Owner};

use crate::app::Ctx;
use crate::bounds::{Client, Rates};
use crate::client::{self, Stranger};
use crate::config::Anonymous;
use crate::gateway::Gateway;
use crate::origin;
use crate::problem::{Kind, Problem};

/// The headers that tell callers apart, for caches.
const TELLS_CALLERS_APART: &str = "authorization, x-api-key, x-pssp-client, cookie";

/// The cookie in which a browser keeps a key. Event streams of a page send no headers of their own.
pub(crate) const KEY_COOKIE: &str = "pssp_key";

/// The beginning of the name of the cookie in which a browser keeps the key of a link; the id of the job follows.
const LINK_COOKIE: &str = "pssp_link_";

/// How long a browser keeps the key of a link at most, in seconds: a day. The link itself works on.
const LINK_COOKIE_MAX_AGE: u64 = 86_400;

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
#[derive(Clone)]
pub(crate) struct Caller {
    /// Who owns the jobs of the request.
    pub(crate) owner: Owner,
    /// Who the bounds count for.
    pub(crate) client: Client,
    /// Whether it reads one job of the owner by a link, and may do nothing else.
    pub(crate) by_link: bool,
    rates: Arc<Rates>,
}

impl Caller {
    /// Counts new jobs.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`].
    pub(crate) fn count_jobs(&self, jobs: usize) -> Result<(), Problem> {
        self.rates.jobs(&self.client, jobs)
    }

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

/// Accepts callers with a valid key that allows `scope`, and others as [`Anonymous`] says. Adds the [`Caller`] to the
/// request.
pub(crate) async fn require(
    State((ctx, scope)): State<(Ctx, Scope)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let trusted = &ctx.config().trusted_proxies;
    let address = client::of_address(&request, trusted);
    let is_read = matches!(*request.method(), http::Method::GET | http::Method::HEAD);
    // Where everybody reads by id, a link opens nothing more.
    let takes_links = is_read && ctx.config().anonymous == Anonymous::Refused;
    let link = takes_links.then(|| ShownLink::of(&request)).flatten();
    let (opened, is_in_query) = match link {
        Some(link) => (link.open(&ctx, &address).await, link.is_in_query),
        None => (Ok(None), false),
    };
    // The browser sends the cookie also with what another site causes. Only our pages may change something with it.
    let by_cookie = presented(request.headers()).is_none() && has_key_cookie(request.headers());
    if by_cookie && !is_read && origin::is_foreign(request.headers()) {
        return Err(foreign());
    }
    // A key says who its caller is. A wrong key is refused and not taken for a caller without one.
    let key = keyed(&ctx, request.headers(), &address, scope).await;
    let (caller, cookie) = match (key, opened) {
        // The owner of the job needs no link to it.
        (Ok(Some(caller)), Ok(Some((by_link, _)))) if caller.owner == by_link.owner => (caller, None),
        (_, Ok(Some((by_link, cookie)))) => (by_link, Some(cookie)),
        (Ok(Some(caller)), _) => (caller, None),
        (Err(problem), _) | (Ok(None), Err(problem)) => return Err(problem),
        (Ok(None), Ok(None)) if is_in_query => {
            ctx.guesses.wrong(&address)?;
            let detail = "this link was withdrawn, or its time is over; ask its sender for a new one";
            return Err(Problem::new(Kind::Expired, detail));
        }
        (Ok(None), Ok(None)) => without_key(&ctx, &request, address)?,
    };
    answer(caller, cookie, request, next).await
}

/// The caller of a request without a key, and the cookie to set, if the configuration allows such callers.
fn without_key(
    ctx: &Ctx,
    request: &Request,
    client: Client,
) -> Result<(Caller, Option<HeaderValue>), Problem> {
    let (owner, cookie) = match ctx.config().anonymous {
        Anonymous::Refused => return Err(unauthorized()),
        Anonymous::Unlisted => Stranger::of(request, &ctx.config().trusted_proxies).into_owner(),
        Anonymous::Shared => (Owner::public(), None),
    };
    Ok((Caller { owner, client, by_link: false, rates: ctx.rates.clone() }, cookie))
}

/// Runs the request for its caller, and adds the headers that tell of it.
async fn answer(
    caller: Caller,
    cookie: Option<HeaderValue>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let left = caller.rates.request(&caller.client)?;
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

/// The key of a link that a request shows: in the query (`?link=`), or in the cookie in which the browser keeps it.
struct ShownLink {
    job: JobId,
    text: String,
    is_in_query: bool,
    /// Where the cookie belongs, and how it is sent.
    terms: String,
}

impl ShownLink {
    fn of(request: &Request) -> Option<Self> {
        let job = request.uri().path().split('/').find_map(|part| part.parse::<JobId>().ok())?;
        let query = request.uri().query().unwrap_or_default();
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("link="));
        let text = asked.or_else(|| client::cookie(request.headers(), &Self::cookie(job)))?;
        let is_https = request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https");
        let secure = if is_https { "; Secure" } else { "" };
        let prefix = Gateway::of(request.extensions()).prefix;
        let terms = format!("Path={prefix}/; HttpOnly; SameSite=Lax{secure}");
        Some(Self { job, text: text.to_owned(), is_in_query: asked.is_some(), terms })
    }

    fn cookie(job: JobId) -> String {
        format!("{LINK_COOKIE}{}", link_key_id(job))
    }

    /// The caller, who reads this one job, and the cookie that keeps the key for what the page of the job asks for.
    /// `None` if the key opens nothing. Then the browser may have a key of its own.
    async fn open(&self, ctx: &Ctx, address: &Client) -> Result<Option<(Caller, HeaderValue)>, Problem> {
        let Self { job, text, terms, .. } = self;
        let may_ask = || ctx.guesses.may_look(address);
        let found = ctx.stored_keys.find(ctx.jobs(), text, ctx.config(), may_ask).await?;
        let now = ctx.jobs().now();
        let Some((key, _)) = found.filter(|(key, _)| key.opens(*job, now)) else { return Ok(None) };
        let (owner, client, rates) = (key.terms.owner.clone(), address.clone(), ctx.rates.clone());
        // Not for long: who reads many results by links would else send all their keys with every request.
        let left = key.terms.expires_at.map_or(0, |at| at.since(now).as_secs()).min(LINK_COOKIE_MAX_AGE);
        let name = Self::cookie(*job);
        let cookie = format!("{name}={text}; Max-Age={left}; {terms}");
        let cookie = HeaderValue::try_from(cookie).map_err(|error| Problem::internal(&error))?;
        Ok(Some((Caller { owner, client, by_link: true, rates }, cookie)))
    }
}

/// Who reads on an open route, for the part of it that is not open.
///
/// # Errors
/// As for a route that asks for a caller.
pub(crate) async fn reader(ctx: &Ctx, parts: &Parts) -> Result<Caller, Problem> {
    let request = Request::from_parts(parts.clone(), axum::body::Body::empty());
    let address = client::of_address(&request, &ctx.config().trusted_proxies);
    match keyed(ctx, &parts.headers, &address, Scope::Read).await? {
        Some(caller) => Ok(caller),
        None => Ok(without_key(ctx, &request, address)?.0),
    }
}

/// Whose key the browser has in the cookie, if it is a right one.
pub(crate) async fn owner_of_cookie(ctx: &Ctx, parts: &Parts) -> Option<Owner> {
    let text = client::cookie(&parts.headers, KEY_COOKIE)?;
    let request = Request::from_parts(parts.clone(), axum::body::Body::empty());
    let address = client::of_address(&request, &ctx.config().trusted_proxies);
    check_key(ctx, text, &address, Scope::Read).await.ok().flatten().map(|caller| caller.owner)
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

/// The caller by the key that the request shows. `None` if it shows none, or one where no keys are asked for.
async fn keyed(
    ctx: &Ctx,
    headers: &HeaderMap,
    address: &Client,
    scope: Scope,
) -> Result<Option<Caller>, Problem> {
    let kept = || client::cookie(headers, KEY_COOKIE).filter(|_| scope != Scope::Admin);
    match presented(headers).or_else(kept) {
        Some(text) => check_key(ctx, text, address, scope).await,
        None => Ok(None),
    }
}

/// The caller by a key. `None` where no keys are asked for, and this is none.
pub(crate) async fn check_key(
    ctx: &Ctx,
    text: &str,
    address: &Client,
    scope: Scope,
) -> Result<Option<Caller>, Problem> {
    let named = |owner: Owner, rates| {
        let client = Client::new(format!("key:{}", owner.as_str()));
        Some(Caller { owner, client, by_link: false, rates })
    };
    let (keys, is_asked) = match scope {
        Scope::Admin => (&ctx.admin, !ctx.admin.is_open()),
        Scope::Submit | Scope::Read => {
            (&ctx.keys, !ctx.keys.is_open() || ctx.config().anonymous == Anonymous::Refused)
        }
    };
    // The keys of the settings come first: one of them may begin like a key of the store.
    if let Some(owner) = keys.owner_of(text) {
        ctx.guesses.right(address, &owner)?;
        return Ok(named(owner, ctx.rates.clone()));
    }
    if text.starts_with(KEY_PREFIX) {
        let may_ask = || ctx.guesses.may_look(address);
        let found = ctx.stored_keys.find(ctx.jobs(), text, ctx.config(), may_ask).await?;
        let Some((key, rates)) = found else { return Err(wrong_key(ctx, address)) };
        if key.allows(scope, ctx.jobs().now()) {
            return Ok(named(key.terms.owner.clone(), rates.unwrap_or_else(|| ctx.rates.clone())));
        }
        return Err(match key.terms.scopes.contains(&scope) {
            true => unauthorized(), // its time is over
            false => {
                let detail = format!("this key lacks the scope {}", scope.as_str());
                Problem::new(Kind::Forbidden, detail)
            }
        });
    }
    if is_asked { Err(wrong_key(ctx, address)) } else { Ok(None) }
}

/// The error for a wrong key. Who tries many is slowed down.
fn wrong_key(ctx: &Ctx, address: &Client) -> Problem {
    ctx.guesses.wrong(address).err().unwrap_or_else(unauthorized)
}

/// Accepts only the operator.
pub(crate) async fn require_admin(
    State(ctx): State<Ctx>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = client::of_address(&request, &ctx.config().trusted_proxies);
    let caller = match keyed(&ctx, request.headers(), &address, Scope::Admin).await? {
        Some(caller) => caller,
        None if ctx.admin.is_open() => {
            let detail =
                "this service has no admin key (PSSP_ADMIN_KEY), and the request shows no key that allows it";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        None => return Err(unauthorized()),
    };
    request.extensions_mut().insert(caller.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(caller);
    Ok(response)
}

/// Whether the browser has a key of the page for keys.
fn has_key_cookie(headers: &HeaderMap) -> bool {
    client::cookie(headers, KEY_COOKIE).is_some_and(|key| !key.is_empty())
}

/// Whether a request shows a key, right or wrong.
pub(crate) fn shows_key(headers: &HeaderMap) -> bool {
    presented(headers).is_some() || has_key_cookie(headers)
}

/// Refuses what a page of another site has caused, for routes that change something for a browser.
pub(crate) async fn refuse_foreign(request: Request, next: Next) -> Result<Response, Problem> {
    if origin::is_foreign(request.headers()) { Err(foreign()) } else { Ok(next.run(request).await) }
}

fn foreign() -> Problem {
    Problem::new(Kind::Forbidden, "a page of another site has sent this; only the pages of this service may")
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

//! `/key`: keeps a key in a cookie of the browser, for services that ask for one.

use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pssp_jobs::Owner;
use pssp_jobs::stored_key::Scope;
use pssp_page::KeyPage;

use crate::app::Ctx;
use crate::auth::{self, KEY_COOKIE, check_key};
use crate::client;
use crate::gateway::Gateway;
use crate::input;
use crate::page::{self, Root};
use crate::problem::{Kind, Problem};

/// The largest form with a key, in bytes.
const MAX_FORM: usize = 8 << 10;

/// How long the browser keeps the key, in seconds: 90 days.
const MAX_AGE: u32 = 7_776_000;

pub(in crate::routes) async fn form(State(ctx): State<Ctx>, root: Root, parts: Parts) -> Response {
    let owner = auth::owner_of_cookie(&ctx, &parts).await;
    show(&ctx, root, "", false, owner.as_ref()).await
}

async fn show(ctx: &Ctx, root: Root, then: &str, was_wrong: bool, owner: Option<&Owner>) -> Response {
    let frame = page::frame(ctx, root).await;
    let html = KeyPage { frame: &frame, then, was_wrong, asks_again: false, owner }.html();
    let status = if was_wrong { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    page::respond(&HeaderMap::new(), status, html)
}

/// Keeps a right key, or forgets the one that is kept if the form has none.
pub(in crate::routes) async fn keep(
    State(ctx): State<Ctx>,
    root: Root,
    request: Request,
) -> Result<Response, Problem> {
    let address = client::of_address(&request, &ctx.config().trusted_proxies);
    let prefix = Gateway::of(request.extensions()).prefix;
    let is_https = request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let bytes = axum::body::to_bytes(request.into_body(), MAX_FORM).await;
    let bytes = bytes.map_err(|_| Problem::new(Kind::TooLarge, "the form with the key is too large"))?;
    let fields = input::urlencoded(&bytes)?;
    let (key, then) = (fields.text("key")?.unwrap_or_default(), fields.text("then")?.unwrap_or_default());
    let key = key.trim();
    let then = below_root(&then);
    if key.is_empty() {
        return Ok(with_cookie(page::see_other(&root, "key"), "", 0, &prefix, is_https));
    }
    match check_key(&ctx, key, &address, Scope::Read).await {
        Ok(Some(_)) if is_cookie_value(key) => {
            Ok(with_cookie(page::see_other(&root, then), key, MAX_AGE, &prefix, is_https))
        }
        Ok(_) => Ok(show(&ctx, root, then, true, None).await),
        Err(problem) if problem.kind() == Kind::Unauthorized => Ok(show(&ctx, root, then, true, None).await),
        Err(problem) => Err(problem),
    }
}

/// A path below the root of this service. Everything else, such as the address of another site, is dropped.
fn below_root(then: &str) -> &str {
    let first = then.split(['/', '?']).next().unwrap_or_default();
    // A query alone is the form, filled with the input of a job.
    let is_ours = page::is_page(first) || then.starts_with('?');
    if is_ours && !then.starts_with('/') && !then.contains(['\\', ':']) { then } else { "" }
}

/// Whether a cookie can hold it (RFC 6265, 4.1.1).
fn is_cookie_value(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

fn with_cookie(mut response: Response, key: &str, max_age: u32, prefix: &str, is_https: bool) -> Response {
    let secure = if is_https { "; Secure" } else { "" };
    let cookie =
        format!("{KEY_COOKIE}={key}; Path={prefix}/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_on_to_our_pages_only() {
        for (then, expected) in [
            ("results/x", "results/x"),
            ("results/x?from=601", "results/x?from=601"),
            ("history", "history"),
            ("docs?x", "docs?x"),
            ("?from=x", "?from=x"),
            ("", ""),
            ("//evil.example", ""),
            ("/results/x", ""),
            ("https://evil.example/results", ""),
            ("results\\x", ""),
            ("v1/jobs", ""),
        ] {
            assert_eq!(below_root(then), expected, "{then}");
        }
    }
}

//! Who calls: by `Authorization: Bearer` or `X-Api-Key` where keys are configured.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use pssp_jobs::Owner;
use sha2::{Digest, Sha256};

use crate::app::{ApiKey, Ctx};
use crate::problem::{Kind, Problem};

/// The caller of a request, put there by [`require`].
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Owner);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(unauthorized)
    }
}

/// The keys that let callers in, as digests: comparing those tells nothing about the keys by its time.
pub(crate) struct Keys(Vec<([u8; 32], Owner)>);

impl Keys {
    pub(crate) fn new(keys: &[ApiKey]) -> Self {
        Self(keys.iter().map(|k| (digest(&k.key), k.owner.clone())).collect())
    }

    fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Always looks at every key, and at every byte of its digest.
    fn owner_of(&self, key: &str) -> Option<Owner> {
        let asked = digest(key);
        let differs = |known: &[u8; 32]| known.iter().zip(&asked).fold(0, |all, (a, b)| all | (a ^ b));
        let found = self.0.iter().fold(None, |found, (known, owner)| match differs(known) {
            0 => Some(owner),
            _ => found,
        });
        found.cloned()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Lets in who has a key, or everybody where there are none, and notes who it is.
pub(crate) async fn require(
    State(ctx): State<Ctx>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let owner = if ctx.keys.is_open() {
        Owner::public()
    } else {
        let key = presented(request.headers()).ok_or_else(unauthorized)?;
        ctx.keys.owner_of(key).ok_or_else(unauthorized)?
    };
    request.extensions_mut().insert(Caller(owner));
    Ok(next.run(request).await)
}

/// Lets in the operator.
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

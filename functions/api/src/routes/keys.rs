//! `/v1/admin/keys`: the operator makes, lists, rotates and revokes keys while the service runs.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use pssp_api_types::{KeyInfo, KeyList, KeyRequest};
use pssp_jobs::Owner;
use pssp_jobs::service::JobsError;
use pssp_jobs::stored_key::{KeyTerms, StoredKey};

use super::path::single_limit;
use crate::app::Ctx;
use crate::body::Payload;
use crate::input;
use crate::problem::{Kind, Problem};

/// How long the old key is accepted after a rotation, in seconds: a day.
const DEFAULT_GRACE_S: u32 = 86_400;

/// The status is 201. The answer has the text of the key, which is shown only here.
pub(super) async fn create(State(ctx): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let payload = Payload::read(&ctx, request, single_limit(&ctx)).await?;
    let bad = |what: String| Problem::new(Kind::Unparsable, what);
    let request: KeyRequest = serde_json::from_slice(&payload.bytes).map_err(|error| {
        bad(format!("send owner and, if you like, scopes, expires_at, requests_per_s, jobs_per_s, note as JSON: {error}"))
    })?;
    let KeyRequest { owner, scopes, expires_at, requests_per_s, jobs_per_s, note } = request;
    let default = KeyTerms::of(Owner::new(owner));
    let scopes = scopes.unwrap_or(default.scopes);
    let terms =
        KeyTerms { owner: default.owner, scopes, expires_at, requests_per_s, jobs_per_s, note, job: None };
    terms.check(ctx.jobs().now()).map_err(bad)?;
    Ok(made(ctx.jobs().create_key(terms).await?))
}

fn made((key, text): (StoredKey, String)) -> Response {
    tracing::info!(key = key.id, owner = key.terms.owner.as_str(), "key {} made", key.id);
    let mut response = (StatusCode::CREATED, Json(KeyInfo { key: Some(text), ..key.into() })).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn list(State(ctx): State<Ctx>) -> Result<Json<KeyList>, Problem> {
    Ok(Json(KeyList { keys: ctx.jobs().keys().await?.into_iter().map(Into::into).collect() }))
}

/// The status is 201, with a new key in place of the old one, which ends after the grace.
pub(super) async fn rotate(
    State(ctx): State<Ctx>,
    Path(id): Path<String>,
    parts: http::request::Parts,
) -> Result<Response, Problem> {
    let grace: Option<u32> = input::query(&parts)?.parsed("grace_s", "a number of seconds")?;
    let grace = Duration::from_secs(grace.unwrap_or(DEFAULT_GRACE_S).into());
    let rotated = ctx.jobs().rotate_key(&id, grace).await.map_err(|error| match error {
        JobsError::NotFound => {
            Problem::new(Kind::NotFound, "no key has this id; GET /v1/admin/keys lists them")
        }
        error => error.into(),
    })?;
    Ok(made(rotated))
}

/// The status is 204 whether or not there was a key, so that the request can be repeated.
pub(super) async fn revoke(State(ctx): State<Ctx>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    if ctx.jobs().revoke_key(&id).await? {
        tracing::info!(key = id, "key revoked");
    }
    ctx.stored_keys.forget(&id);
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(feature = "openapi")]
pub(super) mod describe {
    use pssp_api_types::{KeyInfo, KeyList, KeyRequest, schema};

    use crate::operation::{Answer, Body, Operation, number};

    fn key(description: &str) -> Answer {
        Answer::json::<KeyInfo>(description).with_schema::<schema::Scope>()
    }

    pub(in crate::routes) fn create(o: Operation) -> Operation {
        o.id("createKey", "service", "Make a key while the service runs")
            .details("With the operator's key, or a key with the scope `admin`. The text of the key is shown only here.")
            .body(Body::new("", true).of::<KeyRequest>("application/json"))
            .answer(201, key("the key, with its text"))
            .problems([
                (400, "Unparsable"),
                (403, "NoAdmin"),
                (408, "SlowBody"),
                (413, "TooLarge"),
                (415, "UnsupportedMediaType"),
            ])
    }

    pub(in crate::routes) fn list(o: Operation) -> Operation {
        o.id("listKeys", "service", "The keys that were made while the service runs")
            .answer(200, Answer::json::<KeyList>("the keys, without their texts"))
            .problem(403, "NoAdmin")
    }

    pub(in crate::routes) fn rotate(o: Operation) -> Operation {
        o.id("rotateKey", "service", "Make a key with the same terms; the old one ends after a grace")
            .query(
                "grace_s",
                "how long the old key is still accepted, in seconds",
                number(0).default(Some(super::DEFAULT_GRACE_S.into())),
            )
            .answer(201, key("the new key, with its text"))
            .problems([(400, "Unparsable"), (403, "NoAdmin"), (404, "NotFound")])
    }

    pub(in crate::routes) fn revoke(o: Operation) -> Operation {
        o.id("revokeKey", "service", "Revoke a key; may be repeated")
            .details("Other processes accept it for five seconds more.")
            .answer(204, Answer::new("it is not accepted any more"))
            .problem(403, "NoAdmin")
    }
}

//! The list of routes: to add one, add its file and its line here (and describe it in `openapi.json`).

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Uri;
use http::request::Parts;
use pssp_jobs::{BatchId, JobId};
use pssp_predict::format::FORMATS;
use tower::util::MapRequest;

use crate::app::{App, Ctx, Shared};
use crate::body::Limit;
use crate::problem::{Kind, Problem};
use crate::{auth, gateway, layers, paths};

mod batch_results;
mod batches;
mod classic;
mod events;
mod health;
mod job;
mod jobs;
mod notice;
mod openapi;
mod plot;
mod result;
mod service;
mod validate;

use Verb::{Delete, Get, Post, Put};

/// The methods that routes have. `HEAD` works wherever `GET` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Get => MethodFilter::GET,
            Post => MethodFilter::POST,
            Put => MethodFilter::PUT,
            Delete => MethodFilter::DELETE,
        }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: it shows nothing of any owner.
    Open,
    /// Callers with a key, where keys are configured.
    Keyed,
    /// The operator, with the admin key; nobody where none is configured.
    Admin,
}

/// One verb on one path.
#[derive(Clone, Copy)]
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The path as in `openapi.json`. `{format}` and `{image}` stand for every file extension.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    make: fn(MethodFilter) -> MethodRouter<Ctx>,
}

type Make = fn(MethodFilter) -> MethodRouter<Ctx>;

const fn keyed(verb: Verb, path: &'static str, make: Make) -> Route {
    Route { verb, path, access: Access::Keyed, make }
}

const fn open(verb: Verb, path: &'static str, make: Make) -> Route {
    Route { verb, path, access: Access::Open, make }
}

const fn admin(verb: Verb, path: &'static str, make: Make) -> Route {
    Route { verb, path, access: Access::Admin, make }
}

/// Every route.
pub const ROUTES: &[Route] = &[
    open(Get, "/", |m| on(m, classic::index)),
    open(Get, "/run", |m| on(m, classic::how_to_run)),
    keyed(Post, "/run", |m| on(m, classic::run)),
    keyed(Get, "/jobs", |m| on(m, classic::list)),
    keyed(Get, "/jobs/{id}", |m| on(m, classic::read)),
    keyed(Get, "/download/{id}", |m| on(m, classic::download)),
    open(Get, "/delete", |m| on(m, classic::how_to_delete)),
    keyed(Delete, "/delete", |m| on(m, classic::delete)),
    keyed(Post, "/v1/jobs", |m| on(m, jobs::create)),
    keyed(Get, "/v1/jobs", |m| on(m, jobs::list)),
    keyed(Get, "/v1/jobs/{id}", |m| on(m, job::read)),
    keyed(Delete, "/v1/jobs/{id}", |m| on(m, job::delete)),
    keyed(Post, "/v1/jobs/{id}/cancel", |m| on(m, job::cancel)),
    keyed(Get, "/v1/jobs/{id}/events", |m| on(m, events::watch)),
    keyed(Get, "/v1/jobs/{id}/result", |m| on(m, result::read)),
    keyed(Get, "/v1/jobs/{id}/result.{format}", |m| on(m, result::read)),
    keyed(Get, "/v1/jobs/{id}/plot.{image}", |m| on(m, plot::read)),
    keyed(Post, "/v1/batches", |m| on(m, batches::create)),
    keyed(Get, "/v1/batches/{id}", |m| on(m, batches::read)),
    keyed(Get, "/v1/batches/{id}/results", |m| on(m, batch_results::read)),
    keyed(Get, "/v1/batches/{id}/results.{format}", |m| on(m, batch_results::read)),
    keyed(Post, "/v1/validate", |m| on(m, validate::validate)),
    open(Get, "/v1/methods", |m| on(m, service::methods)),
    open(Get, "/v1/limits", |m| on(m, service::limits)),
    admin(Put, "/v1/admin/notice", |m| on(m, notice::post)),
    admin(Delete, "/v1/admin/notice", |m| on(m, notice::clear)),
    open(Get, "/v1/status", |m| on(m, service::status)),
    open(Get, "/openapi.json", |m| on(m, openapi::read)),
    open(Get, "/healthz", |m| on(m, health::alive)),
    open(Get, "/readyz", |m| on(m, health::ready)),
    open(Get, "/metrics", |m| on(m, health::metrics)),
];

impl Route {
    /// The paths that it stands for.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let fill = |parameter: &str, values: &[&str]| {
            values.iter().map(|value| self.path.replace(parameter, value)).collect()
        };
        if self.path.contains("{format}") {
            fill("{format}", &FORMATS.iter().map(|f| f.extension()).collect::<Vec<_>>())
        } else if self.path.contains("{image}") {
            fill("{image}", &["svg", "png"])
        } else {
            vec![self.path.to_owned()]
        }
    }

    fn method_router(&self, ctx: &Ctx) -> MethodRouter<Ctx> {
        let router = (self.make)(self.verb.filter());
        match self.access {
            Access::Open => router,
            Access::Keyed => router.route_layer(from_fn_with_state(ctx.clone(), auth::require)),
            Access::Admin => router.route_layer(from_fn_with_state(ctx.clone(), auth::require_admin)),
        }
    }
}

/// The whole API over `app`.
pub fn router(app: App) -> Router {
    let cors = layers::cors(&app.config.cors_origins);
    let ctx = Shared::new(app);
    let mut router = Router::new();
    for route in ROUTES {
        for path in route.paths() {
            router = router.route(&path, route.method_router(&ctx));
        }
    }
    let service = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::disable()) // `body` has limits of its own
        .layer(from_fn_with_state(ctx.clone(), layers::observe))
        .layer(layers::compression())
        .layer(from_fn_with_state(ctx.clone(), gateway::collect))
        .with_state(ctx);
    let service = match cors {
        Some(cors) => service.layer(cors),
        None => service,
    };
    // A layer of the router itself would come after its choice of a route.
    Router::new().fallback_service(MapRequest::new(service, paths::without_extra_slashes))
}

async fn no_route() -> Problem {
    Problem::new(Kind::NotFound, "there is no such route; /openapi.json lists them")
}

async fn no_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "this route has other verbs; the Allow header lists them")
}

/// The id of the job that a path names. What is no UUID names no job.
struct JobPath(JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::no_job())?;
        id.parse().map(Self).map_err(|_| Problem::no_job())
    }
}

/// The id of the batch that a path names.
struct BatchPath(BatchId);

impl<S: Send + Sync> FromRequestParts<S> for BatchPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let none = || Problem::new(Kind::NotFound, "no batch of yours has this id; ids are UUIDs");
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        id.parse().map(Self).map_err(|_| none())
    }
}

/// The file extension at the end of a path.
fn extension(uri: &Uri) -> Option<&str> {
    let (_, file) = uri.path().rsplit_once('/')?;
    file.split_once('.').map(|(_, extension)| extension)
}

/// The limit on the body of whatever is no batch.
fn single_limit(ctx: &Ctx) -> Limit {
    Limit { bytes: ctx.config().max_body_bytes, name: "max_body_bytes" }
}

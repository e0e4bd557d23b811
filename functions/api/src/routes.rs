//! The list of routes. To add one, add its file, which also describes it, and its line here.

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
#[cfg(feature = "openapi")]
use crate::describe::Operation;
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
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
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
    /// The path. `{format}` and `{image}` stand for every file extension; see [`Route::paths`].
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    make: fn(MethodFilter) -> MethodRouter<Ctx>,
    #[cfg(feature = "openapi")]
    describe: fn(Operation) -> Operation,
}

/// A route with its handler, and what `mod describe` of the handler's file says of it.
macro_rules! route {
    ($access:ident $verb:ident $path:literal $file:ident::$handler:ident) => {
        Route {
            verb: Verb::$verb,
            path: $path,
            access: Access::$access,
            make: |filter| on(filter, $file::$handler),
            #[cfg(feature = "openapi")]
            describe: $file::describe::$handler,
        }
    };
}

/// Every route.
pub const ROUTES: &[Route] = &[
    route!(Open Get "/" classic::index),
    route!(Open Get "/run" classic::how_to_run),
    route!(Keyed Post "/run" classic::run),
    route!(Keyed Get "/jobs" classic::list),
    route!(Keyed Get "/jobs/{id}" classic::read),
    route!(Keyed Get "/download/{id}" classic::download),
    route!(Open Get "/delete" classic::how_to_delete),
    route!(Keyed Delete "/delete" classic::delete),
    route!(Keyed Post "/v1/jobs" jobs::create),
    route!(Keyed Get "/v1/jobs" jobs::list),
    route!(Keyed Get "/v1/jobs/{id}" job::read),
    route!(Keyed Delete "/v1/jobs/{id}" job::delete),
    route!(Keyed Post "/v1/jobs/{id}/cancel" job::cancel),
    route!(Keyed Get "/v1/jobs/{id}/events" events::watch),
    route!(Keyed Get "/v1/jobs/{id}/result" result::read),
    route!(Keyed Get "/v1/jobs/{id}/result.{format}" result::read),
    route!(Keyed Get "/v1/jobs/{id}/plot.{image}" plot::read),
    route!(Keyed Post "/v1/batches" batches::create),
    route!(Keyed Get "/v1/batches/{id}" batches::read),
    route!(Keyed Get "/v1/batches/{id}/results" batch_results::read),
    route!(Keyed Get "/v1/batches/{id}/results.{format}" batch_results::read),
    route!(Keyed Post "/v1/validate" validate::validate),
    route!(Open Get "/v1/methods" service::methods),
    route!(Open Get "/v1/limits" service::limits),
    route!(Admin Put "/v1/admin/notice" notice::post),
    route!(Admin Delete "/v1/admin/notice" notice::clear),
    route!(Open Get "/v1/status" service::status),
    route!(Open Get "/openapi.json" openapi::read),
    route!(Open Get "/healthz" health::alive),
    route!(Open Get "/readyz" health::ready),
    route!(Open Get "/metrics" health::metrics),
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

    /// What the route takes and answers on `path`, one of its [`paths`](Self::paths).
    #[cfg(feature = "openapi")]
    #[must_use]
    pub fn describe(&self, path: &str) -> Operation {
        (self.describe)(Operation::new(self, path))
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

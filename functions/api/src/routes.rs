//! The list of routes. To add a route, add its file, which also contains its description, and its line here.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::on;
use tower::util::MapRequest;

use crate::app::{App, Shared};
use crate::auth::{self, Access};
use crate::problem::{Kind, Problem};
use crate::route::{Route, Verb};
use crate::{gateway, layers, paths};

mod batch_results;
mod batches;
mod classic;
mod events;
mod health;
mod job;
mod jobs;
mod keys;
mod notice;
mod openapi;
mod pages;
mod path;
mod plot;
mod result;
mod service;
mod validate;

/// Makes a route from its handler and, for the description of the API, what describes it.
macro_rules! entry {
    ($access:ident $verb:ident $path:literal $handler:expr, $describe:expr) => {
        Route {
            verb: Verb::$verb,
            path: $path,
            access: Access::$access,
            make: |filter| on(filter, $handler),
            #[cfg(feature = "openapi")]
            describe: $describe,
        }
    };
}

/// A route for programs. The module `describe` in the handler's file describes it.
macro_rules! route {
    ($access:ident $verb:ident $path:literal $file:ident::$handler:ident) => {
        entry!($access $verb $path $file::$handler, Some($file::describe::$handler))
    };
}

/// A page for people.
macro_rules! page {
    ($access:ident $verb:ident $path:literal $file:ident::$handler:ident) => {
        entry!($access $verb $path pages::$file::$handler, None)
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
    route!(Keyed Delete "/v1/batches/{id}" batches::delete),
    route!(Keyed Post "/v1/batches/{id}/cancel" batches::cancel),
    route!(Keyed Get "/v1/batches/{id}/results" batch_results::read),
    route!(Keyed Get "/v1/batches/{id}/results.{format}" batch_results::read),
    route!(Keyed Post "/v1/validate" validate::validate),
    route!(Keyed Post "/v1/batches/validate" validate::validate_batch),
    route!(Open Get "/v1/methods" service::methods),
    route!(Open Get "/v1/limits" service::limits),
    route!(Admin Put "/v1/admin/notice" notice::post),
    route!(Admin Delete "/v1/admin/notice" notice::clear),
    route!(Admin Post "/v1/admin/keys" keys::create),
    route!(Admin Get "/v1/admin/keys" keys::list),
    route!(Admin Delete "/v1/admin/keys/{key}" keys::revoke),
    route!(Admin Post "/v1/admin/keys/{key}/rotate" keys::rotate),
    route!(Open Get "/v1/status" service::status),
    route!(Open Get "/openapi.json" openapi::read),
    route!(Open Get "/healthz" health::alive),
    route!(Open Get "/readyz" health::ready),
    route!(Open Get "/metrics" health::metrics_here),
];

/// Every page for people, beside `/` of the list above, and what pages load.
pub const PAGES: &[Route] = &[
    page!(Keyed Post "/predict" predict::submit),
    page!(Keyed Get "/results/{id}" result::read),
    page!(Keyed Post "/results/{id}/cancel" result::cancel),
    page!(Keyed Get "/results/{id}/delete" result::ask_to_delete),
    page!(Keyed Post "/results/{id}/delete" result::delete),
    page!(Keyed Get "/results/{id}/share" share::ask),
    page!(Keyed Post "/results/{id}/share" share::make),
    page!(Keyed Post "/results/{id}/withdraw" share::withdraw),
    page!(Keyed Get "/batches/{id}" batch::read),
    page!(Keyed Post "/batches/{id}/cancel" batch::cancel),
    page!(Keyed Get "/batches/{id}/delete" batch::ask_to_delete),
    page!(Keyed Post "/batches/{id}/delete" batch::delete),
    page!(Open Get "/history" plain::history),
    page!(Open Get "/status" plain::status),
    page!(Open Get "/methods" plain::methods),
    page!(Open Get "/docs" plain::docs),
    page!(Open Get "/key" key::form),
    page!(Open Post "/key" key::keep),
    page!(Open Get "/assets/{file}" plain::asset),
];

/// The router of the whole API.
pub fn router(app: App) -> Router {
    let cors = layers::cors(&app.config.cors_origins);
    let ctx = Shared::new(app);
    let mut router = Router::new();
    for route in ROUTES {
        for path in route.paths() {
            router = router.route(&path, route.method_router(&ctx));
        }
    }
    for page in PAGES {
        let methods = page.method_router(&ctx);
        let methods = match page.verb {
            Verb::Get => methods,
            _ => methods.route_layer(from_fn(auth::refuse_foreign)),
        };
        router = router.route(page.path, methods);
    }
    let service = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::disable()) // the module `body` has the limits
        .layer(from_fn_with_state(ctx.clone(), layers::observe))
        .layer(layers::compression())
        .layer(from_fn_with_state(ctx.clone(), gateway::collect))
        .with_state(ctx);
    let service = match cors {
        Some(cors) => service.layer(cors),
        None => service,
    };
    // A layer inside the router would run too late: after the choice of a route.
    Router::new().fallback_service(MapRequest::new(service, paths::without_extra_slashes))
}

/// The router of `/metrics` alone, for an address of its own.
pub fn metrics_router(app: App) -> Router {
    Router::new().route("/metrics", on(Verb::Get.filter(), health::metrics)).with_state(Shared::new(app))
}

pub(crate) async fn no_route() -> Problem {
    no_such_route()
}

fn no_such_route() -> Problem {
    Problem::new(Kind::NotFound, "there is no such route; /openapi.json lists them")
}

async fn no_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "this route has other verbs; the Allow header lists them")
}

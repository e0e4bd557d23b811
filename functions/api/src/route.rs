//! One route: its method, path, access and handler.

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter};
use pssp_jobs::stored_key::Scope;
use pssp_predict::format::FORMATS;

use crate::app::Ctx;
use crate::auth::{self, Access};
use crate::layers;
#[cfg(feature = "openapi")]
use crate::operation::Operation;

/// The HTTP methods of routes. `HEAD` works for every route with `GET`.
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
    pub(crate) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// One verb on one path.
#[derive(Clone, Copy)]
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The path. `{format}` and `{image}` stand for several file extensions; see [`Route::paths`].
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    pub(crate) make: fn(MethodFilter) -> MethodRouter<Ctx>,
    /// Its description. Pages have none: they are for people.
    #[cfg(feature = "openapi")]
    pub(crate) describe: Option<fn(Operation) -> Operation>,
}

impl Route {
    /// The actual paths of the route: one for each file extension.
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

    /// The description of the route for `path`, which is one of its [`paths`](Self::paths).
    #[cfg(feature = "openapi")]
    #[must_use]
    pub fn describe(&self, path: &str) -> Operation {
        let new = Operation::new(self.access, path);
        match self.describe {
            Some(describe) => describe(new),
            None => new,
        }
    }

    pub(crate) fn method_router(&self, ctx: &Ctx) -> MethodRouter<Ctx> {
        let router = (self.make)(self.verb.filter());
        match self.access {
            // Probes and scrapers must get through whatever an address sends.
            Access::Open if layers::is_probe(self.path) => router,
            Access::Open => router.route_layer(from_fn_with_state(ctx.clone(), auth::count)),
            Access::Keyed => {
                let scope = if self.verb == Verb::Get { Scope::Read } else { Scope::Submit };
                router.route_layer(from_fn_with_state((ctx.clone(), scope), auth::require))
            }
            Access::Admin => router.route_layer(from_fn_with_state(ctx.clone(), auth::require_admin)),
        }
    }
}

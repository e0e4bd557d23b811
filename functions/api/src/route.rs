//! One route: its method, path and access, and how its handler is put behind them.

use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter};
use pssp_predict::format::FORMATS;

use crate::app::Ctx;
use crate::auth::{self, Access};
#[cfg(feature = "openapi")]
use crate::operation::Operation;

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

/// One verb on one path.
#[derive(Clone, Copy)]
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The path. `{format}` and `{image}` stand for every file extension; see [`Route::paths`].
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    pub(crate) make: fn(MethodFilter) -> MethodRouter<Ctx>,
    #[cfg(feature = "openapi")]
    pub(crate) describe: fn(Operation) -> Operation,
}

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
        (self.describe)(Operation::new(self.access, path))
    }

    pub(crate) fn method_router(&self, ctx: &Ctx) -> MethodRouter<Ctx> {
        let router = (self.make)(self.verb.filter());
        match self.access {
            Access::Open => router,
            Access::Keyed => router.route_layer(from_fn_with_state(ctx.clone(), auth::require)),
            Access::Admin => router.route_layer(from_fn_with_state(ctx.clone(), auth::require_admin)),
        }
    }
}

//! A router that is set after the server starts. A server that still waits for its store can so answer probes.

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use tower::ServiceExt;

/// Sets the router of a server that runs already.
pub struct DeferredRouter(watch::Sender<Option<Router>>);

impl DeferredRouter {
    /// Passes all further requests to `router`.
    pub fn set(&self, router: Router) {
        self.0.send_replace(Some(router));
    }
}

/// A router to serve at once, and the handle that sets the real router. Until then, `/healthz` answers 200, since the
/// process is alive, and every other path answers 503 with `Retry-After`.
pub fn router() -> (Router, DeferredRouter) {
    let (sender, receiver) = watch::channel(None::<Router>);
    let router = Router::new().fallback(move |request: Request| {
        let current = receiver.borrow().clone();
        async move {
            match current {
                Some(router) => router.oneshot(request).await.into_response(),
                None => starting(request.uri().path()),
            }
        }
    });
    (router, DeferredRouter(sender))
}

fn starting(path: &str) -> Response {
    if path == "/healthz" {
        return "starting\n".into_response();
    }
    let retry_after = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry_after, "starting: the store is not there yet\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn status(router: &Router, path: &str) -> u16 {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn probes_are_answered_before_the_router_is_set() {
        let (router, deferred) = router();
        assert_eq!((status(&router, "/healthz").await, status(&router, "/readyz").await), (200, 503));
        assert_eq!(status(&router, "/v1/jobs").await, 503);
        deferred.set(Router::new().route("/v1/jobs", axum::routing::get(|| async { "here" })));
        assert_eq!((status(&router, "/v1/jobs").await, status(&router, "/healthz").await), (200, 404));
    }
}

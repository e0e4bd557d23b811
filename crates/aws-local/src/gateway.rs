//! The gateway. It converts HTTP requests to events of the API function, and the function's responses to HTTP
//! responses.
//!
//! It imitates four gateways, each with its event format, limits and errors: an HTTP API (payload 2.0), a REST API with
//! a stage, an Application Load Balancer and a function URL. Differences from AWS: no TLS, no authorizers, no
//! throttling, the gateway itself adds no CORS headers, and a REST API maps no header names.

mod answer;
mod event;

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::http::Server;
use crate::runtime::{Function, InvokeError};

/// A kind of gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayKind {
    /// API Gateway HTTP API, payload format 2.0, stage `$default`.
    HttpApi,
    /// API Gateway REST API. Paths begin with the name of the stage, and every body is binary (`*/*`).
    Rest {
        /// Name of the stage.
        stage: String,
    },
    /// Application Load Balancer with multi-value headers.
    Alb,
    /// Lambda function URL.
    FunctionUrl,
}

impl FromStr for GatewayKind {
    type Err = String;

    /// Parses `http-api`, `rest` (stage `local`), `rest:<stage>`, `alb` or `function-url`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').unwrap_or((text, "local")) {
            ("http-api", _) => Ok(Self::HttpApi),
            ("rest", stage) if !stage.is_empty() => Ok(Self::Rest { stage: stage.to_owned() }),
            ("alb", _) => Ok(Self::Alb),
            ("function-url", _) => Ok(Self::FunctionUrl),
            _ => Err(format!("no front {text:?}: there are http-api, rest, rest:<stage>, alb, function-url")),
        }
    }
}

/// Limits of a gateway.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
struct Limits {
    /// Largest body of a request and of a response, in bytes.
    body: (usize, usize),
    /// How long the gateway waits for the function, and status and message of its answer after that.
    wait: (Duration, StatusCode, &'static str),
    /// The answers if the function fails, and if all environments are busy.
    failed: (StatusCode, &'static str),
    busy: (StatusCode, &'static str),
}

const SERVER_ERROR: &str = r#"{"message":"Internal Server Error"}"#;
const UNAVAILABLE: &str = r#"{"message":"Service Unavailable"}"#;
const TIMED_OUT: &str = r#"{"message":"Endpoint request timed out"}"#;
const MIB: usize = 1 << 20;

impl GatewayKind {
    fn limits(&self) -> Limits {
        let seconds = Duration::from_secs;
        let (internal, bad) = (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_GATEWAY);
        let (unavailable, late) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT);
        match self {
            Self::HttpApi => Limits {
                body: (10 * MIB, 10 * MIB),
                wait: (seconds(30), unavailable, UNAVAILABLE),
                failed: (internal, SERVER_ERROR),
                busy: (unavailable, UNAVAILABLE),
            },
            Self::Rest { .. } => Limits {
                body: (10 * MIB, 10 * MIB),
                wait: (seconds(29), late, TIMED_OUT),
                failed: (bad, r#"{"message":"Internal server error"}"#),
                busy: (internal, r#"{"message":"Internal server error"}"#),
            },
            Self::Alb => {
                Limits { body: (MIB, MIB), wait: (seconds(60), late, ""), failed: (bad, ""), busy: (bad, "") }
            }
            Self::FunctionUrl => Limits {
                body: (6 * MIB, 6 * MIB),
                wait: (seconds(900), late, ""),
                failed: (bad, "Internal Server Error"),
                busy: (StatusCode::TOO_MANY_REQUESTS, r#"{"Reason":"ConcurrentInvocationLimitExceeded"}"#),
            },
        }
    }
}

/// A running gateway. Dropping it stops it.
#[derive(Debug)]
pub struct Gateway {
    front: GatewayKind,
    server: Server,
}

impl Gateway {
    /// Listens on `address` and invokes `function`.
    ///
    /// # Errors
    /// If the gateway cannot listen there.
    pub async fn start(address: SocketAddr, front: GatewayKind, function: Function) -> io::Result<Self> {
        Self::start_with_wait(address, front, function, None).await
    }

    /// Like [`Gateway::start`], with another time limit for the function than that of its kind. For tests.
    ///
    /// # Errors
    /// If the gateway cannot listen there.
    pub async fn start_with_wait(
        address: SocketAddr,
        front: GatewayKind,
        function: Function,
        wait: Option<Duration>,
    ) -> io::Result<Self> {
        let mut limits = front.limits();
        limits.wait.0 = wait.unwrap_or(limits.wait.0);
        let forwarder = Arc::new(Forwarder { front: front.clone(), limits, function });
        let router = Router::new().fallback(pass).with_state(forwarder);
        Ok(Self { front, server: Server::start(address, router).await? })
    }

    /// The URL, with the stage if there is one, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.server.address();
        match &self.front {
            GatewayKind::Rest { stage } => format!("http://{address}/{stage}"),
            _ => format!("http://{address}"),
        }
    }
}

struct Forwarder {
    front: GatewayKind,
    limits: Limits,
    function: Function,
}

async fn pass(State(forwarder): State<Arc<Forwarder>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, forwarder.limits.body.0).await else {
        return too_large();
    };
    let Some(event) = event::of(&forwarder.front, &parts, &body) else {
        return (StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#).into_response();
    };
    let invocation = forwarder.function.invoke(event.to_string().into());
    let answer = match tokio::time::timeout(forwarder.limits.wait.0, invocation).await {
        Ok(answer) => answer,
        Err(_) => return respond(forwarder.limits.wait.1, forwarder.limits.wait.2),
    };
    forwarder.back(answer)
}

impl Forwarder {
    fn back(&self, answer: Result<Bytes, InvokeError>) -> Response {
        let failed = |reason: &str| {
            tracing::warn!("gateway: {reason}");
            respond(self.limits.failed.0, self.limits.failed.1)
        };
        match answer {
            Ok(answer) => match answer::read(&self.front, &answer) {
                Ok((_, body)) if body.len() > self.limits.body.1 => failed("the response is too large"),
                Ok((parts, body)) => Response::from_parts(parts, Body::from(body)),
                Err(reason) => failed(&reason),
            },
            Err(InvokeError::RequestTooLarge(_)) => too_large(),
            Err(InvokeError::Throttled(_)) => respond(self.limits.busy.0, self.limits.busy.1),
            Err(error) => failed(&error.to_string()),
        }
    }
}

fn too_large() -> Response {
    respond(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Entity Too Large"}"#)
}

fn respond(status: StatusCode, text: &'static str) -> Response {
    let kind = if text.starts_with('{') { "application/json" } else { "text/plain" };
    (status, [("content-type", kind)], text).into_response()
}

//! Splits paths behind a gateway into the gateway's prefix (stage or base path) and the path of the service.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

/// A request's path in its two parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BasePath {
    /// The prefix before the paths of the service: nothing, `/stage`, or the base path of a custom domain.
    pub(super) prefix: String,
    /// The path without the prefix, as in the routes of the service.
    pub(super) path: String,
}

impl BasePath {
    /// Reads the path from the event. The path that `lambda_http` derives is not used, since it adds the name of the
    /// stage even where the event's path has none.
    pub(super) fn of(request: &Request) -> Self {
        let raw = match request.raw_http_path() {
            "" => "/",
            raw => raw,
        };
        let parameters = request.path_parameters();
        let rest = parameters.first("proxy").map(|proxy| format!("/{proxy}"));
        let rest = rest.filter(|rest| raw.ends_with(rest.as_str()));
        match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => {
                let root = context.resource_path.as_deref() == Some("/");
                let path = if root { "/" } else { rest.as_deref().unwrap_or(raw) };
                // This is the path that the caller uses: with the stage, or with the base path of a custom domain.
                Self::new(context.path.as_deref().unwrap_or(raw), path)
            }
            Some(RequestContext::ApiGatewayV2(context)) => match rest {
                Some(path) => Self::new(raw, &path),
                None => Self::new(raw, without_stage(raw, context.stage.as_deref(), is_default(context))),
            },
            _ => Self::new(raw, raw),
        }
    }

    fn new(seen: &str, path: &str) -> Self {
        let seen = seen.trim_end_matches('/');
        let prefix = seen.strip_suffix(path.trim_end_matches('/')).unwrap_or_default();
        Self { prefix: prefix.to_owned(), path: path.to_owned() }
    }
}

/// Whether the domain is the gateway's default one. There the path begins with the name of the stage. On a custom
/// domain it does not, and a stage named `v1` must not be removed from a path that begins with `/v1`.
fn is_default(context: &lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext) -> bool {
    context.domain_name.as_deref().is_none_or(|domain| domain.contains(".execute-api."))
}

fn without_stage<'a>(raw: &'a str, stage: Option<&str>, is_default: bool) -> &'a str {
    let Some(stage) = stage.filter(|stage| is_default && *stage != "$default") else { return raw };
    match raw.strip_prefix('/').and_then(|raw| raw.strip_prefix(stage)) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => raw,
    }
}

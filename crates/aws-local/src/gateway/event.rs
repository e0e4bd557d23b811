//! Converts a request to the event of each kind of gateway.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::GatewayKind;
use crate::sqs::ACCOUNT;

/// Headers that belong to one connection and are not forwarded.
pub(super) const HOP_BY_HOP: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// The event of a request; `None` if the path is outside the stage.
pub(super) fn of(front: &GatewayKind, parts: &Parts, body: &[u8]) -> Option<Value> {
    let headers = headers(front, parts);
    let (body, is_base64) = encode(front, &parts.headers, body);
    let mut event = match front {
        GatewayKind::HttpApi | GatewayKind::FunctionUrl => version_2(front, parts, &headers),
        GatewayKind::Rest { stage } => version_1(stage, parts, &headers)?,
        GatewayKind::Alb => load_balancer(parts, &headers),
    };
    event["body"] = body;
    event["isBase64Encoded"] = is_base64.into();
    Some(event)
}

/// Values by lower-case name, in their order in the request.
type Multi = BTreeMap<String, Vec<String>>;

fn headers(front: &GatewayKind, parts: &Parts) -> Multi {
    let mut all = Multi::new();
    for (name, value) in &parts.headers {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            all.entry(name.as_str().to_owned()).or_default().push(value);
        }
    }
    let port = if *front == GatewayKind::Alb { "80" } else { "443" };
    let scheme = if *front == GatewayKind::Alb { "http" } else { "https" };
    for (name, value) in
        [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-port", port), ("x-forwarded-proto", scheme)]
    {
        all.insert(name.to_owned(), vec![value.to_owned()]);
    }
    all
}

/// API Gateway's HTTP API and function URLs.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn version_2(front: &GatewayKind, parts: &Parts, headers: &Multi) -> Value {
    let mut headers = headers.clone();
    let cookies = headers.remove("cookie").unwrap_or_default();
    let cookies: Vec<&str> = cookies.iter().flat_map(|line| line.split(';')).map(str::trim).collect();
    let query = parts.uri.query().unwrap_or_default();
    let time = jiff::Timestamp::now();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.uri.path(),
        "rawQueryString": query,
        "headers": joined(&headers),
        "requestContext": {
            "accountId": if *front == GatewayKind::FunctionUrl { "anonymous" } else { ACCOUNT },
            "apiId": "local",
            "domainName": first(&headers, "host"),
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(),
                "path": parts.uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": first(&headers, "user-agent"),
            },
            "requestId": uuid::Uuid::new_v4(),
            "routeKey": "$default",
            "stage": "$default",
            "time": clf(time),
            "timeEpoch": time.as_millisecond(),
        },
    });
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = joined(&decoded(query));
    }
    event
}

/// API Gateway's REST API.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
fn version_1(stage: &str, parts: &Parts, headers: &Multi) -> Option<Value> {
    let whole = parts.uri.path();
    let path = whole.strip_prefix('/')?.strip_prefix(stage)?;
    let path = match path {
        "" => "/",
        path if path.starts_with('/') => path,
        _ => return None,
    };
    let query = decoded(parts.uri.query().unwrap_or_default());
    let time = jiff::Timestamp::now();
    let method = parts.method.as_str();
    Some(json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": if query.is_empty() { Value::Null } else { last(&query) },
        "multiValueQueryStringParameters": if query.is_empty() { Value::Null } else { json!(query) },
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": first(headers, "host"),
            "domainPrefix": "local",
            "httpMethod": method,
            "identity": { "sourceIp": "127.0.0.1", "userAgent": first(headers, "user-agent") },
            "path": whole,
            "protocol": "HTTP/1.1",
            "requestId": uuid::Uuid::new_v4(),
            "requestTime": clf(time),
            "requestTimeEpoch": time.as_millisecond(),
            "resourceId": "local",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
    }))
}

/// An Application Load Balancer, which does not decode the query.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
fn load_balancer(parts: &Parts, headers: &Multi) -> Value {
    let mut query = Multi::new();
    for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        query.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    let target = format!("arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/local/0");
    json!({
        "requestContext": { "elb": { "targetGroupArn": target } },
        "httpMethod": parts.method.as_str(),
        "path": parts.uri.path(),
        "multiValueQueryStringParameters": query,
        "multiValueHeaders": headers,
    })
}

/// The body in an event, and whether it is base64. A REST API is configured to treat every type as binary. The others
/// treat a body as binary if it is neither text nor JSON, XML or JavaScript, or if it has a content encoding.
fn encode(front: &GatewayKind, headers: &HeaderMap, body: &[u8]) -> (Value, bool) {
    if body.is_empty() {
        // For an empty body a load balancer writes an empty string; the gateways leave the body out.
        let empty = if *front == GatewayKind::Alb { Value::from("") } else { Value::Null };
        return (empty, false);
    }
    let is_text = !matches!(front, GatewayKind::Rest { .. })
        && !headers.contains_key(header::CONTENT_ENCODING)
        && headers.get(header::CONTENT_TYPE).is_some_and(|kind| is_text(kind.to_str().unwrap_or_default()));
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (text.into(), false),
        _ => (BASE64.encode(body).into(), true),
    }
}

fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = ["application/json", "application/xml", "application/javascript"].contains(&kind.as_str());
    named || kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml")
}

fn decoded(query: &str) -> Multi {
    let mut all = Multi::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        all.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    all
}

fn joined(values: &Multi) -> Value {
    Value::Object(values.iter().map(|(name, values)| (name.clone(), values.join(",").into())).collect())
}

fn last(values: &Multi) -> Value {
    let last =
        values.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.as_str().into())));
    Value::Object(last.collect())
}

fn first<'a>(headers: &'a Multi, name: &str) -> &'a str {
    headers.get(name).and_then(|values| values.first()).map(String::as_str).unwrap_or_default()
}

/// The time in the format of access logs: `09/Apr/2015:12:34:56 +0000`.
fn clf(time: jiff::Timestamp) -> String {
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

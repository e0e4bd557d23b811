//! Converts the response of the function to an HTTP response.

use axum::http::response::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::GatewayKind;
use super::event::HOP_BY_HOP;

/// Head and body of the HTTP response that `answer` describes.
///
/// # Errors
/// The reason why the gateway rejects the response of the function as malformed.
pub(super) fn read(front: &GatewayKind, answer: &[u8]) -> Result<(Parts, Vec<u8>), String> {
    let answer: Value =
        serde_json::from_slice(answer).map_err(|error| format!("the response is not JSON: {error}"))?;
    let inferred = matches!(front, GatewayKind::HttpApi | GatewayKind::FunctionUrl);
    let Some(status) = answer.get("statusCode") else {
        // These gateways treat JSON without a status as the body of a 200 response.
        return if inferred { plain(&answer) } else { Err("the response has no statusCode".to_owned()) };
    };
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok());
    let status = number.and_then(|number| StatusCode::from_u16(u16::try_from(number).ok()?).ok());
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status.ok_or("the statusCode of the response is no status")?;
    add_headers(front, &answer, &mut parts)?;
    if inferred && !parts.headers.contains_key(header::CONTENT_TYPE) {
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok((parts, body(&answer)?))
}

fn plain(answer: &Value) -> Result<(Parts, Vec<u8>), String> {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    Ok((parts, body.into_bytes()))
}

/// Adds the headers. HTTP APIs and function URLs read `headers` and `cookies`. A load balancer with multi-value headers
/// reads only `multiValueHeaders`. A REST API reads both kinds, and prefers the multi-value one.
fn add_headers(front: &GatewayKind, answer: &Value, parts: &mut Parts) -> Result<(), String> {
    let multi = if matches!(front, GatewayKind::Rest { .. } | GatewayKind::Alb) {
        &answer["multiValueHeaders"]
    } else {
        &Value::Null
    };
    for (name, values) in multi.as_object().into_iter().flatten() {
        for value in values.as_array().into_iter().flatten() {
            add(parts, name, value)?;
        }
    }
    let several =
        |name: &str| multi.as_object().into_iter().flatten().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let single = if *front == GatewayKind::Alb { &Value::Null } else { &answer["headers"] };
    for (name, value) in single.as_object().into_iter().flatten() {
        if !several(name) {
            add(parts, name, value)?;
        }
    }
    if matches!(front, GatewayKind::HttpApi | GatewayKind::FunctionUrl) {
        for cookie in answer["cookies"].as_array().into_iter().flatten() {
            add(parts, "set-cookie", cookie)?;
        }
    }
    Ok(())
}

fn add(parts: &mut Parts, name: &str, value: &Value) -> Result<(), String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let wrong = || format!("the response has a malformed header {name:?}");
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    // The gateway computes the content length itself.
    if !HOP_BY_HOP.contains(&name.as_str()) && name != header::CONTENT_LENGTH {
        parts.headers.append(name, HeaderValue::from_str(&text).map_err(|_| wrong())?);
    }
    Ok(())
}

fn body(answer: &Value) -> Result<Vec<u8>, String> {
    let text = match &answer["body"] {
        Value::Null => return Ok(Vec::new()),
        Value::String(text) => text,
        _ => return Err("the body of the response is no string".to_owned()),
    };
    if answer["isBase64Encoded"].as_bool() == Some(true) {
        return BASE64.decode(text).map_err(|_| "the body of the response is not base64".to_owned());
    }
    Ok(text.clone().into_bytes())
}

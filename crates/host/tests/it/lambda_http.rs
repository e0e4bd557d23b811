//! HTTP events as the gateways of AWS send them: the request that the router gets, and the response.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service};
use pssp_host::lambda::http::{self, GatewayContext};
use serde_json::Value;
use tokio::time::Instant;

/// The time limit of the function in the tests.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers with the prefix, method, path and body of the request.
async fn echo(request: Request) -> Response {
    let gateway = request.extensions().get::<GatewayContext>().unwrap().clone();
    let left = gateway.answer_by.saturating_duration_since(Instant::now()).as_secs();
    let seen = format!("{} [{}] {}", request.method(), gateway.prefix, request.uri());
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let headers = [("x-seen", seen), ("x-left", left.to_string()), ("connection", "close".to_owned())];
    (headers, body).into_response()
}

async fn answer(router: Router, event: &str) -> Value {
    let mut service = http::service(router, |extensions, gateway| {
        extensions.insert(gateway);
    });
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + FUNCTION_TIMEOUT;
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    let event: LambdaRequest = serde_json::from_str(event).unwrap();
    let answer = service.call(LambdaEvent::new(event, context)).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

fn header<'a>(answer: &'a Value, name: &str) -> &'a str {
    let multi = &answer["multiValueHeaders"][name][0];
    multi.as_str().or_else(|| answer["headers"][name].as_str()).unwrap_or_default()
}

macro_rules! event {
    ($name:literal) => {
        include_str!(concat!("events/", $name, ".json"))
    };
}

#[tokio::test]
async fn the_prefix_of_the_gateway_is_split_from_the_path() {
    for (name, event, seen) in [
        ("rest_stage", event!("rest_stage"), "GET [/prod] /v1/jobs?limit=5&status=running"),
        ("rest_root", event!("rest_root"), "GET [/prod] /"),
        ("rest_base_path", event!("rest_base_path"), "GET [/pssp] /v1/jobs"),
        ("rest_base_path_root", event!("rest_base_path_root"), "GET [/pssp] /"),
        ("http_default", event!("http_default"), "GET [] /v1/jobs?limit=5&status=running"),
        ("http_stage", event!("http_stage"), "GET [/prod] /v1/jobs?limit=5"),
        ("http_stage_named_v1", event!("http_stage_named_v1"), "GET [/v1] /v1/jobs"),
        ("http_stage_root", event!("http_stage_root"), "GET [/prod] /"),
        ("http_custom_domain_stage_v1", event!("http_custom_domain_stage_v1"), "GET [] /v1/jobs"),
        ("http_base_path", event!("http_base_path"), "GET [/pssp] /v1/jobs"),
        ("function_url", event!("function_url"), "GET [] /v1/jobs?limit=5"),
        ("alb", event!("alb"), "GET [] /v1/jobs?limit=5"),
        ("alb_multi", event!("alb_multi"), "GET [] /v1/jobs?limit=5"),
        ("http_form", event!("http_form"), "POST [] /run"),
        ("rest_json", event!("rest_json"), "POST [/prod] /v1/jobs"),
    ] {
        let answer = answer(Router::new().fallback(echo), event).await;
        let mut found = header(&answer, "x-seen").to_owned();
        if name == "rest_stage" && found.contains("status=running&limit=5") {
            found = found.replace("status=running&limit=5", "limit=5&status=running"); // a map has no order
        }
        assert_eq!(found, seen, "{name}: {answer}");
        assert_eq!(header(&answer, "connection"), "", "{name}: the gateway sets the connection header");
    }
}

#[tokio::test]
async fn bodies_are_decoded_and_encoded() {
    for (event, body, is_base64) in [
        (event!("http_form"), "seq=TESTTESTTEST", false),
        (event!("http_no_content_type"), "MKVLT", false),
        (event!("rest_json"), r#"{"sequence":"MKVLT"}"#, false),
        (event!("http_binary"), "H4sIAP/+", true), // the bytes 1f 8b 08 00 ff fe
    ] {
        let answer = answer(Router::new().fallback(echo), event).await;
        assert_eq!(answer["body"], body, "{answer}");
        assert_eq!(answer["isBase64Encoded"], is_base64, "{answer}");
    }
}

#[tokio::test]
async fn a_body_marked_as_base64_that_is_not_base64_is_refused() {
    for event in [event!("http_form"), event!("rest_json"), event!("alb")] {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["body"] = "seq=TESTTESTTEST".into();
        event["isBase64Encoded"] = true.into();
        let answer = answer(Router::new().fallback(echo), &event.to_string()).await;
        assert_eq!(answer["statusCode"], 400, "{answer}");
        assert!(answer["body"].as_str().unwrap().contains("base64"), "{answer}");
        assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    }
}

#[tokio::test]
async fn requests_behind_a_gateway_have_an_earlier_deadline() {
    for (event, most, least) in [
        (event!("http_default"), 28, 20),
        (event!("rest_root"), 28, 20),
        (event!("function_url"), 60, 40),
        (event!("alb"), 60, 40),
    ] {
        let answer = answer(Router::new().fallback(echo), event).await;
        let left: u64 = header(&answer, "x-left").parse().unwrap();
        assert!((least..=most).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn the_largest_response_fits_whatever_its_bytes() {
    for byte in [b'a', b'"', 1, 0xff] {
        let body = vec![byte; http::MAX_ANSWER];
        let router = Router::new().fallback(move || std::future::ready(body.clone()));
        let answer = answer(router, event!("http_default")).await;
        assert_eq!(answer["statusCode"], 200);
        assert!(answer.to_string().len() <= 6 * 1024 * 1024, "{byte}: {}", answer.to_string().len());
    }
    let router = Router::new().fallback(|| std::future::ready(vec![b'a'; http::MAX_ANSWER + 1]));
    assert_eq!(answer(router, event!("http_default")).await["statusCode"], 502);
}

//! Requests and responses through each kind of gateway.

use std::time::Duration;

use http_body_util::Full;
use pssp_aws_local::gateway::{Gateway, GatewayKind};
use serde_json::{Value, json};

use crate::support::{Response, function, send};

const GATEWAY_KINDS: &[&str] = &["http-api", "rest:test", "alb", "function-url"];

async fn gateway(front: &str) -> Gateway {
    let front: GatewayKind = front.parse().unwrap();
    Gateway::start(([127, 0, 0, 1], 0).into(), front, function()).await.unwrap()
}

async fn post(gateway: &Gateway, path: &str, kind: &str, body: Vec<u8>) -> Response {
    let request = hyper::Request::post(format!("{}{path}", gateway.url()))
        .header("content-type", kind)
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("cookie", "c=3; d=4")
        .body(Full::from(body));
    send(request.unwrap()).await.unwrap()
}

/// The event that the function got, without its body.
fn event(response: &Response) -> Value {
    serde_json::from_slice(response.headers()["x-event"].as_bytes()).unwrap()
}

#[tokio::test]
async fn binary_bodies_cookies_and_status_make_the_round_trip() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for front in GATEWAY_KINDS {
        let gateway = gateway(front).await;
        let response = post(&gateway, "/v1/jobs?x=1", "application/octet-stream", bytes.clone()).await;
        assert_eq!(response.status(), 201, "{front}");
        assert_eq!(response.body(), &bytes, "{front}");
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"], "{front}");
        assert!(
            !response.headers().contains_key("connection"),
            "{front}: this header belongs to one connection"
        );
        assert_eq!(event(&response)["isBase64Encoded"], true, "{front}");
    }
}

#[tokio::test]
async fn text_is_not_encoded_except_for_a_rest_api() {
    for front in GATEWAY_KINDS {
        let response = post(&gateway(front).await, "/", "application/json", b"{\"a\":1}".to_vec()).await;
        assert_eq!(response.body().as_ref(), b"{\"a\":1}", "{front}");
        assert_eq!(event(&response)["isBase64Encoded"], *front == "rest:test", "{front}");
    }
}

#[tokio::test]
async fn each_gateway_has_its_own_event_format() {
    let path = "/v1/a%20b?x=1&x=2&y=%C3%BC";
    let check = async |front: &str, pointers: &[(&str, Value)]| {
        let seen = event(&post(&gateway(front).await, path, "text/plain", b"t".to_vec()).await);
        for (pointer, expected) in pointers {
            assert_eq!(seen.pointer(pointer), Some(expected), "{front} {pointer}");
        }
    };
    let version_2 = [
        ("/version", json!("2.0")),
        ("/rawPath", json!("/v1/a%20b")),
        ("/rawQueryString", json!("x=1&x=2&y=%C3%BC")),
        ("/queryStringParameters/x", json!("1,2")),
        ("/queryStringParameters/y", json!("ü")),
        ("/cookies", json!(["c=3", "d=4"])),
        ("/headers/x-twice", json!("1,2")),
        ("/headers/x-forwarded-proto", json!("https")),
        ("/requestContext/http/method", json!("POST")),
        ("/requestContext/stage", json!("$default")),
    ];
    check("http-api", &version_2).await;
    check("function-url", &version_2).await;
    let version_1 = [
        ("/path", json!("/v1/a%20b")),
        ("/httpMethod", json!("POST")),
        ("/queryStringParameters/x", json!("2")),
        ("/multiValueQueryStringParameters/x", json!(["1", "2"])),
        ("/headers/x-twice", json!("2")),
        ("/multiValueHeaders/x-twice", json!(["1", "2"])),
        ("/requestContext/stage", json!("test")),
        ("/requestContext/path", json!("/test/v1/a%20b")),
    ];
    check("rest:test", &version_1).await;
    let balancer = [
        ("/path", json!("/v1/a%20b")),
        ("/multiValueQueryStringParameters/y", json!(["%C3%BC"])),
        ("/multiValueHeaders/x-twice", json!(["1", "2"])),
        ("/multiValueHeaders/x-forwarded-proto", json!(["http"])),
    ];
    check("alb", &balancer).await;
}

#[tokio::test]
async fn a_path_outside_of_the_stage_is_forbidden() {
    let gateway = gateway("rest:test").await;
    for path in ["/", "/testing/v1", "/other/v1"] {
        let url = gateway.url().replace("/test", path);
        let request = hyper::Request::get(url).body(Full::default()).unwrap();
        assert_eq!(send(request).await.unwrap().status(), 403, "{path}");
    }
}

#[tokio::test]
async fn bodies_have_limits() {
    let check = async |front: &str, bytes: usize, status: u16| {
        let response = post(&gateway(front).await, "/", "text/plain", vec![b'a'; bytes]).await;
        assert_eq!(response.status(), status, "{front} {bytes}");
    };
    check("alb", (1 << 20) + 1, 413).await;
    check("http-api", (10 << 20) + 1, 413).await;
    // The body is within the gateway's limit, but its event is larger than Lambda accepts.
    check("http-api", 7 << 20, 413).await;
    check("function-url", (6 << 20) + 1, 413).await;
    // The request is text. The response is base64 and so above 6 MiB, and the Runtime API refuses it.
    check("http-api", 5 << 20, 500).await;
}

#[tokio::test]
async fn the_gateway_answers_when_a_function_takes_too_long() {
    let wait = Some(Duration::from_secs(1));
    for (front, status) in [("http-api", 503), ("function-url", 504)] {
        let front = front.parse().unwrap();
        let address = ([127, 0, 0, 1], 0).into();
        let gateway = Gateway::start_with_wait(address, front, function(), wait).await.unwrap();
        assert_eq!(post(&gateway, "/hang", "text/plain", Vec::new()).await.status(), status);
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    assert!("cloudfront".parse::<GatewayKind>().unwrap_err().contains("http-api"));
    assert_eq!("rest".parse(), Ok(GatewayKind::Rest { stage: "local".to_owned() }));
}

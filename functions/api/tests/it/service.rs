//! `/v1/methods`, `/v1/limits`, `/v1/status`, `/healthz`, `/readyz`; and CORS.

use pssp_api::Config;

use crate::support::{Answer, Service, service, service_with};

#[tokio::test]
async fn methods_limits_and_status() {
    let service = service();
    insta::assert_json_snapshot!("methods", service.get("/v1/methods").await.is(200).json());
    insta::assert_json_snapshot!("limits", service.get("/v1/limits").await.is(200).json());
    service.submit("MKVLT").await;
    let id = service.submit("MKVLT").await;
    service.claim(&id).await;
    let status = service.get("/v1/status").await.is(200).json();
    insta::assert_json_snapshot!("status", status, { ".version" => "[version]", ".uptime_s" => "[s]" });
    assert_eq!(status["version"], pssp_api::VERSION);
}

#[tokio::test]
async fn ready_until_the_shutdown_begins() {
    let service = service();
    service.get("/readyz").await.is(200);
    service.shutdown.cancel();
    assert!(service.get("/readyz").await.is(503).text().contains("shutting down"));
    service.get("/healthz").await.is(200);
    assert_eq!(service.get("/v1/status").await.is(200).json()["status"], "draining");
    service.submit("MKVLT").await; // load balancers react late, so requests are still served
}

async fn preflight(service: &Service) -> Answer {
    service
        .ask("OPTIONS", "/v1/jobs")
        .header("origin", "https://lab.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await
}

#[tokio::test]
async fn other_origins_are_allowed_only_if_set() {
    let closed = service();
    assert_eq!(preflight(&closed).await.header("access-control-allow-origin"), None);
    for origins in ["*", "https://lab.example"] {
        let open = service_with(Config { cors_origins: vec![origins.to_owned()], ..Config::default() });
        let allowed = preflight(&open).await.is(200);
        assert_eq!(allowed.header("access-control-allow-origin"), Some(origins));
        assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization"));
        let read = open.ask("GET", "/v1/limits").header("origin", "https://lab.example").send().await.is(200);
        let exposed = read.header("access-control-expose-headers").unwrap();
        for name in ["retry-after", "pssp-skipped", "preference-applied", "content-disposition", "location"] {
            assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name} is not in {exposed}");
        }
    }
    let both = vec!["https://lab.example".to_owned(), "*".to_owned()];
    let open = service_with(Config { cors_origins: both, ..Config::default() });
    assert_eq!(preflight(&open).await.is(200).header("access-control-allow-origin"), Some("*"));
    let other =
        service_with(Config { cors_origins: vec!["https://other.example".to_owned()], ..Config::default() });
    assert_eq!(preflight(&other).await.header("access-control-allow-origin"), None);
}

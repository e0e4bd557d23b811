//! `/metrics`, and the metrics of each request.

use std::sync::Arc;

use pssp_api::App;

use crate::support::service;

#[tokio::test]
async fn metrics_are_rendered_by_the_process() {
    let service = service();
    let app = App { metrics: Arc::new(|| "pssp_up 1\n".to_owned()), ..App::new(service.jobs.clone()) };
    let with = crate::support::Service { router: pssp_api::router(app), ..service };
    let answer = with.get("/metrics").await.is(200);
    assert_eq!(answer.text(), "pssp_up 1\n");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own() {
    let service = service();
    let config = pssp_api::Config { has_metrics: false, ..pssp_api::Config::default() };
    let app =
        App { config, metrics: Arc::new(|| "pssp_up 1\n".to_owned()), ..App::new(service.jobs.clone()) };
    let api = crate::support::Service { router: pssp_api::router(app.clone()), ..service };
    api.get("/metrics").await.is(404);
    let apart = crate::support::Service { router: pssp_api::metrics_router(app), ..api };
    assert_eq!(apart.get("/metrics").await.is(200).text(), "pssp_up 1\n");
    apart.get("/v1/jobs").await.is(404);
}

#[tokio::test]
async fn requests_and_jobs_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let service = service();
    let id = service.submit("MKVLT").await;
    service.post("/run", "application/x-www-form-urlencoded", "seq=MKVLT").await.is(200);
    service.post("/v1/batches", "text/plain", ">a\nMKVLT\n>b\nMKVLT\n>c\n?").await.is(202);
    service.get(&format!("/v1/jobs/{id}")).await.is(200);
    service.get("/v1/jobs/made-up").await.is(404);
    service.ask("BREW", "/made/up").send().await.is(404);
    service.get("/metrics").await.is(200);
    let text = handle.render();
    for line in [
        "pssp_http_requests_total{method=\"POST\",route=\"/v1/jobs\",status=\"202\"} 1",
        "pssp_http_requests_total{method=\"GET\",route=\"/v1/jobs/{id}\",status=\"200\"} 1",
        "pssp_http_requests_total{method=\"GET\",route=\"/v1/jobs/{id}\",status=\"404\"} 1",
        "pssp_http_requests_total{method=\"OTHER\",route=\"unmatched\",status=\"404\"} 1",
        "pssp_jobs_submitted_total{by=\"single\"} 1",
        "pssp_jobs_submitted_total{by=\"classic\"} 1",
        "pssp_jobs_submitted_total{by=\"batch\"} 2",
        "pssp_jobs{state=\"submitted\"} 4",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.contains("pssp_http_request_seconds"));
    assert!(!text.contains("made"), "callers cannot create labels");
}

#[tokio::test]
async fn a_disconnected_client_is_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let service = service();
    let id = service.submit("MKVLT").await;
    let ask = service.ask("GET", &format!("/v1/jobs/{id}")).header("prefer", "wait=20");
    {
        let mut waiting = std::pin::pin!(ask.send());
        assert!(futures::poll!(&mut waiting).is_pending(), "the job is not done");
    }
    let line = "pssp_http_requests_total{method=\"GET\",route=\"/v1/jobs/{id}\",status=\"499\"} 1";
    let text = handle.render();
    assert!(text.contains(line), "{text}");
}

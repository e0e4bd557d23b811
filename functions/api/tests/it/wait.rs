//! `Prefer: wait`: the answer comes when the job is done, at the latest after the allowed time.

use std::time::Duration;

use pssp_api::Config;

use crate::support::{service, service_with};

#[tokio::test(start_paused = true)]
async fn the_answer_comes_when_the_job_is_done() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}");
    let waiting = service.ask("GET", &path).header("prefer", "wait=20").send();
    let working = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        service.work(&id).await;
    };
    let since = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(answer.json()["status"], "finished");
    assert_eq!(answer.header("preference-applied"), Some("wait=20"));
    assert_eq!(since.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_limited_and_then_the_answer_has_the_state() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let since = tokio::time::Instant::now();
    let answer =
        service.ask("GET", &format!("/v1/jobs/{id}")).header("prefer", "wait=600").send().await.is(200);
    assert_eq!(since.elapsed().as_secs(), 20);
    assert_eq!(answer.json()["status"], "submitted");
    assert_eq!(answer.header("preference-applied"), Some("wait=20"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_submission_can_wait_too() {
    let service = service();
    let waiting =
        service.ask("POST", "/v1/jobs").header("prefer", "wait=10").body("text/plain", "MKVLT").send();
    let working = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.work_all().await;
    };
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(answer.is(201).json()["status"], "finished");
}

#[tokio::test(start_paused = true)]
async fn deletion_ends_the_wait() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}");
    let waiting = service.ask("GET", &path).header("prefer", "wait=20").send();
    let deleting = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.ask("DELETE", &path).send().await.is(204);
    };
    let (answer, ()) = tokio::join!(waiting, deleting);
    answer.problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_the_wait_with_the_state() {
    let service = service();
    let id = service.submit("MKVLT").await;
    let path = format!("/v1/jobs/{id}");
    let waiting = service.ask("GET", &path).header("prefer", "wait=20").send();
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        service.shutdown.cancel();
    };
    let since = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(waiting, stopping);
    assert_eq!(answer.is(200).json()["status"], "submitted");
    assert_eq!(since.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_too_many_waits_the_answer_comes_at_once() {
    let service = service_with(Config { max_waits: 0, ..Config::default() });
    let id = service.submit("MKVLT").await;
    let since = tokio::time::Instant::now();
    let answer =
        service.ask("GET", &format!("/v1/jobs/{id}")).header("prefer", "wait=20").send().await.is(200);
    assert_eq!(answer.header("preference-applied"), None);
    assert_eq!(since.elapsed().as_secs(), 0);
    service.get(&format!("/v1/jobs/{id}/events")).await.problem(503, "overloaded");
}

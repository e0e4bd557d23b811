//! Errors at the start name the remedy. Connecting alone makes no call.

use std::sync::Arc;

use pssp_aws_local::sqs;
use pssp_backend_aws::AwsBackend;
use pssp_jobs::{StoreError, SystemClock};

use crate::faults::{Bench, bench};
use crate::proxy::Fault;
use crate::stand_ins::{Place, options};

async fn refusal(url: &str) -> StoreError {
    AwsBackend::open(url, Arc::new(SystemClock), options()).await.expect_err("it is refused")
}

/// Checks that opening fails for good, with all texts of `said` in the error.
async fn check(url: &str, said: &[&str]) {
    let error = refusal(url).await;
    assert!(!error.is_temporary(), "{error}");
    for said in said {
        assert!(error.to_string().contains(said), "no {said:?} in: {error}");
    }
}

#[tokio::test]
async fn a_missing_table_or_queue_is_named() {
    let place = Place::own().await;
    let table = place.url.split(['/', '?']).nth(2).unwrap();
    let elsewhere = place.url.replacen(table, "other-table", 1);
    check(&elsewhere, &["table other-table in eu-central-1", "check table and `region`", "infra/"]).await;
    let queue = place.url.replace(&format!("/{table}&"), "/other-queue&");
    check(&queue, &["queue other-queue in eu-central-1", "check `queue` and `region`", "infra/"]).await;
}

#[tokio::test]
async fn a_missing_permission_names_the_action() {
    let Bench { place, proxy, backend, .. } = bench().await;
    let message =
        "User: arn:aws:sts::1:assumed-role/api is not authorized to perform: dynamodb:GetItem on resource: x";
    let denied = Fault::Answer(400, "AccessDeniedException", message, serde_json::json!({}));
    proxy.inject("GetItem", denied, 1);
    let error = pssp_jobs::JobStore::ping(backend.as_ref()).await.unwrap_err();
    assert!(!error.is_temporary() && error.to_string().contains("allow dynamodb:GetItem on it"), "{error}");
    proxy.inject("GetItem", Fault::code(400, "UnrecognizedClientException"), 1);
    let error = pssp_jobs::JobStore::ping(backend.as_ref()).await.unwrap_err();
    assert!(!error.is_temporary() && error.to_string().contains("the credentials are not valid"), "{error}");
    place.sqs().faults().inject("GetQueueAttributes", sqs::Fault::Denied, 1);
    let error = pssp_jobs::JobStore::ping(backend.as_ref()).await.unwrap_err();
    assert!(!error.is_temporary() && error.to_string().contains("infra/ lists"), "{error}");
}

#[tokio::test]
async fn an_unreachable_endpoint_is_a_temporary_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = format!("http://127.0.0.1:{port}");
    let url = format!("aws://jobs?queue={closed}/0/jobs&region=eu-central-1&endpoint={closed}");
    let error = refusal(&url).await;
    assert!(error.is_temporary(), "{error}");
    assert!(error.to_string().contains("check `region` and `endpoint`"), "{error}");
    pssp_backend_aws::connect(&url, Arc::new(SystemClock), options())
        .await
        .expect("connecting makes no call");
}

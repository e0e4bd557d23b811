//! Keys that the operator makes while the service runs.

use std::time::Duration;

use pssp_api::{Anonymous, ApiKey, Config};
use pssp_jobs::{Owner, Timestamp};
use serde_json::{Value, json};

use crate::support::{Answer, Service, service_with};

const ADMIN: &str = "admin-secret";

fn closed() -> Service {
    let admin = ApiKey { owner: Owner::new("admin"), key: ADMIN.to_owned() };
    let lab = ApiKey { owner: Owner::new("lab"), key: "lab-secret".to_owned() };
    let config = Config {
        anonymous: Anonymous::Refused,
        admin_key: Some(admin),
        api_keys: vec![lab],
        ..Config::default()
    };
    service_with(config)
}

async fn send(service: &Service, key: &str, verb: &str, path: &str, body: &Value) -> Answer {
    let ask = service.ask(verb, path).header("authorization", &format!("Bearer {key}"));
    ask.body("application/json", body.to_string()).send().await
}

async fn create(service: &Service, body: Value) -> (String, String) {
    let made = send(service, ADMIN, "POST", "/v1/admin/keys", &body).await.is(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn status(service: &Service, key: &str, verb: &str, path: &str) -> u16 {
    send(service, key, verb, path, &json!({ "sequence": "MKVLT" })).await.status.as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_key_works_until_it_is_revoked() {
    let service = closed();
    let (id, key) = create(&service, json!({ "owner": "ann", "note": "for ann" })).await;
    assert!(key.starts_with(&format!("pssp_{id}_")));
    let job = send(&service, &key, "POST", "/v1/jobs", &json!({ "sequence": "MKVLT" })).await.is(202).json();
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(status(&service, &key, "GET", &path).await, 200);
    assert_eq!(status(&service, "lab-secret", "GET", &path).await, 404, "another owner");
    assert_eq!(status(&service, &key, "GET", "/v1/admin/keys").await, 403, "not in its scopes");
    tokio::task::yield_now().await; // the use is noted
    let list = send(&service, ADMIN, "GET", "/v1/admin/keys", &json!(null)).await.is(200).json();
    assert_eq!(list["keys"].as_array().unwrap().len(), 1);
    let shown = &list["keys"][0];
    assert_eq!(
        (&shown["owner"], &shown["note"], &shown["scopes"]),
        (&json!("ann"), &json!("for ann"), &json!(["submit", "read"]))
    );
    assert!(
        shown["used_at"].is_string() && shown.get("key").is_none() && !list.to_string().contains(&key[16..])
    );
    // It is revoked by another process: this one knows it for five seconds more.
    assert!(service.jobs.revoke_key(&id).await.unwrap());
    assert_eq!(status(&service, &key, "GET", &path).await, 200);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(status(&service, &key, "GET", &path).await, 401);
}

#[tokio::test]
async fn scopes_bound_what_a_key_may_do() {
    let service = closed();
    let (_, reader) = create(&service, json!({ "owner": "ann", "scopes": ["read"] })).await;
    let (_, sender) = create(&service, json!({ "owner": "ann", "scopes": ["submit"] })).await;
    let (_, admin) = create(&service, json!({ "owner": "eve", "scopes": ["admin"] })).await;
    for (key, submits, reads, administers) in
        [(&reader, 403, 200, 403), (&sender, 202, 403, 403), (&admin, 403, 403, 200)]
    {
        assert_eq!(status(&service, key, "POST", "/v1/jobs").await, submits);
        assert_eq!(status(&service, key, "GET", "/v1/jobs").await, reads);
        assert_eq!(status(&service, key, "GET", "/v1/admin/keys").await, administers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_ends_after_its_grace_and_an_expired_one_at_its_time() {
    let service = closed();
    let now = Timestamp::from_millis(1_700_000_000_000);
    let expires = now.plus(Duration::from_hours(2));
    let (id, old) = create(&service, json!({ "owner": "ann", "expires_at": expires })).await;
    let path = format!("/v1/admin/keys/{id}/rotate?grace_s=60");
    let made = send(&service, ADMIN, "POST", &path, &json!(null)).await.is(201).json();
    let new = made["key"].as_str().unwrap();
    assert_eq!(made["expires_at"], json!(expires));
    for key in [old.as_str(), new] {
        assert_eq!(status(&service, key, "GET", "/v1/jobs").await, 200);
    }
    service.clock.advance(Duration::from_secs(61));
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(status(&service, &old, "GET", "/v1/jobs").await, 401);
    assert_eq!(status(&service, new, "GET", "/v1/jobs").await, 200);
    service.clock.advance(Duration::from_hours(2));
    assert_eq!(status(&service, new, "GET", "/v1/jobs").await, 401);
    send(&service, ADMIN, "POST", "/v1/admin/keys/0000000000/rotate", &json!(null))
        .await
        .problem(404, "not-found");
    for _ in 0..2 {
        send(&service, ADMIN, "DELETE", &format!("/v1/admin/keys/{id}"), &json!(null)).await.is(204);
    }
}

#[tokio::test]
async fn a_key_may_have_rates_of_its_own() {
    let service = closed();
    let (_, slow) = create(&service, json!({ "owner": "ann", "requests_per_s": 1 })).await;
    for _ in 0..10 {
        assert_eq!(status(&service, &slow, "GET", "/v1/jobs").await, 200);
    }
    assert_eq!(status(&service, &slow, "GET", "/v1/jobs").await, 429);
    assert_eq!(status(&service, "lab-secret", "GET", "/v1/jobs").await, 200);
}

#[tokio::test]
async fn what_a_key_leaves_out_is_as_in_the_service() {
    let config =
        Config { job_rate: std::num::NonZeroU32::MIN.into(), max_batch_records: 1, ..Config::default() };
    let service = service_with(config);
    let owner = Owner::new("ann");
    let terms = pssp_jobs::stored_key::KeyTerms {
        requests_per_s: Some(100),
        ..pssp_jobs::stored_key::KeyTerms::of(owner)
    };
    let (_, key) = service.jobs.create_key(terms).await.unwrap();
    for _ in 0..10 {
        assert_eq!(status(&service, &key, "POST", "/v1/jobs").await, 202);
    }
    assert_eq!(status(&service, &key, "POST", "/v1/jobs").await, 429);
}

#[tokio::test]
async fn a_key_of_the_settings_may_begin_like_one_of_the_store() {
    let lab = ApiKey { owner: Owner::new("lab"), key: "pssp_of-the-settings".to_owned() };
    let config = Config { anonymous: Anonymous::Refused, api_keys: vec![lab], ..Config::default() };
    let service = service_with(config);
    assert_eq!(status(&service, "pssp_of-the-settings", "GET", "/v1/jobs").await, 200);
}

#[tokio::test]
async fn terms_that_cannot_be_used_are_named() {
    let service = closed();
    for (body, word) in [
        (json!({}), "owner"),
        (json!({ "owner": "a:b" }), "owner"),
        (json!({ "owner": "ann", "scopes": [] }), "scopes"),
        (json!({ "owner": "ann", "scopes": ["write"] }), "scopes"),
        (json!({ "owner": "ann", "expires_at": "2001-01-01T00:00:00Z" }), "expires_at"),
        (json!({ "owner": "ann", "expires": "never" }), "expires"),
    ] {
        let problem = send(&service, ADMIN, "POST", "/v1/admin/keys", &body).await.problem(400, "unparsable");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
}

#[tokio::test]
async fn in_an_open_service_a_key_names_its_owner_and_a_wrong_one_is_refused() {
    let service = service_with(Config::default());
    let terms = pssp_jobs::stored_key::KeyTerms::of(Owner::new("ann"));
    let (_, key) = service.jobs.create_key(terms).await.unwrap();
    let job = send(&service, &key, "POST", "/v1/jobs", &json!({ "sequence": "MKVLT" })).await.is(202).json();
    let path = job["links"]["self"].as_str().unwrap();
    assert_eq!(status(&service, &key, "GET", path).await, 200);
    service.get(path).await.problem(404, "not-found");
    let wrong = format!("{}0", &key[..key.len() - 1]);
    let wrong = if wrong == key { format!("{}1", &key[..key.len() - 1]) } else { wrong };
    for wrong in [wrong.as_str(), "pssp_anything"] {
        assert_eq!(status(&service, wrong, "GET", "/v1/jobs").await, 401);
    }
}

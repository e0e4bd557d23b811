//! Paths with extra slashes match their routes.

use pssp_api::{Access, ROUTES};

use crate::support::{Answer, Service, UNKNOWN_ID, service};

const FORM: &str = "application/x-www-form-urlencoded";

async fn ask(service: &Service, verb: &str, path: &str) -> Answer {
    service.ask(verb, path).body(FORM, "seq=MKVLT&jobid=42").send().await
}

#[tokio::test]
async fn every_route_is_served_with_extra_slashes() {
    let service = service();
    for route in ROUTES.iter().filter(|route| route.access != Access::Admin) {
        for path in route.paths() {
            let path = path.replace("{id}", UNKNOWN_ID);
            let verb = format!("{:?}", route.verb).to_uppercase();
            let expected = ask(&service, &verb, &path).await;
            for variant in [format!("{path}/"), format!("/{path}"), format!("{}//", path.replace('/', "//"))]
            {
                let answer = ask(&service, &verb, &variant).await;
                assert_eq!(answer.status, expected.status, "{verb} {variant}: {}", answer.text());
                assert_eq!(
                    answer.header("content-type"),
                    expected.header("content-type"),
                    "{verb} {variant}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_query_and_the_body_are_kept() {
    let service = service();
    let job = service.post("//v1//jobs/?name=a//b/", "text/plain", "MKVLT").await.is(202).json();
    assert_eq!(job["name"], "a//b/");
    let list = service.get("/v1/jobs//?limit=1").await.is(200).json();
    assert_eq!(list["links"]["self"], "/v1/jobs?limit=1");
    service.get("/v1//nothing/").await.problem(404, "not-found");
}

#[tokio::test]
async fn keys_are_required_as_on_the_plain_path() {
    let key = pssp_api::ApiKey { owner: pssp_jobs::Owner::new("lab"), key: "long-enough".to_owned() };
    let anonymous = pssp_api::Anonymous::Refused;
    let config = pssp_api::Config { api_keys: vec![key], anonymous, ..pssp_api::Config::default() };
    let service = crate::support::service_with(config);
    service.get("//v1/jobs/").await.problem(401, "unauthorized");
    service.get("/v1//admin/notice").await.problem(405, "method-not-allowed");
    service.ask("DELETE", "/v1//admin/notice/").send().await.problem(403, "forbidden");
}

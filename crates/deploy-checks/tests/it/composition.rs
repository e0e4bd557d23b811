//! Checks docker-compose.yml, which runs the service on one machine.

use pssp_deploy_checks::yaml;
use serde_json::{Value, json};

fn services() -> Value {
    yaml("docker/docker-compose.yml")["services"].clone()
}

#[test]
fn redis_is_healthy_before_the_others_start() {
    for part in ["api", "wrk"] {
        assert_eq!(services()[part]["depends_on"]["db"]["condition"], "service_healthy", "{part}");
    }
}

#[test]
fn containers_are_restarted_and_have_few_rights() {
    for (part, service) in services().as_object().expect("services") {
        assert_eq!(service["restart"], "unless-stopped", "{part}");
        assert_eq!(service["read_only"], true, "{part}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{part}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{part}");
    }
}

#[test]
fn redis_keeps_its_data_and_only_the_api_is_reachable_from_outside() {
    let services = services();
    assert_eq!(services["db"]["volumes"], json!(["db:/data"]));
    assert!(services["db"]["ports"].is_null() && services["wrk"]["ports"].is_null());
    assert_eq!(services["api"]["ports"], json!(["${PSSP_BIND:-127.0.0.1}:${PSSP_PORT:-5000}:5000"]));
    assert_eq!(yaml("docker/docker-compose.yml")["networks"]["back"]["internal"], true);
}

#[test]
fn the_version_is_that_of_this_checkout() {
    for part in ["api", "wrk"] {
        let expected = format!(
            "${{REGISTRY:-ghcr.io/pssp}}/pssp-{part}:${{PSSP_VERSION:-{}}}",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(services()[part]["image"], expected);
    }
}

//! Checks of the services for Google Cloud Run and Azure Container Apps, as far as they can be seen without an account.

use std::time::Duration;

use pssp_deploy_checks::objects;
use pssp_host::Settings;
use pssp_host::settings::SETTINGS;
use serde_json::Value;

/// A service of a cloud: its name, its container, and how long the cloud waits after SIGTERM.
fn services() -> Vec<(String, Value, Duration)> {
    let google = objects("infra/google").into_iter().map(|object| {
        assert_eq!(object.str("/apiVersion"), "serving.knative.dev/v1");
        // Cloud Run waits this long, and it cannot be changed.
        (
            object.name().to_owned(),
            object.at("/spec/template/spec/containers/0").clone(),
            Duration::from_secs(10),
        )
    });
    let azure = objects("infra/azure").into_iter().map(|object| {
        assert_eq!(object.str("/type"), "Microsoft.App/containerApps");
        let template = object.at("/properties/template");
        let grace = Duration::from_secs(template["terminationGracePeriodSeconds"].as_u64().expect("a time"));
        (object.str("/name").to_owned(), template["containers"][0].clone(), grace)
    });
    google.chain(azure).collect()
}

fn variable(container: &Value, name: &str) -> Option<String> {
    let variables = container["env"].as_array().expect("variables");
    let found = variables.iter().find(|variable| variable["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

#[test]
fn services_of_clouds_set_settings_that_are_valid() {
    let services = services();
    assert_eq!(services.len(), 4, "API and workers on two clouds");
    for (name, container, _) in &services {
        for variable in container["env"].as_array().expect("variables") {
            let setting = variable["name"].as_str().expect("a name");
            assert!(SETTINGS.iter().any(|known| known.name == setting), "{name} sets {setting}");
        }
        let secret =
            container["env"].as_array().and_then(|all| all.iter().find(|v| v["name"] == "PSSP_BACKEND"));
        assert!(secret.is_some_and(|v| v.get("value").is_none()), "{name}: the address is a secret");
        Settings::resolve(|setting| variable(container, setting)).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn services_of_clouds_end_within_the_time_that_they_get() {
    for (name, container, grace) in services() {
        let settings = Settings::resolve(|setting| variable(&container, setting)).unwrap();
        assert!(settings.drain_delay + settings.grace < grace, "{name}");
    }
}

#[test]
fn probes_of_clouds_ask_the_port_on_which_the_program_listens() {
    for (name, container, _) in services() {
        let settings = Settings::resolve(|setting| variable(&container, setting)).unwrap();
        let port = settings.worker_addr.map_or(5000, |addr| addr.port());
        let text = container.to_string();
        let asked: Vec<&str> =
            text.split("\"port\":").skip(1).map(|rest| rest.split([',', '}']).next().unwrap()).collect();
        assert!(
            !asked.is_empty() && asked.iter().all(|asked| *asked == port.to_string()),
            "{name}: {asked:?}"
        );
    }
}

//! Checks that every variable that a deployment sets is a setting with a valid value.

use pssp_deploy_checks::{Dockerfile, text, yaml};
use pssp_host::Settings;
use pssp_host::settings::SETTINGS;

use crate::{ENVIRONMENTS, environment, object};

/// The settings of an environment, as its pods resolve them.
pub(crate) fn of(env: &str) -> Settings {
    let config = object(env, "ConfigMap", "config");
    let get = |name: &str| config.at("/data").get(name).and_then(|v| v.as_str()).map(str::to_owned);
    Settings::resolve(get).expect("settings that are valid")
}

fn assert_known(name: &str, place: &str) {
    let known = !name.starts_with("PSSP_") || SETTINGS.iter().any(|setting| setting.name == name);
    assert!(known, "{place} sets {name}, which is not a setting");
}

#[test]
fn config_maps_contain_settings_and_the_backend_of_the_environment() {
    for env in ENVIRONMENTS {
        let config = object(env, "ConfigMap", "config");
        for name in config.at("/data").as_object().expect("data").keys() {
            assert!(name.starts_with("PSSP_"), "{name}");
            assert_known(name, config.name());
        }
        assert_eq!(of(env).backend.as_str(), format!("redis://{env}-db:6379/0"));
    }
}

#[test]
fn pods_get_only_settings() {
    for object in ENVIRONMENTS.iter().flat_map(|env| environment(env)).filter(|o| o.kind() == "Deployment") {
        for variable in object.container()["env"].as_array().into_iter().flatten() {
            assert_known(variable["name"].as_str().expect("a name"), object.name());
        }
    }
}

#[test]
fn the_secret_overrides_the_backend_and_contains_only_settings() {
    let script = text("scripts/deploy/secret.sh");
    let keys: Vec<&str> = script
        .lines()
        .filter_map(|line| line.strip_prefix("  PSSP_"))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(keys, ["BACKEND", "ADMIN_KEY"]);
    keys.iter().for_each(|key| assert_known(&format!("PSSP_{key}"), "secret.sh"));
    for env in ENVIRONMENTS {
        for part in ["api", "wrk"] {
            let deployment = object(env, "Deployment", part);
            let sources = &deployment.container()["envFrom"];
            assert_eq!(sources[0]["configMapRef"]["name"], format!("{env}-config"));
            assert_eq!(sources[1]["secretRef"]["name"], format!("{env}-secret"), "the later source wins");
        }
    }
}

#[test]
fn images_set_only_settings() {
    for part in ["api", "wrk", "cli"] {
        let file = Dockerfile::of(part);
        file.envs().iter().for_each(|(name, _)| assert_known(name, part));
        Settings::resolve(|name| file.env(name).map(str::to_owned)).expect("settings that are valid");
    }
}

#[test]
fn the_composition_sets_only_settings() {
    let services = &yaml("docker/docker-compose.yml")["services"];
    for service in ["api", "wrk"] {
        let environment = services[service]["environment"].as_object().expect("an environment");
        environment.keys().for_each(|name| assert_known(name, service));
    }
}

#[test]
fn containers_open_the_ports_that_their_images_listen_on() {
    for (part, variable) in [("api", "PSSP_ADDR"), ("wrk", "PSSP_WORKER_ADDR")] {
        let file = Dockerfile::of(part);
        let port = file.says("EXPOSE");
        assert_eq!(file.env(variable), Some(format!("0.0.0.0:{port}").as_str()));
        for env in ENVIRONMENTS {
            let deployment = object(env, "Deployment", part);
            assert_eq!(deployment.container()["ports"][0]["containerPort"].to_string(), port, "{env}-{part}");
        }
    }
}

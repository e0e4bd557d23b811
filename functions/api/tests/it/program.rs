//! The program `pssp-api`: its arguments, and that its settings and our defaults are the same.

use std::process::{Command, Output};

use pssp_api::Config;
use pssp_host::settings::{ApiKey, ApiSettings};
use pssp_jobs::Owner;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pssp-api")).args(arguments).output().unwrap()
}

#[test]
fn version_help_and_nothing_else() {
    let version = run(&["--version"]);
    let expected = format!("pssp-api {}\n", pssp_api::VERSION);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("PSSP_BACKEND") && help.contains("PSSP_API_KEYS"), "{help}");
    assert_eq!(run(&["serve"]).status.code(), Some(2));
}

#[test]
fn a_wrong_setting_stops_the_start_and_is_named() {
    let wrong =
        Command::new(env!("CARGO_BIN_EXE_pssp-api")).env("PSSP_MAX_RESIDUES", "many").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("PSSP_MAX_RESIDUES"));
}

#[test]
fn settings_and_defaults_agree() {
    let settings = ApiSettings::default();
    let config = pssp_api::standalone::config(&settings);
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    let key = ApiKey { owner: Owner::new("ann"), key: "secret".to_owned() };
    let mut settings = settings;
    settings.keys.0.push(key);
    let config = pssp_api::standalone::config(&settings);
    assert_eq!((config.api_keys[0].owner.as_str(), &*config.api_keys[0].key), ("ann", "secret"));
}

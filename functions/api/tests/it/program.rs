//! The program `pssp-api`: its arguments, its start, and that the defaults of settings and [`Config`] agree.

use std::process::{Command, Output};

use pssp_api::Config;
use pssp_host::Settings;
use pssp_jobs::{ApiKey, Owner};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pssp-api")).args(arguments).output().unwrap()
}

#[test]
fn only_version_and_help_are_accepted_arguments() {
    let version = run(&["--version"]);
    let expected = format!("pssp-api {}\n", pssp_api::VERSION);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    assert!(help.contains("PSSP_BACKEND") && help.contains("PSSP_API_KEYS"), "{help}");
    assert_eq!(run(&["serve"]).status.code(), Some(2));
}

#[test]
fn a_wrong_setting_stops_the_start_with_its_name() {
    let wrong =
        Command::new(env!("CARGO_BIN_EXE_pssp-api")).env("PSSP_MAX_RESIDUES", "many").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("PSSP_MAX_RESIDUES"));
}

#[test]
fn settings_and_defaults_agree() {
    let mut settings = Settings::default();
    let config = pssp_api::standalone::config(&settings);
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    let key = ApiKey { owner: Owner::new("ann"), key: "secret".to_owned() };
    settings.api.keys.0.push(key);
    let config = pssp_api::standalone::config(&settings);
    assert_eq!((config.api_keys[0].owner.as_str(), &*config.api_keys[0].key), ("ann", "secret"));
}

#[test]
fn a_program_that_waits_for_its_store_is_alive_and_not_ready() {
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (addr, nobody) = (free().to_string(), free());
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pssp-api"));
        command.env("PSSP_ADDR", &addr).env("PSSP_BACKEND", format!("redis://{nobody}/0"));
        command
    };
    let healthy = || program().arg("healthcheck").output().unwrap().status.code() == Some(0);
    assert!(!healthy(), "no process listens there yet");
    let mut server = program().stderr(std::process::Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !healthy() {
        assert!(std::time::Instant::now() < deadline, "the program did not answer");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ready = std::net::TcpStream::connect(&addr).and_then(|mut stream| {
        use std::io::{Read, Write};
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    let killed = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(server.wait().unwrap().code(), Some(0), "the program ends cleanly while it waits");
    assert!(ready.unwrap().starts_with("HTTP/1.1 503"), "the program is ready without its store");
}

//! The arrows of docs/architecture.md, checked: who may depend on whom, and who may look around.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Drivers of stores and queues, and what belongs to one platform only.
const DRIVERS: &[&str] =
    &["aws-*", "lambda_*", "redis", "fred", "deadpool-redis", "rusqlite", "libsqlite3-sys"];
/// HTTP.
const HTTP: &[&str] = &["axum", "hyper", "tower-http", "ureq", "reqwest"];
/// Our adapters.
const BACKENDS: &[&str] = &["pssp-backend-*", "pssp-backends"];
/// Our functions.
const FUNCTIONS: &[&str] = &["pssp-api", "pssp-worker"];

/// Names of all packages that `package` is built from with the features that its handlers need.
fn tree(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--no-default-features", "--package", package])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| *name != package && !name.is_empty()).map(str::to_owned).collect()
}

fn matches(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// That `package` knows none of `forbidden`.
fn check(package: &str, forbidden: &[&[&str]]) {
    let known = tree(package);
    assert!(!known.is_empty(), "{package} depends on nothing: is the test blind?");
    let forbidden = forbidden.iter().copied().flatten();
    let found: Vec<&str> = forbidden
        .flat_map(|pattern| known.iter().filter(|name| matches(name, pattern)))
        .map(String::as_str)
        .collect();
    assert!(found.is_empty(), "{package} must not know {found:?}");
}

#[test]
fn the_science_is_pure() {
    check("pssp-predict", &[&["tokio", "pssp-*", "tracing"], DRIVERS, HTTP]);
}

/// Every crate but the science may use it, so it may use none of them, and no runtime.
#[test]
fn common_helpers_depend_on_no_other_crate_of_ours() {
    check("pssp-common", &[&["tokio", "pssp-*", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn jobs_know_no_backend_and_no_host() {
    check("pssp-jobs", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn api_types_know_no_server_and_no_client() {
    check("pssp-api-types", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp", "utoipa"], DRIVERS, HTTP]);
}

#[test]
fn handlers_know_no_backend_and_no_driver() {
    // utoipa makes openapi.json, which is checked in: no program is built with it.
    check("pssp-api", &[BACKENDS, DRIVERS, &["pssp-host", "pssp-worker", "pssp", "utoipa"]]);
    check("pssp-worker", &[BACKENDS, DRIVERS, HTTP, &["pssp-host", "pssp-api", "pssp"]]);
}

#[test]
fn the_host_knows_no_backend_and_no_function() {
    check("pssp-host", &[BACKENDS, FUNCTIONS, DRIVERS, &["pssp"]]);
}

/// What stands in for AWS is no part of what runs there, and shares no code with it that could hide a mistake.
#[test]
fn local_aws_depends_on_none_of_our_crates() {
    check(
        "pssp-aws-local",
        &[BACKENDS, FUNCTIONS, DRIVERS, &["pssp-jobs", "pssp-host", "pssp-predict", "pssp"]],
    );
}

#[test]
fn adapters_know_no_handler_and_no_other_adapter() {
    let crates = std::fs::read_dir(root().join("crates")).unwrap();
    let names = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let adapters: Vec<String> =
        names.filter(|name| name.starts_with("backend-")).map(|name| format!("pssp-{name}")).collect();
    assert!(!adapters.is_empty());
    for adapter in &adapters {
        let others: Vec<&str> =
            adapters.iter().filter(|other| *other != adapter).map(String::as_str).collect();
        // A driver may speak HTTP (AWS does), but no adapter serves it.
        check(adapter, &[FUNCTIONS, &others, &["axum", "pssp-host", "pssp-backends", "pssp"]]);
    }
    check("pssp-backends", &[FUNCTIONS, &["pssp-host", "pssp"]]);
}

/// The SDK's defaults would bring a second HTTP stack and aws-lc, which is slow to start and heavy to build.
#[test]
fn aws_comes_with_one_http_stack_and_one_tls() {
    let known = tree("pssp-backend-aws");
    assert!(known.contains("rustls") && known.contains("ring"), "is the test blind?");
    let others =
        ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "native-tls", "openssl-sys", "s2n-tls", "reqwest"];
    let found: Vec<&str> = others.into_iter().filter(|name| known.contains(*name)).collect();
    assert!(found.is_empty(), "pssp-backend-aws must not bring {found:?}");
}

#[test]
fn only_shells_read_the_environment() {
    let mut offenders = Vec::new();
    for source in sources() {
        let text = std::fs::read_to_string(root().join(&source)).unwrap();
        let reads = ["env::var", "env::vars", "env::args"].iter().any(|call| text.contains(call));
        if reads && !is_shell(&source) {
            offenders.push(source);
        }
    }
    assert!(offenders.is_empty(), "these read the environment and are no shells: {offenders:#?}");
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|s| !std::fs::read_to_string(root().join(s)).unwrap().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "these do not open with //!: {silent:#?}");
}

/// Rust files of all crates, relative to the repository.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for group in ["crates", "functions"] {
        for package in std::fs::read_dir(root().join(group)).unwrap() {
            collect(&package.unwrap().path().join("src"), &mut found);
        }
    }
    collect(&root().join("bench/src"), &mut found);
    assert!(found.len() > 20, "only {} files: is the test blind?", found.len());
    found.into_iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return }; // a package of tests alone has no src
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Shells are the mains, the CLI, the host, what makes a program of a function, and the bench tools.
fn is_shell(source: &Path) -> bool {
    // The last one starts programs, as a person at a shell would.
    let shells = ["crates/cli", "crates/host", "bench", "crates/e2e"];
    let is_main = source.file_name().is_some_and(|name| name == "main.rs" || name == "standalone.rs");
    is_main || shells.iter().any(|shell| source.starts_with(shell))
}

//! Checks the rules of docs/architecture.md: which crates may depend on which, and which files may read the
//! environment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Drivers of stores and queues, and crates for one platform only.
const DRIVERS: &[&str] = &[
    "aws-*",
    "lambda_*",
    "redis",
    "fred",
    "deadpool*",
    "tokio-postgres",
    "sqlx*",
    "rusqlite",
    "libsqlite3-sys",
];
/// HTTP servers and clients.
const HTTP: &[&str] = &["axum", "hyper", "tower-http", "ureq", "reqwest"];
/// The backends of this workspace.
const BACKENDS: &[&str] = &["pssp-backend-*", "pssp-backends"];
/// The functions of this workspace.
const FUNCTIONS: &[&str] = &["pssp-api", "pssp-worker"];

/// Names of all packages that `package` depends on, directly or not, with the features that its handlers need.
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

/// Asserts that `package` depends on none of `forbidden`.
fn check(package: &str, forbidden: &[&[&str]]) {
    let known = tree(package);
    assert!(!known.is_empty(), "{package} depends on nothing: the search is broken");
    let forbidden = forbidden.iter().copied().flatten();
    let found: Vec<&str> = forbidden
        .flat_map(|pattern| known.iter().filter(|name| matches(name, pattern)))
        .map(String::as_str)
        .collect();
    assert!(found.is_empty(), "{package} must not depend on {found:?}");
}

#[test]
fn prediction_depends_on_no_io_and_no_other_layer() {
    check("pssp-predict", &[&["tokio", "pssp-*", "tracing"], DRIVERS, HTTP]);
}

/// Nearly every crate may use `pssp-common`, so it may use none of them, and no async runtime.
#[test]
fn common_depends_on_no_other_crate_of_the_workspace() {
    check("pssp-common", &[&["tokio", "pssp-*", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn jobs_depend_on_no_backend_and_no_host() {
    check("pssp-jobs", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn moving_depends_on_no_backend_and_no_host() {
    check("pssp-moving", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn api_types_depend_on_no_server_and_no_client() {
    check("pssp-api-types", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp", "utoipa"], DRIVERS, HTTP]);
}

#[test]
fn pages_are_made_from_values_alone() {
    check("pssp-page", &[BACKENDS, FUNCTIONS, &["pssp-host", "pssp-api-types", "pssp"], DRIVERS, HTTP]);
}

#[test]
fn handlers_depend_on_no_backend_and_no_driver() {
    // utoipa generates openapi.json, which is checked in. No program is built with it.
    check("pssp-api", &[BACKENDS, DRIVERS, &["pssp-host", "pssp-worker", "pssp", "utoipa"]]);
    check("pssp-worker", &[BACKENDS, DRIVERS, HTTP, &["pssp-host", "pssp-api", "pssp"]]);
}

#[test]
fn the_host_depends_on_no_backend_and_no_function() {
    check("pssp-host", &[BACKENDS, FUNCTIONS, DRIVERS, &["pssp"]]);
}

/// The local stand-in for AWS shares no code with the programs that run on AWS. Shared code could hide a mistake.
#[test]
fn local_aws_depends_on_no_crate_of_the_workspace() {
    check(
        "pssp-aws-local",
        &[BACKENDS, FUNCTIONS, DRIVERS, &["pssp-jobs", "pssp-host", "pssp-predict", "pssp"]],
    );
}

#[test]
fn backends_depend_on_no_handler_and_no_other_backend() {
    let crates = std::fs::read_dir(root().join("crates")).unwrap();
    let names = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let adapters: Vec<String> =
        names.filter(|name| name.starts_with("backend-")).map(|name| format!("pssp-{name}")).collect();
    assert!(!adapters.is_empty());
    for adapter in &adapters {
        let others: Vec<&str> =
            adapters.iter().filter(|other| *other != adapter).map(String::as_str).collect();
        // A driver may be an HTTP client, as on AWS, but no backend is an HTTP server.
        check(adapter, &[FUNCTIONS, &others, &["axum", "pssp-host", "pssp-backends", "pssp"]]);
    }
    check("pssp-backends", &[FUNCTIONS, &["pssp-host", "pssp"]]);
}

/// The SDK's default features would add a second HTTP stack and aws-lc, which starts slowly and takes long to build.
#[test]
fn the_aws_backend_has_one_http_stack_and_one_tls_library() {
    let known = tree("pssp-backend-aws");
    assert!(
        known.contains("rustls") && known.contains("ring"),
        "rustls and ring are missing: the search is broken"
    );
    let others =
        ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "native-tls", "openssl-sys", "s2n-tls", "reqwest"];
    let found: Vec<&str> = others.into_iter().filter(|name| known.contains(*name)).collect();
    assert!(found.is_empty(), "pssp-backend-aws must not bring {found:?}");
}

#[test]
fn only_programs_and_the_host_read_the_environment() {
    let mut offenders = Vec::new();
    for source in sources() {
        let text = std::fs::read_to_string(root().join(&source)).unwrap();
        let reads = ["env::var", "env::vars", "env::args"].iter().any(|call| text.contains(call));
        if reads && !may_read_environment(&source) {
            offenders.push(source);
        }
    }
    assert!(offenders.is_empty(), "these files read the environment and must not: {offenders:#?}");
}

#[test]
fn every_file_begins_with_a_description() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|s| !std::fs::read_to_string(root().join(s)).unwrap().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "these files do not begin with //!: {silent:#?}");
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
    assert!(found.len() > 20, "only {} files found: the search is broken", found.len());
    found.into_iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return }; // a package with tests only has no src
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file may read the environment: the mains, the CLI, the host, the modules that make a program of a
/// function, and the bench tools.
fn may_read_environment(source: &Path) -> bool {
    // The last two start programs, as a person would from a shell.
    let shells = ["crates/cli", "crates/host", "bench", "crates/e2e", "crates/local-postgres"];
    let is_main = source.file_name().is_some_and(|name| name == "main.rs" || name == "standalone.rs");
    is_main || shells.iter().any(|shell| source.starts_with(shell))
}

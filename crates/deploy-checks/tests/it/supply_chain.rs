//! The crates of others: how they are checked, and that their licences and lists go with what is shipped.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::{env, fs};

use pssp_deploy_checks::{Dockerfile, root, text};
use serde_json::Value;
use tempfile::TempDir;

/// Runs the check with a stand-in for cargo-deny that fails at the steps named in `fails`. `dated` puts a copy of the
/// database of known faults where cargo-deny keeps it.
fn check_crates(fails: &[&str], dated: bool, more: &[(&str, &str)]) -> (Output, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let deny = dir.path().join("cargo-deny");
    let cases: String =
        fails.iter().map(|step| format!("*\"{step}\"*) echo 'fatal: {step}' >&2; exit 1;; ")).collect();
    fs::write(&deny, format!("#!/bin/sh\ncase \"$*\" in {cases}*) echo \"ran $*\";; esac\n"))
        .expect("a file");
    fs::set_permissions(&deny, fs::Permissions::from_mode(0o755)).expect("a program");
    if dated {
        copy_of_the_database(&dir);
    }
    let output = Command::new(root().join("scripts/deny/check.sh"))
        .arg(&deny)
        .env("CARGO_HOME", dir.path())
        .env_remove("ADVISORIES")
        .envs(more.iter().copied())
        .output()
        .expect("a script");
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    (output, said)
}

fn copy_of_the_database(dir: &TempDir) {
    let copy = dir.path().join("advisory-dbs/advisory-db-1");
    fs::create_dir_all(copy.join("crates")).expect("a folder");
    fs::write(copy.join("crates/one.md"), "").expect("a file");
    let me = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
    let dates = ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"];
    for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "Begin"]] {
        let git = Command::new("git")
            .args(args)
            .current_dir(&copy)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(me.map(|name| (name, "test@example.org")))
            .envs(dates.map(|name| (name, "2026-02-03T04:05:06Z")))
            .status();
        assert!(git.expect("git").success(), "git {args:?}");
    }
}

#[test]
fn licences_doubles_sources_and_known_faults_are_checked() {
    let (output, said) = check_crates(&[], false, &[]);
    assert!(output.status.success() && !said.contains("WARNING"), "{said}");
    for step in ["bans licenses sources", "fetch db", "advisories"] {
        // What fetching prints is kept for the case that it fails.
        assert!(step == "fetch db" || said.contains(step), "{step}: {said}");
    }
    for step in ["bans licenses sources", "advisories"] {
        let (output, said) = check_crates(&[step], false, &[]);
        assert!(!output.status.success() && said.contains("deny.toml"), "{step}: {said}");
    }
}

#[test]
fn a_database_that_cannot_be_fetched_is_said_and_fails_where_it_is_required() {
    let (output, said) = check_crates(&["fetch db"], false, &[]);
    assert!(output.status.success() && said.contains("were NOT checked"), "{said}");
    assert!(said.contains("fatal: fetch db") && !said.contains("ran --locked --offline"), "{said}");

    let (output, said) = check_crates(&["fetch db"], true, &[]);
    assert!(output.status.success() && said.contains("a copy of 2026-02-03"), "{said}");
    assert!(said.contains("ran --locked --offline check --hide-inclusion-graph advisories"), "{said}");
    let (output, _) = check_crates(&["fetch db", "advisories"], true, &[]);
    assert!(!output.status.success(), "a fault that the copy knows");

    for dated in [false, true] {
        let (output, said) = check_crates(&["fetch db"], dated, &[("ADVISORIES", "required")]);
        assert!(!output.status.success() && said.contains("cannot be checked"), "{said}");
    }
}

#[test]
fn lint_checks_the_crates_and_their_notices() {
    // Options of the make that runs this test must not reach it.
    let make = Command::new("make")
        .args(["--dry-run", "lint"])
        .env_remove("MAKEFLAGS")
        .current_dir(root())
        .output()
        .expect("make");
    let steps = String::from_utf8_lossy(&make.stdout).into_owned();
    for step in
        ["scripts/deny/check.sh target/tools/deny/bin/cargo-deny", "scripts/third-party/notices.py --check"]
    {
        assert!(steps.contains(step), "{steps}");
    }
    assert!(text(".ci/run").contains("\nmake lint\n"));
    for line in text("scripts/deny/requirements.txt").lines().filter(|line| line.contains("==")) {
        assert!(line.ends_with('\\'), "{line}: its checksums follow");
    }
}

#[test]
fn images_and_zips_carry_the_licences() {
    let ignore = text(".dockerignore");
    for file in ["LICENSE", "THIRD-PARTY.txt"] {
        assert!(
            root().join(file).exists() && ignore.lines().any(|line| line == format!("!{file}")),
            "{file}"
        );
    }
    for part in ["api", "wrk", "cli"] {
        let file = Dockerfile::of(part);
        let built: String = file.build().iter().map(|(_, rest)| rest.as_str()).collect();
        assert!(
            built.contains("cp LICENSE THIRD-PARTY.txt /usr/share/common-licenses/LGPL-2.1 /out/licenses/"),
            "{part}"
        );
        let copies: Vec<&str> =
            file.image().iter().filter(|(name, _)| name == "COPY").map(|(_, rest)| rest.as_str()).collect();
        assert!(copies.contains(&"--from=build /out/licenses /licenses"), "{part}: {copies:?}");
    }
    assert!(text("scripts/aws/zip.sh").contains("zipfile -c code.zip bootstrap LICENSE THIRD-PARTY.txt"));
}

/// The bill of materials of a program.
fn bill(program: &str) -> Value {
    let script = root().join("scripts/third-party/sbom.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(program)
        .env("CARGO", env!("CARGO"))
        .output()
        .expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn strings<'a>(list: &'a Value, field: &str) -> BTreeSet<&'a str> {
    let all: Vec<&str> =
        list.as_array().expect("a list").iter().map(|one| one[field].as_str().expect("a text")).collect();
    let once: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(once.len(), all.len(), "{field} twice");
    once
}

#[test]
fn a_bill_of_materials_names_the_linked_crates_as_cargo_lock_does() {
    let lock = text("Cargo.lock");
    let notices = text("THIRD-PARTY.txt");
    for (program, has, has_not) in [
        ("pssp", vec!["clap", "rusqlite", "redis", "ureq"], vec!["insta", "serde_derive", "cc"]),
        ("pssp-worker", vec!["pulp", "safetensors"], vec!["clap", "jsonschema"]),
    ] {
        let bill = bill(program);
        assert_eq!(
            (bill["bomFormat"].as_str(), bill["specVersion"].as_str()),
            (Some("CycloneDX"), Some("1.6"))
        );
        assert_eq!(bill["metadata"]["component"]["name"], program);
        let components = bill["components"].as_array().expect("components");
        let names: BTreeSet<&str> =
            components.iter().map(|one| one["name"].as_str().expect("a name")).collect();
        has.iter().for_each(|name| assert!(names.contains(name), "{program} is linked with {name}"));
        has_not.iter().for_each(|name| assert!(!names.contains(name), "{program} is not linked with {name}"));
        for one in components {
            let [name, version] = ["name", "version"].map(|field| one[field].as_str().expect("a text"));
            let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
            assert!(lock.contains(&entry), "{name} {version}");
            if let Some(sum) = one["hashes"][0]["content"].as_str() {
                assert!(lock.contains(&format!("checksum = \"{sum}\"")), "{name}");
                let licence = one["licenses"][0]["expression"].as_str().expect("a licence");
                assert!(
                    notices.contains(&format!("\n{name} {version}: {licence}; in ")),
                    "{name} is not in the notices"
                );
            } else {
                assert!(name.starts_with("pssp"), "{name} has no checksum");
            }
        }
        let mut known = strings(&bill["components"], "bom-ref");
        known.insert(bill["metadata"]["component"]["bom-ref"].as_str().expect("a text"));
        assert_eq!(strings(&bill["dependencies"], "ref"), known);
        for one in bill["dependencies"].as_array().expect("a list") {
            let needs = one["dependsOn"].as_array().expect("a list");
            assert!(needs.iter().all(|need| known.contains(need.as_str().expect("a text"))), "{one}");
        }
    }
}

#[test]
fn the_bill_of_an_image_names_its_debian_packages() {
    let dir = tempfile::tempdir().expect("a folder");
    let record = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5:2.36-9+deb12u14\n\
                  Description: GNU C Library\n Version: of a continued line\n";
    fs::write(dir.path().join("libc6"), record).expect("a file");
    let script = root().join("scripts/third-party/sbom.py");
    let output = Command::new("python3")
        .arg(script)
        .args(["pssp-db", "7.0.15-1"])
        .arg(dir.path())
        .output()
        .expect("python3");
    let bill: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(bill["components"][0]["purl"], "pkg:deb/debian/libc6@5%3A2.36-9%2Bdeb12u14?arch=amd64");
    assert_eq!(bill["metadata"]["component"]["name"], "pssp-db");
    // docker/rootfs.sh puts these records into the image, at the place where the workflow takes them from.
    let place = "/var/lib/dpkg/status.d";
    assert!(text("docker/rootfs.sh").contains(&format!("\"$root{place}/$package\"")));
    assert!(text(".github/workflows/release.yml").contains(&format!("$container:{place}")));
}

//! Rules for the workflows on GitHub that linters do not check.

use pssp_deploy_checks::{root, text, yaml};
use serde_json::{Value, json};

fn workflow(name: &str) -> Value {
    yaml(&format!(".github/workflows/{name}.yml"))
}

/// The shell text of all steps of a job.
fn script(job: &Value) -> String {
    let steps = job["steps"].as_array().into_iter().flatten();
    steps.filter_map(|step| step["run"].as_str()).collect::<Vec<_>>().join("\n")
}

/// Where the first of these comes in a text.
fn place(script: &str, what: &str) -> usize {
    script.find(what).unwrap_or_else(|| panic!("no {what} in {script}"))
}

#[test]
fn a_workflow_reads_only_and_a_job_that_writes_says_so() {
    let may_write = [
        ("release", "images", json!({ "contents": "read", "packages": "write" })),
        ("release", "publish", json!({ "packages": "write", "id-token": "write" })),
        ("release", "release", json!({ "contents": "write" })),
    ];
    for name in ["ci", "release", "advisories"] {
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"], json!({ "contents": "read" }), "{name}");
        for (job, written) in workflow["jobs"].as_object().expect("jobs") {
            let expected =
                may_write.iter().find(|(w, j, _)| *w == name && j == job).map(|(_, _, rights)| rights);
            let writes = written["permissions"].to_string().contains("write");
            assert!(!writes || expected == Some(&written["permissions"]), "{name}: {job} may write");
        }
    }
}

#[test]
fn nothing_is_published_before_the_tests_and_lints_are_green() {
    let release = workflow("release");
    assert_eq!(release["jobs"]["test"]["uses"], "./.github/workflows/ci.yml");
    for (job, needs) in [
        ("images", json!(["test", "version"])),
        ("bills", json!("test")),
        ("publish", json!(["version", "images", "bills"])),
        ("release", json!("publish")),
    ] {
        assert_eq!(release["jobs"][job]["needs"], needs, "{job}");
    }
}

#[test]
fn every_image_is_signed_and_has_its_bill_before_its_tag_appears() {
    let release = workflow("release");
    let publish = script(&release["jobs"]["publish"]);
    for image in ["pssp", "pssp-api", "pssp-wrk", "pssp-db"] {
        assert!(publish.contains(&format!("\"{image}:$")), "{image}");
    }
    let sign = place(&publish, "cosign sign --yes --recursive \"$REGISTRY/$name@$digest\"");
    let attest = place(&publish, "attest \"$REGISTRY/$name@$digest\" \"$name.cdx.json\"");
    let tag = place(&publish, "--tag \"$REGISTRY/$image\"");
    assert!(sign < attest && attest < tag, "an image must not be out without its signature");
    assert!(place(&publish, "is there already") < sign, "what this run did not build is not signed");
    let bills = [script(&release["jobs"]["bills"]), script(&release["jobs"]["images"])].concat();
    for file in ["pssp.cdx.json", "pssp-api.cdx.json", "pssp-wrk.cdx.json", "pssp-db-$ARCH.cdx.json"] {
        assert!(bills.contains(&format!("bills/{file}")), "{file}");
    }
    assert!(bills.contains("LICENSE THIRD-PARTY.txt"), "the files of the release");
}

#[test]
fn known_faults_must_be_checked_where_the_database_can_be_reached() {
    for (name, job, run) in [("ci", "test", "make lint"), ("advisories", "crates", "make check-crates")] {
        let workflow = workflow(name);
        let step =
            workflow["jobs"][job]["steps"].as_array().expect("steps").iter().find(|step| step["run"] == run);
        assert_eq!(step.expect("the step")["env"]["ADVISORIES"], "required", "{name}");
    }
    assert!(workflow("advisories")["on"]["schedule"].is_array());
}

#[test]
fn the_guide_checks_signatures_of_this_workflow() {
    let guide = text("SECURITY.md");
    let identity = "https://github.com/pssp/pssp/.github/workflows/release.yml@refs/tags/v";
    assert!(guide.contains(identity) && guide.contains("https://token.actions.githubusercontent.com"));
    assert!(text("Cargo.toml").contains("repository = \"https://github.com/pssp/pssp\""));
}

#[test]
fn updates_are_proposed_for_everything_that_is_pinned() {
    let updates = yaml(".github/dependabot.yml")["updates"].clone();
    let of = |kind: &str| {
        let found = updates.as_array().expect("updates").iter().find(|one| one["package-ecosystem"] == kind);
        found.unwrap_or_else(|| panic!("no updates for {kind}")).clone()
    };
    for (kind, folder) in [("cargo", "/"), ("github-actions", "/"), ("docker", "/docker")] {
        assert_eq!(of(kind)["directory"], folder);
    }
    let folders = of("pip")["directories"].clone();
    for folder in folders.as_array().expect("folders") {
        let folder = folder.as_str().expect("a text").trim_start_matches('/');
        assert!(root().join(folder).join("requirements.txt").exists(), "{folder}");
    }
    assert_eq!(folders, json!(["/infra", "/scripts/api", "/scripts/deny", "/scripts/deploy"]));
}

//! The scripts that deploy, promote, roll back and delete on AWS. They run in a copy of the repository with fake
//! commands. `make aws-local-stack` runs the same scripts with the real `aws` command against a stand-in for AWS.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use pssp_deploy_checks::root;
use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A copy of the files that the scripts use, and a fake account that keeps its state in a folder.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a folder") };
        for folder in ["repo", "account", "bin"] {
            fs::create_dir(site.path(folder)).expect("a folder");
        }
        let repo = site.path("repo");
        let mut copy = Command::new("cp");
        copy.args(["-r", "scripts", "infra", "Cargo.toml", "LICENSE", "THIRD-PARTY.txt"])
            .arg(&repo)
            .current_dir(root());
        assert!(copy.status().expect("cp").success());
        for name in ["aws", "docker", "pssp"] {
            let fake = root().join("crates/deploy-checks/tests/it/fake-aws.sh");
            fs::copy(fake, site.path("bin").join(name)).expect("a copy");
        }
        site.write_account("media", "application/vnd.docker.distribution.manifest.v2+json");
        for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "Begin"]] {
            assert!(site.command("git", args, &[]).status.success(), "git {args:?}");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_account(&self, name: &str, text: &str) {
        fs::write(self.path("account").join(name), text).expect("a written file");
    }

    fn account(&self, name: &str) -> String {
        fs::read_to_string(self.path("account").join(name)).unwrap_or_default()
    }

    fn command(&self, program: &str, args: &[&str], more: &[(&str, &str)]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").expect("PATH"));
        let me = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
        let mut command = Command::new(program);
        for name in
            ["ENGINE", "REGISTRY", "ONLY_HERE", "PSSP", "URL", "SURE", "API_KEYS_FILE", "ADMIN_KEY_FILE"]
        {
            command.env_remove(name);
        }
        for name in ["AWS_DEFAULT_REGION", "ALARM_EMAIL", "PSSP_API_KEY", "PROD_API_KEY", "TEMPLATE"] {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.path("repo"))
            .env("PATH", path)
            .env("FAKE", self.path("account"))
            .env("AWS_REGION", "eu-central-1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(me.map(|name| (name, "test@example.org")))
            .envs(more.iter().copied())
            .output()
            .expect("a program")
    }

    fn with(&self, script: &str, args: &[&str], more: &[(&str, &str)]) -> Output {
        let script = self.path("repo").join("scripts/aws").join(script);
        self.command(script.to_str().expect("a path"), args, more)
    }

    /// Runs a script that must succeed, and returns its output.
    fn run(&self, script: &str, args: &[&str]) -> String {
        let output = self.with(script, args, &[]);
        assert!(output.status.success(), "{script} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script that must refuse, and returns its output.
    fn refused(&self, script: &str, args: &[&str], more: &[(&str, &str)]) -> String {
        let output = self.with(script, args, more);
        assert!(!output.status.success(), "{script} {args:?} should have refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn calls(&self) -> String {
        self.account("calls")
    }
}

const REGISTRY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

#[test]
fn a_deploy_pushes_once_and_sets_the_version_of_the_stack() {
    let site = Site::new();
    site.write_account("local", "arm64");
    let said = site.run("deploy.sh", &["test"]);
    assert!(said.contains(&format!("test runs {VERSION} at https://pssp-test.example")), "{said}");
    for image in ["pssp-api", "pssp-wrk"] {
        assert!(site.calls().contains(&format!("docker push {REGISTRY}/{image}:{VERSION}-arm64\n")));
        assert!(site.calls().contains(&format!(
            "create-repository --repository-name {image} --image-tag-mutability IMMUTABLE"
        )));
    }
    assert_eq!(site.account("stack-pssp-test/Version"), VERSION);
    assert_eq!(site.account("stack-pssp-test/Registry"), REGISTRY);
    assert_eq!(site.account("stack-pssp-test/TableProtection"), "false");
    assert!(site.calls().contains("--tags project=pssp stage=test"));
    assert!(site.calls().contains("--stack-name pssp-test-alarms"));
    assert!(site.calls().contains("Table=pssp-test-Table"), "alarms watch the resources of the stack");
    site.run("deploy.sh", &["test"]);
    assert_eq!(site.calls().matches("docker push").count(), 2, "an existing image is never replaced");
    assert!(!site.calls().contains("latest"));
}

#[test]
fn keys_are_not_passed_as_arguments_and_are_kept() {
    let site = Site::new();
    site.write_account("local", "arm64");
    let said = site.run("deploy.sh", &["test"]);
    let key = said.lines().find_map(|line| line.split_once("PSSP_ADMIN_KEY=")).expect("a key").1.to_owned();
    assert_eq!(key.len(), 48);
    assert_eq!(site.account("stack-pssp-test/AdminKey"), key);
    assert_eq!(site.account("stack-pssp-test/mode"), "600\n");
    let again = site.run("deploy.sh", &["test"]);
    assert!(
        !again.contains("PSSP_ADMIN_KEY") && !site.account("stack-pssp-test/parameters").contains("AdminKey")
    );
    let file = site.path("keys");
    fs::write(&file, "alice:quoted\"and\\barred\n").expect("a written file");
    let output = site.with("deploy.sh", &["test"], &[("API_KEYS_FILE", file.to_str().expect("a path"))]);
    assert!(output.status.success());
    let parameters = site.account("stack-pssp-test/parameters");
    assert!(parameters.contains(r#""ApiKeys=alice:quoted\"and\\barred""#), "{parameters}");
    let parsed: Vec<String> = serde_json::from_str(&parameters).expect("JSON");
    assert!(parsed.contains(&"ApiKeys=alice:quoted\"and\\barred".to_owned()));
    assert!(
        !site.calls().contains(&key) && !site.calls().contains("barred"),
        "other users can read the arguments of a process"
    );
}

#[test]
fn a_new_stage_with_a_function_url_needs_keys() {
    let site = Site::new();
    site.write_account("local", "arm64");
    let url = ("ONLY_HERE", "Entry=FunctionUrl");
    assert!(site.refused("deploy.sh", &["test"], &[url]).contains("API_KEYS_FILE=keys.txt"));
    assert_eq!(
        (site.account("stack-pssp-test/Version").as_str(), site.calls().contains("push")),
        ("", false)
    );
    let file = site.path("keys");
    fs::write(&file, "alice:secret-key\n").expect("a written file");
    let keys = ("API_KEYS_FILE", file.to_str().expect("a path"));
    for given in [&[url, keys][..], &[url]] {
        let output = site.with("deploy.sh", &["test"], given);
        assert!(
            output.status.success(),
            "a stage keeps its keys: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn images_of_another_architecture_and_image_lists_are_refused() {
    let site = Site::new();
    site.write_account("local", "amd64");
    site.write_account("registry", "amd64");
    assert!(site.refused("deploy.sh", &["test"], &[]).contains("is not for arm64"));
    assert!(!site.calls().contains("docker push"));
    assert!(site.calls().contains("pull --quiet --platform linux/arm64"));
    site.write_account("registry", "arm64");
    site.write_account("media", "application/vnd.oci.image.index.v1+json");
    assert!(site.refused("deploy.sh", &["test"], &[]).contains("which Lambda refuses"));
    assert_eq!(site.account("stack-pssp-test/Version"), "");
}

#[test]
fn zips_hold_one_program_with_its_licences_and_are_never_replaced() {
    let site = Site::new();
    let programs = site.path("programs");
    fs::create_dir(&programs).expect("a folder");
    for name in ["pssp-api", "pssp-worker"] {
        fs::write(programs.join(name), format!("this is {name}")).expect("a written file");
    }
    let programs = programs.to_str().expect("a path");
    let more = [("PROGRAMS", programs), ("ONLY_HERE", "Package=Zip CodeBucket=code Architecture=x86_64")];
    for _ in 0..2 {
        let output = site.with("deploy.sh", &["test"], &more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(site.calls().matches("aws s3 cp").count(), 2, "one upload for each program");
    assert_eq!(site.account("stack-pssp-test/Package"), "Zip");
    assert_eq!(site.account("stack-pssp-test/Architecture"), "x86_64");
    let zip = site.path("account").join(format!("s3-pssp_{VERSION}_pssp-worker-x86_64.zip"));
    let list = Command::new("python3").args(["-m", "zipfile", "-l"]).arg(zip).output().expect("python3");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let files: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(files, ["bootstrap", "LICENSE", "THIRD-PARTY.txt"], "{list}");
    assert!(site.refused("deploy.sh", &["test"], &[("ONLY_HERE", "Package=Zip")]).contains("needs a bucket"));
}

#[test]
fn prod_gets_the_version_of_test_after_its_verification() {
    let site = Site::new();
    site.write_account("local", "arm64");
    assert!(site.refused("promote.sh", &[], &[]).contains("test runs nothing"));
    site.run("deploy.sh", &["test", "7.8.9"]);
    site.write_account("broken", "");
    assert!(site.refused("promote.sh", &[], &[]).contains("not promoted"));
    assert_eq!(site.account("stack-pssp-prod/Version"), "");
    fs::remove_file(site.path("account").join("broken")).expect("removed");
    site.run("promote.sh", &[]);
    assert_eq!(site.account("stack-pssp-prod/Version"), "7.8.9", "not the version of the code, {VERSION}");
    assert_eq!(site.account("stack-pssp-prod/TableProtection"), "true");
    for stage in ["test", "prod"] {
        assert!(
            site.calls()
                .contains(&format!("pssp --url https://pssp-{stage}.example verify --expect-version 7.8.9"))
        );
    }
    fs::write(site.path("repo/infra/prod.params"), "Stage=prod\n").expect("a written file");
    assert!(site.refused("promote.sh", &[], &[]).contains("commit or undo"));
}

#[test]
fn a_rollback_returns_to_the_previous_version() {
    let site = Site::new();
    site.write_account("local", "arm64");
    assert!(site.refused("rollback.sh", &[], &[]).contains("prod runs nothing"));
    site.run("deploy.sh", &["prod", "7.8.9"]);
    assert!(site.refused("rollback.sh", &[], &[]).contains("only ever run 7.8.9"));
    site.run("deploy.sh", &["prod", "7.9.0"]);
    site.run("deploy.sh", &["prod", "7.9.0"]);
    site.run("rollback.sh", &[]);
    assert_eq!(site.account("stack-pssp-prod/Version"), "7.8.9");
    site.run("rollback.sh", &[]);
    assert_eq!(site.account("stack-pssp-prod/Version"), "7.9.0", "a second rollback undoes the first");
    assert!(site.refused("rollback.sh", &["latest"], &[]).contains("not a version"));
}

#[test]
fn a_stage_is_deleted_only_after_confirmation_and_the_table_of_prod_stays() {
    let site = Site::new();
    site.write_account("local", "arm64");
    for stage in ["test", "prod"] {
        site.run("deploy.sh", &[stage]);
    }
    assert!(site.refused("delete.sh", &["test"], &[("SURE", "pssp-prod")]).contains("nothing was deleted"));
    assert!(site.refused("delete.sh", &["test"], &[]).contains("nothing was deleted"), "no answer means no");
    assert!(!site.calls().contains("delete-stack"));
    let gone = site.with("delete.sh", &["test"], &[("SURE", "pssp-test")]);
    assert!(gone.status.success());
    assert!(site.calls().contains("aws dynamodb delete-table --table-name pssp-test-Table"));
    let kept = site.with("delete.sh", &["prod"], &[("SURE", "pssp-prod")]);
    assert!(String::from_utf8_lossy(&kept.stdout).contains("delete-table --table-name pssp-prod-Table"));
    assert!(!site.calls().contains("aws dynamodb delete-table --table-name pssp-prod-Table"));
    assert!(site.refused("delete.sh", &["prod"], &[("SURE", "pssp-prod")]).contains("no stack pssp-prod"));
}

#[test]
fn missing_prerequisites_are_named() {
    let site = Site::new();
    assert!(site.refused("deploy.sh", &[], &[]).contains("STAGE=test or STAGE=prod"));
    assert!(site.refused("deploy.sh", &["test", "latest"], &[]).contains("not a version"));
    assert!(site.refused("deploy.sh", &["test"], &[("AWS_REGION", "")]).contains("which region?"));
    site.write_account("logged-out", "");
    assert!(site.refused("deploy.sh", &["test"], &[]).contains("aws configure"));
    assert!(site.refused("verify.sh", &["test"], &[]).contains("aws configure"));
    fs::remove_file(site.path("account").join("logged-out")).expect("removed");
    assert!(site.refused("verify.sh", &["test"], &[]).contains("there is no stack pssp-test"));
}

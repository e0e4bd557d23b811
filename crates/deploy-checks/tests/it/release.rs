//! The scripts that release, deploy, promote and roll back. They run in a copy of the repository with a fake cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pssp_deploy_checks::root;
use tempfile::TempDir;

/// A copy of the files that the scripts use, as a git repository, and a fake cluster that keeps its state in a folder.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self::without_history();
        site.outside("docker/skeleton.sh", &[site.repo().to_str().expect("a path")]);
        let described = "functions/api/openapi.json";
        site.outside("cp", &[described, site.repo().join(described).to_str().expect("a path")]);
        site.changelog("## [Unreleased]\n\n### Added\n\n- Something.\n");
        site.git(&["init", "--quiet", "--initial-branch=main"]);
        site.commit("Begin");
        site
    }

    /// Enough for scripts that only talk to the cluster: there is no git repository, and nothing to release.
    pub(crate) fn without_history() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a folder") };
        for folder in [site.repo(), site.fake(), site.bin()] {
            fs::create_dir_all(folder).expect("a folder");
        }
        let repo = site.repo();
        site.outside(
            "cp",
            &["-r", "kubernetes", "scripts", "docker", "data", repo.to_str().expect("a path")],
        );
        let kubectl = root().join("crates/deploy-checks/tests/it/fake-kubectl.sh");
        fs::copy(kubectl, site.bin().join("kubectl")).expect("a copy");
        site.verdict("Complete");
        site
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub(crate) fn fake(&self) -> PathBuf {
        self.dir.path().join("cluster")
    }

    fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    fn outside(&self, program: &str, args: &[&str]) {
        assert!(self.dir.path().is_dir());
        let status = Command::new(program).args(args).current_dir(root()).status().expect("a program");
        assert!(status.success(), "{program} {args:?}");
    }

    fn command(&self, program: impl AsRef<Path>, args: &[&str]) -> Output {
        self.command_with(program, args, &[])
    }

    fn command_with(&self, program: impl AsRef<Path>, args: &[&str], more: &[(&str, &str)]) -> Output {
        let path = format!("{}:{}", self.bin().display(), std::env::var("PATH").expect("PATH"));
        let me = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
        Command::new(program.as_ref())
            .args(args)
            .current_dir(self.repo())
            .env("PATH", path)
            .env("FAKE", self.fake())
            .env("RELEASE_CHECKS", "true")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("KUBECTL")
            .env_remove("RELEASE_BRANCH")
            .envs(me.map(|name| (name, "test@example.org")))
            .envs(more.iter().copied())
            .output()
            .expect("a program")
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.command("git", args);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    /// Runs a script that must succeed.
    pub(crate) fn run(&self, script: &str, args: &[&str]) {
        let output = self.command(self.repo().join("scripts").join(script), args);
        assert!(output.status.success(), "{script} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a script that must refuse, and returns its output.
    pub(crate) fn refused(&self, script: &str, args: &[&str]) -> String {
        self.refused_with(script, args, &[])
    }

    pub(crate) fn refused_with(&self, script: &str, args: &[&str], more: &[(&str, &str)]) -> String {
        let output = self.command_with(self.repo().join("scripts").join(script), args, more);
        assert!(!output.status.success(), "{script} {args:?} should have refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.repo().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from}");
        fs::write(self.repo().join(path), text.replace(from, to)).expect("a written file");
    }

    fn changelog(&self, text: &str) {
        fs::write(self.repo().join("CHANGELOG.md"), format!("# Changelog\n\n{text}"))
            .expect("a written file");
    }

    /// Sets the outcome of the verification job.
    pub(crate) fn verdict(&self, condition: &str) {
        fs::write(self.fake().join("verdict"), condition).expect("a written file");
    }

    /// The image that the cluster runs for a deployment.
    fn runs(&self, deployment: &str) -> String {
        let image = fs::read_to_string(self.fake().join(format!("image-{deployment}"))).unwrap_or_default();
        image.trim().to_owned()
    }

    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.fake().join("calls")).unwrap_or_default()
    }

    /// Makes a release and deploys it to test and prod.
    fn released(&self, version: &str) {
        self.run("release.sh", &[version]);
        self.run("deploy/apply.sh", &["test"]);
        self.run("deploy/promote.sh", &[]);
    }

    /// Adds an entry for the next release to the CHANGELOG.
    fn progress(&self) {
        self.edit("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n### Fixed\n\n- More.\n");
        self.commit("Go on");
    }
}

#[test]
fn a_release_writes_one_version_everywhere() {
    let site = Site::new();
    site.run("release.sh", &["7.8.9"]);
    assert!(site.read("Cargo.toml").contains("\nversion = \"7.8.9\"\n"));
    assert!(site.read("functions/api/openapi.json").contains("\n    \"version\": \"7.8.9\""));
    assert!(site.read("Cargo.lock").contains("name = \"pssp-api\"\nversion = \"7.8.9\"\n"));
    assert!(site.read("CHANGELOG.md").contains("## [Unreleased]\n\n## [7.8.9] - 20"));
    for file in [
        "kubernetes/test/api-deployment.yml",
        "kubernetes/test/wrk-deployment.yml",
        "kubernetes/debug/verify-job.yml",
    ] {
        assert!(site.read(file).contains(":7.8.9\n"), "{file}");
    }
    assert!(site.read("docker/docker-compose.yml").contains("${PSSP_VERSION:-7.8.9}"));
    assert!(
        !site.read("kubernetes/prod/api-deployment.yml").contains(":7.8.9\n"),
        "prod keeps its version until a promotion"
    );
    assert_eq!(site.git(&["describe", "--tags", "--exact-match"]), "v7.8.9");
    assert_eq!(site.git(&["status", "--porcelain"]), "");
    assert!(site.refused("release.sh", &["7.8.9"]).contains("exists already"));
}

#[test]
fn a_release_refuses_invalid_versions_and_states() {
    let site = Site::new();
    assert!(site.refused("release.sh", &[]).contains("usage"));
    assert!(site.refused("release.sh", &["1.2"]).contains("usage"));
    assert!(site.refused("release.sh", &["0.0.1"]).contains("older"));
    fs::write(site.repo().join("stray"), "").expect("a file");
    assert!(site.refused("release.sh", &["7.8.9"]).contains("has changes"));
    fs::remove_file(site.repo().join("stray")).expect("removed");
    site.git(&["switch", "--quiet", "--create", "side"]);
    assert!(site.refused("release.sh", &["7.8.9"]).contains("made on main"));
    site.git(&["switch", "--quiet", "main"]);
    site.changelog("## [Unreleased]\n\n## [0.0.1] - 2020-01-01\n\n- Old.\n");
    site.commit("Empty the changelog");
    assert!(site.refused("release.sh", &["7.8.9"]).contains("CHANGELOG.md"));
    assert_eq!(site.git(&["tag"]), "");
}

#[test]
fn a_deploy_creates_secrets_once_and_waits() {
    let site = Site::new();
    site.run("deploy/apply.sh", &["test"]);
    let secrets = fs::read_to_string(site.fake().join("created")).expect("secrets");
    let password_of = |user: &str| {
        let line = secrets.lines().find_map(|l| l.trim().strip_prefix(&format!("user {user} on >")));
        line.and_then(|rest| rest.split(' ').next()).expect("a password")
    };
    let (password, operator) = (password_of("pssp"), password_of("operator"));
    assert!(password.len() == 48 && operator.len() == 48 && password != operator);
    assert!(secrets.contains(&format!("PSSP_BACKEND: redis://pssp:{password}@test-db:6379/0\n")));
    assert!(secrets.contains(&format!("  operator: \"{operator}\"\n")), "people find it there");
    let admin = secrets.lines().find_map(|l| l.trim().strip_prefix("PSSP_ADMIN_KEY: \"")).expect("a key");
    assert!(admin.trim_end_matches('"').len() == 48 && !admin.contains(password));
    assert!(
        ![password, operator, admin].iter().any(|secret| site.calls().contains(secret)),
        "other users can read the arguments of a process"
    );
    for part in ["db", "api", "wrk"] {
        assert!(site.calls().contains(&format!("rollout status deployment/test-{part}")));
    }
    site.run("deploy/apply.sh", &["test"]);
    assert_eq!(site.calls().matches("create -f -").count(), 1);
    fs::remove_file(site.fake().join("secret-test-db-secret")).expect("removed");
    assert!(site.refused("deploy/apply.sh", &["test"]).contains("share a password"));
}

/// Secrets that an earlier release made have no users. They work, and the script says what to do.
#[test]
fn secrets_of_an_earlier_release_are_kept_and_named() {
    let site = Site::new();
    site.run("deploy/secret.sh", &["prod"]);
    fs::write(site.fake().join("earlier-secrets"), "").expect("a file");
    let output = site.command(site.repo().join("scripts/deploy/secret.sh"), &["prod"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("kubectl delete secret prod-secret prod-db-secret"),
        "{said}"
    );
    assert_eq!(site.calls().matches("create -f -").count(), 1);
}

#[test]
fn pods_without_the_password_are_restarted() {
    let site = Site::new();
    fs::write(site.fake().join("image-test-api"), "").expect("a file");
    site.run("deploy/secret.sh", &["test"]);
    assert!(site.calls().contains("rollout restart deployment.apps/test-api"));
}

#[test]
fn latest_is_refused() {
    let site = Site::new();
    site.edit(
        "kubernetes/test/api-deployment.yml",
        &format!("pssp-api:{}", env!("CARGO_PKG_VERSION")),
        "pssp-api:latest",
    );
    assert!(site.refused("deploy/apply.sh", &["test"]).contains("pssp-api:latest"));
    assert_eq!(site.calls(), "");
    site.edit("kubernetes/test/api-deployment.yml", "pssp-api:latest", "pssp-api");
    assert!(site.refused("deploy/no-latest.sh", &[]).contains("pssp-api"));
}

#[test]
fn prod_gets_the_version_of_test_after_its_verification() {
    let site = Site::new();
    site.run("release.sh", &["7.8.9"]);
    site.run("deploy/apply.sh", &["test"]);
    site.verdict("FailureTarget Failed");
    assert!(site.refused("deploy/promote.sh", &[]).contains("not promoted"));
    assert_eq!(site.runs("prod-api"), "");
    site.verdict("SuccessCriteriaMet Complete");
    site.run("deploy/promote.sh", &[]);
    for part in ["api", "wrk", "db"] {
        assert_eq!(site.runs(&format!("prod-{part}")), site.runs(&format!("test-{part}")));
    }
    assert!(site.runs("prod-api").ends_with(":7.8.9"));
    assert_eq!(site.git(&["log", "-1", "--format=%s"]), "Promote 7.8.9 to prod");
    assert_eq!(site.git(&["status", "--porcelain"]), "");
    let job = fs::read_to_string(site.fake().join("job")).expect("a job");
    assert!(
        job.contains("name: prod-verify")
            && job.contains("http://prod-api:5000")
            && job.contains("name: prod-verify-secret")
            && job.contains("/pssp:7.8.9")
            && job.contains("--expect-version, \"7.8.9\"")
    );
}

#[test]
fn a_promotion_refuses_a_version_that_test_does_not_run() {
    let site = Site::new();
    site.run("deploy/apply.sh", &["test"]);
    site.run("release.sh", &["7.8.9"]);
    assert!(site.refused("deploy/promote.sh", &[]).contains("make deploy-test"));
    site.edit("kubernetes/prod/pdb.yml", "maxUnavailable: 1", "maxUnavailable: 2");
    assert!(site.refused("deploy/promote.sh", &[]).contains("commit or undo"));
}

#[test]
fn a_rollback_returns_to_the_previous_version() {
    let site = Site::new();
    site.released("7.8.9");
    site.progress();
    site.released("7.9.0");
    assert!(site.runs("prod-api").ends_with(":7.9.0"));
    site.run("deploy/rollback.sh", &[]);
    assert!(site.runs("prod-api").ends_with(":7.8.9"));
    assert!(site.runs("prod-wrk").ends_with(":7.8.9"));
    assert!(site.runs("test-api").ends_with(":7.9.0"), "test keeps the newer version");
    site.run("deploy/rollback.sh", &["7.9.0"]);
    assert!(site.runs("prod-api").ends_with(":7.9.0"));
}

#[test]
fn a_changed_redis_image_gets_the_next_revision() {
    let site = Site::new();
    site.run("db-version.sh", &["--check"]);
    site.edit("data/redis.conf", "# Redis as pssp needs it.", "# Redis as we need it.");
    site.run("db-version.sh", &["--check"]);
    site.edit("data/redis.conf", "tcp-keepalive 60", "tcp-keepalive 30");
    assert!(site.refused("db-version.sh", &["--check"]).contains("make db-version"));
    let before = site.read("docker/db-version");
    site.run("db-version.sh", &[]);
    let after = site.read("docker/db-version");
    let revision =
        |text: &str| -> u32 { text.split([' ', '-']).nth(1).expect("a revision").parse().expect("a number") };
    assert_eq!(revision(&after), revision(&before) + 1);
    let version = after.split(' ').next().expect("a version");
    assert!(site.read("kubernetes/test/db-deployment.yml").contains(&format!("pssp-db:{version}\n")));
    assert!(!site.read("kubernetes/prod/db-deployment.yml").contains(&format!("pssp-db:{version}\n")));
}

/// The scripts that a script calls talk to the same cluster and namespace.
#[test]
fn another_cluster_or_namespace_is_used_for_everything() {
    let site = Site::new();
    site.run("release.sh", &["7.8.9"]);
    for script in ["apply.sh", "promote.sh"] {
        let args: &[&str] = if script == "apply.sh" { &["test"] } else { &[] };
        let kubectl = ("KUBECTL", "kubectl --context class -n mine");
        let output = site.command_with(site.repo().join("scripts/deploy").join(script), args, &[kubectl]);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(
        site.calls().contains("create -f -") && site.calls().contains("rollout status deployment/prod-api")
    );
    for call in site.calls().lines() {
        assert!(call.starts_with("--context class -n mine "), "{call}");
    }
}

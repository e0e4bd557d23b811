//! Checks how images are built, and which images are used.

use std::process::Command;

use pssp_deploy_checks::{Dockerfile, Object, objects, root, text};

use crate::{ENVIRONMENTS, object};

/// The parts that are built from this repository.
const PROGRAMS: [&str; 3] = ["api", "wrk", "cli"];

fn run(script: &str, args: &[&str]) {
    let output = Command::new(root().join(script)).args(args).output().expect("a script that can be run");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Name and tag of the image of an object.
fn image(object: &Object) -> (String, String) {
    let image = object.container()["image"].as_str().expect("an image");
    let (name, tag) = image.rsplit_once(':').expect("a tag");
    (name.to_owned(), tag.to_owned())
}

#[test]
fn no_image_has_the_tag_latest() {
    run("scripts/deploy/no-latest.sh", &[]);
}

#[test]
fn dockerfiles_share_their_build_stages() {
    let build = Dockerfile::of("api").build().to_vec();
    for part in PROGRAMS {
        assert_eq!(
            Dockerfile::of(part).build(),
            build,
            "Dockerfile.{part} could not reuse the layers of the others"
        );
    }
}

#[test]
fn images_contain_one_program_and_nothing_else() {
    for part in ["api", "wrk", "cli", "db"] {
        let file = Dockerfile::of(part);
        assert_eq!(file.says("FROM"), "scratch", "{part}");
        assert!(
            file.says("ENTRYPOINT").starts_with('['),
            "{part}: the image has no shell to start the program"
        );
        assert!(file.says("LABEL").contains("image.version=\"${VERSION}\""), "{part}");
        assert!(file.says("LABEL").contains("image.revision=\"${REVISION}\""), "{part}");
        assert!(!file.image().iter().any(|(name, _)| name == "RUN"), "{part}");
    }
    for part in ["api", "wrk", "db"] {
        let check = Dockerfile::of(part).says("HEALTHCHECK").to_owned();
        assert!(check.contains("CMD [") && !check.contains("curl"), "{part}: {check}");
    }
}

#[test]
fn the_compiler_is_new_enough() {
    let cargo = text("Cargo.toml");
    let needed = cargo.lines().find_map(|l| l.strip_prefix("rust-version = \"")).expect("a rust-version");
    let minor = |version: &str| -> u32 {
        version
            .split('.')
            .nth(1)
            .expect("a minor version")
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .expect("a number")
    };
    let used = text("docker/Dockerfile.api");
    let used = used.lines().find_map(|l| l.strip_prefix("FROM docker.io/library/rust:")).expect("a builder");
    let used = used.split('-').next().expect("a version");
    assert!(minor(used) >= minor(needed), "rust {used} cannot build what needs {needed}");
}

#[test]
fn test_runs_the_version_of_this_checkout() {
    for part in ["api", "wrk"] {
        let (name, tag) = image(&object("test", "Deployment", part));
        assert_eq!(name, format!("ghcr.io/pssp/pssp-{part}"));
        assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{part}: scripts/deploy/set-tag.sh test VERSION");
    }
    let verify = objects("kubernetes/debug").into_iter().find(|o| o.kind() == "Job").expect("the job");
    assert_eq!(image(&verify), ("ghcr.io/pssp/pssp".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
}

#[test]
fn an_environment_has_one_version() {
    for env in ENVIRONMENTS {
        let tags = ["api", "wrk"].map(|part| image(&object(env, "Deployment", part)).1);
        assert_eq!(tags[0], tags[1], "{env}");
    }
}

#[test]
fn the_redis_image_has_the_recorded_version() {
    run("scripts/db-version.sh", &["--check"]);
    let recorded = text("docker/db-version");
    let version = recorded.split(' ').next().expect("a version");
    assert_eq!(image(&object("test", "Deployment", "db")).1, version);
    assert!(text("docker/docker-compose.yml").contains(&format!("${{DB_VERSION:-{version}}}")));
}

/// The build of the images needs the files that code includes from outside its crate.
#[test]
fn dockerignore_allows_the_included_model_files() {
    let allowed = text(".dockerignore");
    let allows = |file: &str| {
        let kind = file.rsplit_once('.').map_or("", |(_, kind)| kind);
        allowed.lines().any(|line| line == format!("!model/{file}") || line == format!("!model/*.{kind}"))
    };
    let code = text("crates/predict/src/engine/neural.rs");
    let included: Vec<&str> =
        code.split("/../../model/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(included.contains(&"pssp-net.safetensors"), "{included:?}");
    for file in included {
        assert!(allows(file), ".dockerignore keeps model/{file} out of the build");
    }
}

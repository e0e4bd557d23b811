//! Rules for every pod: the restricted Pod Security Standard, the user of the image, and limits.

use pssp_deploy_checks::{Dockerfile, Object, objects};
use serde_json::{Value, json};

fn pods() -> Vec<Object> {
    let folders = ["kubernetes/test", "kubernetes/prod", "kubernetes/debug", "kubernetes/addons"];
    folders.iter().flat_map(|folder| objects(folder)).filter(|o| o.pod().is_some()).collect()
}

fn every_pod(check: impl Fn(&str, &Value)) {
    let pods = pods();
    assert_eq!(
        pods.len(),
        9,
        "three deployments in each environment, the verification, the debug pod, PostgreSQL"
    );
    pods.iter().for_each(|pod| check(pod.name(), &pod.pod().expect("a pod")["spec"]));
}

fn every_container(check: impl Fn(&str, &Value)) {
    every_pod(|name, spec| {
        let containers = spec["containers"].as_array().expect("containers");
        let init = spec["initContainers"].as_array().into_iter().flatten();
        containers.iter().chain(init).for_each(|container| check(name, container));
    });
}

#[test]
fn every_pod_meets_the_restricted_standard() {
    every_pod(|name, spec| {
        let context = &spec["securityContext"];
        assert_eq!(context["runAsNonRoot"], true, "{name}");
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec.get(forbidden).is_none(), "{name}: {forbidden}");
        }
        let volumes = spec["volumes"].as_array().into_iter().flatten();
        for volume in volumes {
            let allowed = ["configMap", "secret", "persistentVolumeClaim", "emptyDir", "projected"];
            assert!(allowed.iter().any(|kind| volume.get(kind).is_some()), "{name}: {volume}");
        }
    });
    every_container(|name, container| {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
        assert!(context.get("privileged").is_none(), "{name}");
    });
}

#[test]
fn every_pod_has_the_user_of_the_images() {
    for part in ["api", "wrk", "cli", "db"] {
        assert_eq!(Dockerfile::of(part).says("USER"), "65532:65532", "Dockerfile.{part}");
    }
    every_pod(|name, spec| {
        // The image of PostgreSQL is not ours; its user has this number.
        let user = if name == "prod-pg" { 999 } else { 65532 };
        assert_eq!(spec["securityContext"]["runAsUser"], user, "{name}");
        assert_eq!(spec["securityContext"]["runAsGroup"], user, "{name}");
    });
}

#[test]
fn pods_get_no_unneeded_tokens_or_variables() {
    every_pod(|name, spec| {
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
    });
    for pod in pods().iter().filter(|pod| pod.name() != "python-debug") {
        let links = &pod.pod().expect("a pod")["spec"]["enableServiceLinks"];
        assert_eq!(
            *links,
            false,
            "{}: the variables of a service named pssp-… would look like settings",
            pod.name()
        );
    }
}

#[test]
fn every_container_has_requests_and_limits() {
    every_container(|name, container| {
        for kind in ["requests", "limits"] {
            for resource in ["cpu", "memory"] {
                assert!(container["resources"][kind][resource].is_string(), "{name}: {kind}.{resource}");
            }
        }
    });
}

//! What a deploy says when pods do not come up. The fake cluster answers in the words of a real one.

use std::fs;

use serde_json::{Value, json};

use crate::release::Site;

/// A cluster in which the API of test does not come up.
fn broken(pods: &Value) -> Site {
    let site = Site::without_history();
    fs::write(site.fake().join("broken"), "test-api").expect("a file");
    tell(&site, "pods.json", &json!({ "items": pods }));
    site
}

fn tell(site: &Site, file: &str, answer: &Value) {
    fs::write(site.fake().join(file), answer.to_string()).expect("a file");
}

/// A pod with the state of its container.
fn pod(container: &Value) -> Value {
    let mut status =
        json!({ "name": "api", "ready": false, "restartCount": 0, "image": "ghcr.io/pssp/pssp-api:7.8.9" });
    status.as_object_mut().expect("an object").extend(container.as_object().expect("an object").clone());
    json!({
        "metadata": { "name": "test-api-5d8-x7k" },
        "status": {
            "phase": "Running",
            "conditions": [
                { "type": "PodScheduled", "status": "True" },
                { "type": "Ready", "status": "False", "reason": "ContainersNotReady" },
            ],
            "containerStatuses": [status],
        },
    })
}

fn said(site: &Site) -> String {
    let said = site.refused("deploy/apply.sh", &["test"]);
    let end = "test-api does not come up; the reason is above";
    assert!(said.contains(end) && !said.contains("Traceback"), "{said}");
    let asked = "--selector app.kubernetes.io/instance=test,app.kubernetes.io/name=pssp-api --output json";
    assert!(site.calls().contains(&format!("get pods {asked}")), "{}", site.calls());
    said
}

#[test]
fn a_cluster_without_room_is_named_with_what_is_missing() {
    let message = "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, \
                   2 Insufficient cpu. preemption: 0/3 nodes are available.";
    let condition =
        json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message });
    let pods = json!([{
        "metadata": { "name": "test-api-5d8-x7k" },
        "status": { "phase": "Pending", "conditions": [condition] },
    }]);
    let site = broken(&pods);
    let said = said(&site);
    assert!(said.contains(&format!("test-api-5d8-x7k: Unschedulable: {message}")), "{said}");
    assert!(said.contains("resources.requests.cpu"), "{said}");
    assert!(!site.calls().contains("logs "), "it has no log: {}", site.calls());
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let message = "Back-off pulling image \"ghcr.io/pssp/pssp-api:7.8.9\"";
    let site = broken(&json!([pod(
        &json!({ "state": { "waiting": { "reason": "ImagePullBackOff", "message": message } } })
    )]));
    let event = "Failed to pull image \"ghcr.io/pssp/pssp-api:7.8.9\": rpc error: code = NotFound";
    let at =
        |time: &str, message: &str| json!({ "reason": "Failed", "message": message, "lastTimestamp": time });
    let events = [
        at("2026-01-01T00:00:02Z", event),
        at("2026-01-01T00:00:01Z", "Error: ErrImagePull"),
        at("2026-01-01T00:00:03Z", event),
    ];
    tell(&site, "events.json", &json!({ "items": events }));
    let said = said(&site);
    assert!(
        said.contains(&format!("test-api-5d8-x7k: container api: ImagePullBackOff: {message}")),
        "{said}"
    );
    assert!(said.contains("is the image pushed"), "{said}");
    assert_eq!(said.matches(event).count(), 1, "an event that came twice is said once: {said}");
    assert!(site.calls().contains("involvedObject.name=test-api-5d8-x7k,type=Warning"));
}

#[test]
fn a_crash_is_shown_with_the_end_of_the_log_of_the_run_that_crashed() {
    let state = json!({
        "restartCount": 4,
        "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 1m20s restarting failed container" } },
        "lastState": { "terminated": { "exitCode": 2, "reason": "Error" } },
    });
    let site = broken(&json!([pod(&state)]));
    let lines: Vec<String> = (1..=40).map(|line| format!("line {line} of the log")).collect();
    fs::write(site.fake().join("log"), lines.join("\n")).expect("a file");
    let said = said(&site);
    assert!(said.contains("CrashLoopBackOff: it started 5 times, and ended with exit code 2"), "{said}");
    assert!(said.contains("line 40 of the log") && !said.contains("line 20 of"), "the end only: {said}");
    assert!(
        site.calls().contains("logs test-api-5d8-x7k --container api --tail=15 --previous"),
        "{}",
        site.calls()
    );
}

#[test]
fn other_reasons_are_named_with_what_can_be_done() {
    for (state, expected) in [
        (
            json!({ "restartCount": 1, "state": { "running": {} }, "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } }),
            &["runs and is not ready", "exit code 137 (OOMKilled)", "resources.limits.memory"][..],
        ),
        (
            json!({ "state": { "waiting": { "reason": "CreateContainerConfigError", "message": "secret \"prod-secret\" not found" } } }),
            &["CreateContainerConfigError: secret \"prod-secret\" not found", "makes the Secrets"],
        ),
        (
            json!({ "state": { "terminated": { "exitCode": 1, "reason": "Error" } } }),
            &["ended with exit code 1"],
        ),
    ] {
        let said = said(&broken(&json!([pod(&state)])));
        expected.iter().for_each(|what| assert!(said.contains(what), "{what}: {said}"));
    }
}

#[test]
fn a_volume_that_is_not_there_is_named() {
    let mut pod = pod(&json!({ "state": { "waiting": { "reason": "ContainerCreating" } } }));
    pod["status"]["phase"] = "Pending".into();
    let site = broken(&json!([pod]));
    let message = "MountVolume.SetUp failed for volume \"password\" : secret \"test-db-secret\" not found";
    let event = json!({ "reason": "FailedMount", "message": message, "lastTimestamp": null, "eventTime": "2026-01-01T00:00:01Z" });
    tell(&site, "events.json", &json!({ "items": [event] }));
    let said = said(&site);
    assert!(said.contains("container api: ContainerCreating"), "{said}");
    assert!(said.contains(&format!("event: FailedMount: {message}")), "{said}");
}

/// The quota of a class is the usual reason for a deployment without pods.
#[test]
fn a_deployment_that_may_make_no_pods_is_named() {
    let site = broken(&json!([]));
    let message = "pods \"test-api-5d8-\" is forbidden: exceeded quota: class, requested: limits.cpu=1, used: limits.cpu=4";
    let condition =
        json!({ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message });
    let deployment = json!({ "metadata": { "name": "test-api" }, "status": { "conditions": [condition] } });
    tell(&site, "deployments.json", &json!({ "items": [deployment] }));
    let said = said(&site);
    assert!(
        said.contains(&format!("test-api: FailedCreate: {message}"))
            && said.contains("kubectl describe quota"),
        "{said}"
    );
}

/// Pods that are ready are not the reason, and are not shown.
#[test]
fn only_what_is_not_ready_is_said() {
    let mut ready = pod(&json!({ "ready": true, "state": { "running": {} } }));
    ready["metadata"]["name"] = "test-api-old".into();
    ready["status"]["conditions"][1]["status"] = "True".into();
    let waits = pod(
        &json!({ "state": { "waiting": { "reason": "InvalidImageName", "message": "could not parse" } } }),
    );
    let text = said(&broken(&json!([ready, waits])));
    assert!(!text.contains("test-api-old") && text.contains("InvalidImageName"), "{text}");
    assert!(said(&broken(&json!([ready]))).contains("all pods are ready now"));
    assert!(said(&broken(&json!([]))).contains("there is no pod with"));
}

/// The cluster may be away. The deploy then says that, too.
#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let site = broken(&json!([]));
    fs::remove_file(site.fake().join("pods.json")).expect("removed");
    assert!(said(&site).contains("kubectl get pods fails: "));
}

#[test]
fn a_verification_that_cannot_start_is_explained() {
    let site = broken(&json!([pod(
        &json!({ "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } } })
    )]));
    site.verdict("");
    let said = site.refused_with("deploy/verify.sh", &["test"], &[("VERIFY_SECONDS", "1")]);
    assert!(said.contains("ErrImagePull: not found") && said.contains("failed its verification"), "{said}");
    assert!(site.calls().contains("get pods --selector job-name=test-verify"), "{}", site.calls());
}

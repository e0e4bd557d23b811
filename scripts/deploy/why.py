#!/usr/bin/env python3
"""Says why pods do not come up: why.py LABEL=VALUE[,LABEL=VALUE…]

Asks the cluster ($KUBECTL) for the pods with these labels, their events and logs, and for the deployments with the same
labels. What it prints is for people: a few lines a pod, the reason first, and what can be done where that is known.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

KUBECTL = shlex.split(os.environ.get("KUBECTL") or "kubectl")
# Lines of a log that are shown.
LOG_LINES = 15
# Warnings of a pod that are shown, the latest last.
EVENTS = 3
# Seconds for one question to the cluster.
PATIENCE = 30

# What can be done, by the reason that Kubernetes gives, or a part of its message.
REMEDIES = {
    "Insufficient cpu": "ask for less (resources.requests.cpu in the manifest), run fewer replicas, or free a node",
    "Insufficient memory": "ask for less (resources.requests.memory in the manifest), run fewer replicas, or free a node",
    "unbound immediate PersistentVolumeClaims": "the volume is not there: kubectl get storageclass must mark one as (default)",
    "persistentvolumeclaim": "kubectl describe pvc",
    "untolerated taint": "no node takes these pods: kubectl describe nodes",
    "ImagePullBackOff": "is the image pushed, its name right, and may the nodes pull it? docs/kubernetes.md, step 1",
    "ErrImagePull": "is the image pushed, its name right, and may the nodes pull it? docs/kubernetes.md, step 1",
    "InvalidImageName": "the image in the manifest is not a name",
    "CreateContainerConfigError": "a Secret or ConfigMap is missing: make deploy-… makes the Secrets",
    "OOMKilled": "it needs more memory than resources.limits.memory",
    "exceeded quota": "the namespace's quota is used up: kubectl describe quota",
    "violates PodSecurity": "the namespace has a stricter policy than these pods meet",
}


def kubectl(*args: str) -> str:
    """What the command prints. A failure becomes a line for people: this runs where something is wrong already."""
    try:
        done = subprocess.run([*KUBECTL, *args], capture_output=True, text=True, check=False, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"the cluster does not answer: {error}")
        return ""
    if done.returncode != 0:
        print(f"kubectl {args[0]} {args[1]} fails: {one_line(done.stderr)}")
        return ""
    return done.stdout


def items(*args: str) -> list[dict] | None:
    """The objects of an answer in JSON; none at all if there was no answer."""
    text = kubectl("get", *args, "--output", "json")
    return json.loads(text)["items"] if text else None


def remedy(text: str) -> str:
    return next((f" → {what}" for sign, what in REMEDIES.items() if sign in text), "")


def one_line(text: str) -> str:
    return " ".join(text.split())


def conditions(thing: dict) -> dict[str, dict]:
    return {one["type"]: one for one in thing.get("status", {}).get("conditions", [])}


def unscheduled(pod: dict) -> str:
    scheduled = conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") != "False":
        return ""
    message = one_line(scheduled.get("message", ""))
    return f"{scheduled.get('reason', 'Unschedulable')}: {message}{remedy(message)}"


def ended(state: dict) -> str:
    """How a container ended: `exit code 1`, or its signal or reason."""
    over = state.get("terminated")
    if not over:
        return ""
    reason = over.get("reason", "")
    told = f"exit code {over.get('exitCode')}" + (f" ({reason})" if reason not in ("", "Error") else "")
    return told + remedy(reason)


def waiting(status: dict) -> str:
    """What a container waits for, or what is wrong with it; empty if it is ready."""
    state, last = status.get("state", {}), ended(status.get("lastState", {}))
    name = f"container {status['name']}"
    hold = state.get("waiting")
    if hold:
        reason, message = hold.get("reason", "waiting"), one_line(hold.get("message", ""))
        if reason == "CrashLoopBackOff":
            return f"{name}: {reason}: it started {status.get('restartCount', 0) + 1} times, and ended with {last or 'an error'}"
        if reason in ("ContainerCreating", "PodInitializing"):
            return f"{name}: {reason}"
        return f"{name}: {reason}" + (f": {message}" if message else "") + remedy(f"{reason} {message}")
    if state.get("terminated"):
        return f"{name}: ended with {ended(state)}"
    if not status.get("ready"):
        again = f", after {status['restartCount']} restarts; the last one ended with {last}" if last else ""
        return f"{name}: runs and is not ready{again}"
    return ""


def warnings(pod: dict) -> list[str]:
    name = pod["metadata"]["name"]
    found = items("events", "--field-selector", f"involvedObject.name={name},type=Warning") or []
    found.sort(key=lambda one: one.get("lastTimestamp") or one.get("eventTime") or "")
    lines = []
    for one in found:
        line = f"{one.get('reason', '')}: {one_line(one.get('message', ''))}"
        if line not in lines:
            lines.append(line)
    return lines[-EVENTS:]


def log(pod: dict, status: dict) -> list[str]:
    """The last lines of a container: of the run that ended, where the present one waits."""
    name = pod["metadata"]["name"]
    runs = "running" in status.get("state", {})
    previous = [] if runs or status.get("state", {}).get("terminated") else ["--previous"]
    text = kubectl("logs", name, "--container", status["name"], f"--tail={LOG_LINES}", *previous)
    return text.splitlines()[-LOG_LINES:]


def about_pod(pod: dict) -> list[str]:
    """The lines about a pod; none if it is ready."""
    name = pod["metadata"]["name"]
    if conditions(pod).get("Ready", {}).get("status") == "True" or pod.get("status", {}).get("phase") == "Succeeded":
        return []
    lines = []
    if told := unscheduled(pod):
        return [f"{name}: {told}"]
    status = pod.get("status", {})
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    logs = []
    for container in containers:
        if told := waiting(container):
            lines.append(f"{name}: {told}")
            has_run = container.get("restartCount", 0) > 0 or not container.get("state", {}).get("waiting")
            if has_run:
                logs += [f"    {line}" for line in log(pod, container)]
    if not lines:
        message = one_line(status.get("message", ""))
        lines.append(f"{name}: {status.get('reason') or status.get('phase', 'unknown')}" + (f": {message}" if message else ""))
    lines += [f"  event: {line}{remedy(line)}" for line in warnings(pod)]
    if logs:
        lines += ["  the end of its log:", *logs]
    return lines


def about_deployments(selector: str) -> list[str]:
    """Why a deployment makes no pods, such as a quota."""
    lines = []
    for deployment in items("deployments", "--selector", selector) or []:
        failure = conditions(deployment).get("ReplicaFailure", {})
        if failure.get("status") == "True":
            message = one_line(failure.get("message", ""))
            lines.append(f"{deployment['metadata']['name']}: {failure.get('reason', '')}: {message}{remedy(message)}")
    return lines


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    selector = sys.argv[1]
    pods = items("pods", "--selector", selector)
    if pods is None:
        raise SystemExit(1)
    lines = about_deployments(selector)
    for pod in pods:
        lines += about_pod(pod)
    if not pods and not lines:
        lines.append(f"there is no pod with {selector}, and the cluster says nothing of it: kubectl get events")
    elif not lines:
        lines.append("all pods are ready now; they took longer than the time limit")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Creates the Secrets of an environment once, with a random password for Redis and a random admin key:
# secret.sh test
# Existing Secrets are kept. To change them, delete both and run this again.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

env=${1:-}
need_environment "$env"

there=$(kubectl get secret "$env-secret" "$env-db-secret" --ignore-not-found -o name)
case $(grep -c . <<< "$there" || true) in
    2) exit 0 ;;
    1) die "only $there exists, and the two share a password: delete it, or make the other by hand" ;;
esac

# Hexadecimal digits need no quotes, neither in a URL nor in redis.conf.
random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}
password=$(random)
# The Secrets are passed on standard input, since other users can read the arguments of a process.
kubectl create -f - << END
apiVersion: v1
kind: Secret
metadata:
  name: $env-secret
  labels: {app.kubernetes.io/part-of: pssp, app.kubernetes.io/instance: $env}
stringData:
  PSSP_BACKEND: redis://:$password@$env-db:6379/0
  PSSP_ADMIN_KEY: "$(random)"
---
apiVersion: v1
kind: Secret
metadata:
  name: $env-db-secret
  labels: {app.kubernetes.io/part-of: pssp, app.kubernetes.io/instance: $env}
stringData:
  password.conf: requirepass $password
END

# Pods that run without the password get it only by a restart.
deployments=$(kubectl get deployment "$env-db" "$env-api" "$env-wrk" --ignore-not-found -o name)
[[ -z $deployments ]] || xargs -n1 "${KUBECTL[@]}" rollout restart <<< "$deployments"

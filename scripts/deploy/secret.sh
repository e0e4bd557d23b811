#!/usr/bin/env bash
# Creates the Secrets of an environment once, with random passwords for the users of Redis (data/redis-users.conf) and a
# random admin key: secret.sh test
# Existing Secrets are kept. To change them, delete both and run this again.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

env=${1:-}
need_environment "$env"

there=$(kubectl get secret "$env-secret" "$env-db-secret" --ignore-not-found -o name)
case $(grep -c . <<< "$there" || true) in
    2)
        if [[ -z $(kubectl get secret "$env-db-secret" -o 'jsonpath={.data.users\.conf}') ]]; then
            say "NOTE: the Secrets of $env are those of an earlier release: Redis has one user, who may do everything." \
                "For users with few rights, delete both and run this again; API, workers and Redis then restart:" \
                "kubectl delete secret $env-secret $env-db-secret"
        fi
        exit 0
        ;;
    1) die "only $there exists, and the two share a password: delete it, or make the other by hand" ;;
esac

# Hexadecimal digits need no quotes, neither in a URL nor in redis.conf.
random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}
password=$(random) operator=$(random)
# Not by sed, whose arguments other users can read.
users=$(sed '/^#/d; /^$/d; s/^/    /' data/redis-users.conf)
users=${users//SERVICE_PASSWORD/$password}
users=${users//OPERATOR_PASSWORD/$operator}
# The Secrets are passed on standard input, since other users can read the arguments of a process.
kubectl create -f - << END
apiVersion: v1
kind: Secret
metadata:
  name: $env-secret
  labels: {app.kubernetes.io/part-of: pssp, app.kubernetes.io/instance: $env}
stringData:
  PSSP_BACKEND: redis://pssp:$password@$env-db:6379/0
  PSSP_ADMIN_KEY: "$(random)"
---
apiVersion: v1
kind: Secret
metadata:
  name: $env-db-secret
  labels: {app.kubernetes.io/part-of: pssp, app.kubernetes.io/instance: $env}
stringData:
  operator: "$operator"
  users.conf: |
$users
END

# Pods that run without the password get it only by a restart.
deployments=$(kubectl get deployment "$env-db" "$env-api" "$env-wrk" --ignore-not-found -o name)
[[ -z $deployments ]] || xargs -n1 "${kubectl_words[@]}" rollout restart <<< "$deployments"

#!/usr/bin/env bash
# Applies the manifests of an environment, and waits until it runs: apply.sh test
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

env=${1:-}
need_environment "$env"

scripts/deploy/no-latest.sh
scripts/deploy/secret.sh "$env"
kubectl apply -f "kubernetes/$env/"
for part in db api wrk; do
    kubectl rollout status "deployment/$env-$part" --timeout="${TIMEOUT:-5m}" || {
        labels=app.kubernetes.io/instance=$env,app.kubernetes.io/name=pssp-$part
        why "$labels"
        die "$env-$part does not come up; the reason is above, more in: kubectl describe pod -l $labels"
    }
done
port=$(kubectl get service "$env-api" -o "jsonpath={.spec.ports[0].nodePort}")
say "$env runs $(written_image "$env" api); the API is at port $port of every node"

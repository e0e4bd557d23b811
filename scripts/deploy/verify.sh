#!/usr/bin/env bash
# Runs `pssp verify` inside the cluster against an environment, and shows its report: verify.sh test
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

env=${1:-}
need_environment "$env"
version=$(written_image "$env" api)
version=${version##*:}

kubectl delete job "$env-verify" --ignore-not-found
sed -E "s/\btest-/$env-/g; s#^( *image: .*/pssp):.*#\1:$version#; s#(--expect-version, ).*]#\1\"$version\"]#" \
    kubernetes/debug/verify-job.yml | kubectl apply -f -

outcome=
# `kubectl wait` waits for one condition only, and a job ends with one of two conditions.
for ((second = 0; second < ${VERIFY_SECONDS:-300}; second += 2)); do
    outcome=$(kubectl get job "$env-verify" -o "jsonpath={.status.conditions[*].type}")
    case " $outcome " in
        *" Complete "* | *" Failed "*) break ;;
    esac
    sleep 2
done
kubectl logs "job/$env-verify" || true
[[ " $outcome " == *" Complete "* || " $outcome " == *" Failed "* ]] || why "job-name=$env-verify"
[[ " $outcome " == *" Complete "* ]] || die "$env failed its verification"

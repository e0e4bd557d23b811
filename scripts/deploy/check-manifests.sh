#!/usr/bin/env bash
# Validates the manifests strictly against the schemas of Kubernetes: an unknown field or kind fails.
# check-manifests.sh PATH-OF-kubernetes-validate
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

validate=${1:?}
# From the first with a native preStop sleep that is on by default to the newest that the tool knows.
versions=(1.30.0 1.31.0 1.32.0 1.33.0 1.34.0 1.35.0 1.36.0 1.37.0)
# The other add-ons are of kinds that only their operators know.
files=(kubernetes/{test,prod,debug}/*.yml kubernetes/addons/{ingress,api-autoscaler}.yml)

for version in "${versions[@]}"; do
    report=$("$validate" -k "$version" --strict "${files[@]}" 2>&1) || die "Kubernetes $version: $report"
    # A kind without a schema is only a warning to the tool.
    bad=$(grep -v '^INFO .* passed ' <<< "$report" || true)
    [[ -z $bad ]] || die "Kubernetes $version: $bad"
done
say "${#files[@]} manifests are valid for Kubernetes ${versions[0]} to ${versions[-1]}"

#!/usr/bin/env bash
# Validates the manifests strictly against the schemas of Kubernetes: an unknown field or kind fails.
# check-manifests.sh PATH-OF-kubernetes-validate
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

validate=${1:?}
# From the first version in which the preStop sleep is enabled by default, to the newest that the tool knows.
versions=(1.30.0 1.31.0 1.32.0 1.33.0 1.34.0 1.35.0 1.36.0 1.37.0)
# The other add-ons have kinds that Kubernetes itself does not define.
files=(kubernetes/{test,prod,debug}/*.yml kubernetes/addons/{ingress,api-autoscaler,postgres}.yml)

for version in "${versions[@]}"; do
    report=$("$validate" -k "$version" --strict "${files[@]}" 2>&1) || die "Kubernetes $version: $report"
    # For a kind without a schema the tool only prints a warning.
    bad=$(grep -v '^INFO .* passed ' <<< "$report" || true)
    [[ -z $bad ]] || die "Kubernetes $version: $bad"
done
say "${#files[@]} manifests are valid for Kubernetes ${versions[0]} to ${versions[-1]}"

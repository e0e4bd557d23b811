#!/usr/bin/env bash
# Writes a version into the manifests of an environment: set-tag.sh test 1.2.3
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

env=${1:-} version=${2:-}
need_environment "$env"
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "not a version: '$version'"

sed -i -E "s#^( *image: .*/pssp-(api|wrk)):.*#\1:$version#" "kubernetes/$env/"{api,wrk}-deployment.yml
if [[ $env == test ]]; then
    # The verification job and the composition have the same version as test.
    sed -i -E "s#^( *image: .*/pssp):.*#\1:$version#; s#(--expect-version, ).*]#\1\"$version\"]#" kubernetes/debug/verify-job.yml
    sed -i -E "s#\\$\{PSSP_VERSION:-[^}]*\}#\${PSSP_VERSION:-$version}#" docker/docker-compose.yml
fi

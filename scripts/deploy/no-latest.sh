#!/usr/bin/env bash
# Refuses images without a fixed tag. The image of `latest` changes, so a rollback to it is not possible.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

images() {
    grep -rhoE --include='*.yml' '^ *image: *[^ #]+' kubernetes docker | sed -E 's/^ *image: *//; s/\$\{[A-Z_]+:-([^}]*)\}/\1/g'
    # A build stage may be based on another stage. Such a name has neither slash nor colon.
    sed -nE 's/^FROM +([^ ]+).*/\1/p' docker/Dockerfile.* | grep '[/:]'
}

loose=$(images | sort -u | grep -vE '(:[^/:]+|@sha256:[0-9a-f]{64})$' || true)
latest=$(images | sort -u | grep -E ':latest(@|$)' || true)
[[ -z $loose$latest ]] || die "without a fixed tag: $loose $latest"

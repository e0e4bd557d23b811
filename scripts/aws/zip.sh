#!/usr/bin/env bash
# Uploads the programs of a version to a bucket, each as a zip of `bootstrap` and the licences: zip.sh 1.2.3 arm64 BUCKET
# The programs come from the images (Linux, static), or from the folder PROGRAMS. Existing objects are not replaced.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

version=${1:-} architecture=${2:-} bucket=${3:-}
need_version "$version"
[[ $architecture == arm64 || $architecture == x86_64 ]] || die "which architecture? arm64 or x86_64"
[[ -n $bucket ]] || die "which bucket?"
need_account
need python3 "it writes the zips"
suffix=${architecture/x86_64/amd64}
from=${REGISTRY:-ghcr.io/pssp}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp LICENSE THIRD-PARTY.txt "$work"

# program NAME IMAGE: copies the program to the place where it is zipped.
program() {
    local container
    if [[ -n ${PROGRAMS:-} ]]; then
        cp "$PROGRAMS/$1" "$work/bootstrap"
        return
    fi
    need "${ENGINE[0]}" "it takes the programs out of the images; or PROGRAMS=folder has them"
    container=$("${ENGINE[@]}" create --platform "linux/$suffix" "$from/$2:$version")
    "${ENGINE[@]}" cp "$container:/$1" "$work/bootstrap"
    "${ENGINE[@]}" rm "$container" > /dev/null
}

for pair in pssp-api:pssp-api pssp-worker:pssp-wrk; do
    name=${pair%:*} key=pssp/$version/${pair%:*}-$architecture.zip
    if aws s3api head-object --bucket "$bucket" --key "$key" > /dev/null 2>&1; then
        say "s3://$bucket/$key is there already"
        continue
    fi
    program "$name" "${pair#*:}"
    chmod 755 "$work/bootstrap"
    (cd "$work" && rm -f code.zip && python3 -m zipfile -c code.zip bootstrap LICENSE THIRD-PARTY.txt)
    aws s3 cp --only-show-errors "$work/code.zip" "s3://$bucket/$key"
done

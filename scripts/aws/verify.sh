#!/usr/bin/env bash
# Runs `pssp verify` against a stage: verify.sh test. Further arguments, such as --json, are passed to it.
# PSSP_API_KEY is needed if the stage has keys. URL is another address of the stage, such as a custom domain.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

stage=${1:-}
need_stage "$stage"
need_account
pssp=${PSSP:-target/debug/pssp}
[[ -x $pssp ]] || pssp=pssp
need "$pssp" "make build"
url=${URL:-$(output "$stage" Url)}
[[ -n $url ]] || die "there is no stack pssp-$stage in $region: make aws-deploy STAGE=$stage"
"$pssp" --url "$url" verify --expect-version "$(output "$stage" Version)" "${@:2}" || die "$stage failed its verification"

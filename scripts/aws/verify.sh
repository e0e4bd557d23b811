#!/usr/bin/env bash
# Runs `pssp verify` against a stage: verify.sh test; what follows the stage, such as --json, is given to it.
# PSSP_API_KEY is needed where the stage has keys; URL names another address of it, such as a domain of your own.
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

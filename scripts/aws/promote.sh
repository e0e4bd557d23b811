#!/usr/bin/env bash
# Deploys to prod exactly the version that test runs, if test passes its verification now.
# PSSP_API_KEY is a key of test, PROD_API_KEY a key of prod. Without PROD_API_KEY, both stages use the same key.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

need_account
[[ -z $(git status --porcelain infra) ]] || die "commit or undo what changed in infra/ first"
version=$(output test Version)
[[ -n $version ]] || die "test runs nothing: make aws-deploy STAGE=test"
scripts/aws/verify.sh test || die "not promoted"
scripts/aws/deploy.sh prod "$version"
if [[ -n ${PROD_API_KEY:-} ]]; then
    export PSSP_API_KEY=$PROD_API_KEY
fi
scripts/aws/verify.sh prod ||
    die "prod runs $version and fails its verification: make aws-rollback"

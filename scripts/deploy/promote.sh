#!/usr/bin/env bash
# Deploys to prod exactly the version that test runs, if test passes its verification now.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

[[ -z $(git status --porcelain kubernetes) ]] || die "commit or undo what changed in kubernetes/ first"
for part in db api wrk; do
    written=$(written_image test $part) running=$(running_image test $part)
    [[ $written == "$running" ]] || die "test runs $running, but kubernetes/test says $written: make deploy-test"
    kubectl rollout status deployment/test-$part --timeout=10s || die "test is still rolling out"
done
scripts/deploy/verify.sh test || die "not promoted"

for part in db api wrk; do
    sed -i -E "s#^( *image: ).*#\1$(written_image test $part)#" kubernetes/prod/$part-deployment.yml
done
version=$(written_image prod api)
version=${version##*:}
if [[ -n $(git status --porcelain kubernetes/prod) ]]; then
    git commit --quiet -m "Promote $version to prod" kubernetes/prod
fi
scripts/deploy/apply.sh prod
scripts/deploy/verify.sh prod || die "prod runs $version and fails its verification: make rollback"
say "prod runs $version"

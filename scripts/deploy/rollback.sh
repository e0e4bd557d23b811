#!/usr/bin/env bash
# Returns prod to the previous version, or to a given one: rollback.sh [1.2.3]. Redis is not changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

to=${1:-}
file=kubernetes/prod/api-deployment.yml
[[ -z $(git status --porcelain kubernetes) ]] || die "commit or undo what changed in kubernetes/ first"
tag_of() {
    sed -n 's#^ *image: .*/pssp-api:##p'
}
now=$(tag_of < "$file")

if [[ -z $to ]]; then
    for commit in $(git log --format=%H -- "$file"); do
        to=$(git show "$commit:$file" | tag_of)
        [[ $to == "$now" ]] || break
    done
fi
[[ -n $to && $to != "$now" ]] || die "prod has only ever run $now: say where to go, TO=x.y.z"

scripts/deploy/set-tag.sh prod "$to"
git commit --quiet -am "Roll prod back to $to"
scripts/deploy/apply.sh prod

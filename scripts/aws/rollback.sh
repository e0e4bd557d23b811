#!/usr/bin/env bash
# Returns prod to the previous version, or to a given one: rollback.sh [1.2.3]
# Table and queue stay. A second rollback undoes the first.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

need_account
now=$(output prod Version)
[[ -n $now ]] || die "prod runs nothing"
to=${1:-$(output prod PreviousVersion)}
[[ -n $to && $to != none && $to != "$now" ]] || die "prod has only ever run $now: say where to go, TO=x.y.z"
scripts/aws/deploy.sh prod "$to"

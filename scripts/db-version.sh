#!/usr/bin/env bash
# The Redis image has its own version, `<Redis version>-<revision>`, which changes only when the image changes.
# docker/db-version contains the version and the checksum of the files that the image is made of. Without arguments: if
# these files have changed, writes the next revision to the manifests of test. --check: only checks.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/deploy/common.sh

# Comments and blank lines do not change the image.
sum=$(cat docker/Dockerfile.db docker/rootfs.sh data/redis.conf | grep -vE '^ *(#|$)' | sha256sum | cut -c1-16)
redis=$(sed -nE 's/.*redis-server=[0-9]+:([0-9.]+)-.*/\1/p' docker/Dockerfile.db)
old='' old_sum=''
if [[ -e docker/db-version ]]; then
    read -r old old_sum < docker/db-version
fi

[[ $sum != "$old_sum" ]] || exit 0
[[ ${1:-} != --check ]] || die "the Redis image changed since $old: make db-version"
revision=1
if [[ ${old%-*} == "$redis" ]]; then
    revision=$((${old##*-} + 1))
fi
new=$redis-$revision
printf '%s %s\n' "$new" "$sum" > docker/db-version
sed -i -E "s#^( *image: .*/pssp-db):.*#\1:$new#" kubernetes/test/db-deployment.yml
sed -i -E "s#\\$\{DB_VERSION:-[^}]*\}#\${DB_VERSION:-$new}#g" docker/docker-compose.yml
say "the Redis image is now $new"

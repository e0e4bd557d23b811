#!/usr/bin/env bash
# The Redis image has a version of its own, `<Redis>-<our revision>`, so that it changes only when the image
# does. docker/db-version holds it with the checksum of what it is made of.
# Without arguments: if that changed, takes the next revision and writes it to test. --check: only looks.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/deploy/common.sh

# Comments and blank lines make no other image.
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

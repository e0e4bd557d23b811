#!/usr/bin/env bash
# Makes a release: release.sh 1.2.3. Checks, writes the version to all files, commits and tags. Does not push.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/deploy/common.sh

version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "usage: make release VERSION=1.2.3"
now=$(scripts/version.sh)
[[ $(printf '%s\n' "$now" "$version" | sort -V | tail -n1) == "$version" ]] || die "$version is older than $now"
[[ -z $(git tag --list "v$version") ]] || die "v$version exists already"
[[ $(git branch --show-current) == "${RELEASE_BRANCH:-main}" ]] || die "releases are made on ${RELEASE_BRANCH:-main}"
[[ -z $(git status --porcelain) ]] || die "the working tree has changes: commit or undo them"
notes=$(sed -n '/^## \[Unreleased\]/,/^## \[[0-9]/p' CHANGELOG.md | grep -v '^## ' | grep -c '[^ ]' || true)
((notes > 0)) || die "CHANGELOG.md says nothing under [Unreleased]"

# A tag is never changed, so everything that can be checked is checked before.
${RELEASE_CHECKS:-make lint test lint-deploy}

sed -i '/^\[workspace\.package\]/,/^\[/ s/^version = ".*"$/version = "'"$version"'"/' Cargo.toml
sed -i '0,/"version": ".*"/ s//"version": "'"$version"'"/' functions/api/openapi.json
# In Cargo.lock only the entries of this workspace change.
cargo update --workspace --offline --quiet
sed -i "s/^## \[Unreleased\].*/&\n\n## [$version] - $(date -u +%F)/" CHANGELOG.md
scripts/deploy/set-tag.sh test "$version"
scripts/deploy/no-latest.sh

git commit --quiet -am "Release $version"
git tag -a "v$version" -m "pssp $version"
say "v$version is made. Push it, and the images get built: git push --follow-tags
Then: make deploy-test, make promote"

#!/usr/bin/env bash
# Writes openapi.json and the pages of docs/ that are generated from code. With --check it only checks whether they are
# up to date.
set -euo pipefail

cd "$(dirname "$0")/.."
cargo build --locked --quiet -p pssp
cargo build --locked --quiet -p pssp-api --no-default-features --features openapi --example openapi
pssp=target/debug/pssp
stale=0

page() { # file, command that prints its content
    local file=$1
    shift
    if [[ $check == yes ]]; then
        diff -u "$file" <("$@") || { echo "docs: $file is stale: run make docs" >&2; stale=1; }
    else
        "$@" >"$file"
        echo "docs: wrote $file"
    fi
}

check=no
[[ ${1:-} == --check ]] && check=yes
page docs/configuration.md "$pssp" settings --markdown
page docs/metrics.md "$pssp" settings --metrics
page functions/api/openapi.json target/debug/examples/openapi
exit "$stale"

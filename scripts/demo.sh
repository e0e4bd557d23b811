#!/usr/bin/env bash
# Demonstrates the service: starts it on a free port with its own store, sends examples/ to it, shows each result beside
# the known structure of the protein, stops the service, and leaves no files behind.
#   scripts/demo.sh path/to/pssp
set -euo pipefail

pssp=${1:-target/debug/pssp}
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
server=

finish() {
    local status=$?
    trap - EXIT
    if [[ -n $server ]] && kill -0 "$server" 2>/dev/null; then
        kill -TERM "$server"
        wait "$server" || status=$(( status ? status : $? ))
    fi
    if [[ $status -ne 0 ]]; then
        echo "demo: failed; the service's log:" >&2
        cat "$scratch/log" >&2 || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
if [[ ! -t 1 || -n ${NO_COLOR:-} ]]; then say() { printf '\n%s\n' "$*"; }; fi

say "1. Start the service"
# The demo has its own address, store and callers, so it must not inherit these settings.
unset "${!PSSP_@}"
"$pssp" serve --addr 127.0.0.1:0 --backend "sqlite:$scratch/demo.db" 2>"$scratch/log" &
server=$!
for _ in $(seq 300); do
    PSSP_URL=$(sed -nE 's#^pssp: listening on (http://[^,]+),.*#\1#p' "$scratch/log")
    [[ -n $PSSP_URL ]] && break
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.1
done
[[ -n $PSSP_URL ]] || exit 1
export PSSP_URL
echo "listening on $PSSP_URL"
"$pssp" methods

say "2. Send examples/proteins.fasta"
batch=$("$pssp" submit --quiet "$root/examples/proteins.fasta")
echo "batch $batch"
"$pssp" watch --timeout 2m "$batch"

say "3. The results beside what is known"
"$pssp" result "$batch" --format txt | "$pssp" compare --known "$root/examples/known.tsv"

say "4. The same in a browser (gone in a moment; make up keeps a service running)"
job=$("$pssp" list --json --limit 1 | sed -nE 's/.*"id":"([0-9a-f-]{36})".*/\1/p')
for path in "/" "/batches/$batch" "/results/$job" "/docs"; do
    echo "  $PSSP_URL$path"
done
echo "and for programs"
for path in "/v1/batches/$batch" "/v1/batches/$batch/results?format=tsv" "/v1/jobs/$job/result.json" \
    "/v1/jobs/$job/plot.svg" "/download/$job" "/openapi.json" "/metrics"; do
    echo "  $PSSP_URL$path"
done

say "5. Stop it"
kill -TERM "$server"
wait "$server"
server=
echo "stopped cleanly, nothing left running"

#!/usr/bin/env bash
# Checks a running service against openapi.json: with requests generated from the description (schemathesis), and with a
# generated typed client (openapi-python-client) that submits, waits and reads. Starts the service on a free port with
# its own store, and leaves no files behind.
#   scripts/api/check.sh path/to/pssp folder/of/the/tools/bin [SECONDS]
set -euo pipefail

cd "$(dirname "$0")/../.."
pssp=$1
tools=$(cd "$2" && pwd)
max_time=${3:-60}
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
        echo "check-api: failed; the end of the service's log:" >&2
        tail -n 20 "$scratch/log" >&2 || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The service has its own address, store and callers, and ignores these settings of the environment.
unset "${!PSSP_@}"
# For a proxy, loopback would be its own machine.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
PSSP_ADMIN_KEY=admin-key-of-this-check PSSP_CLASSIC_DELAY=0s \
    "$pssp" serve --addr 127.0.0.1:0 --backend "sqlite:$scratch/check.db" 2>"$scratch/log" &
server=$!
url=
for _ in $(seq 300); do
    url=$(sed -nE 's#^pssp: listening on (http://[^,]+),.*#\1#p' "$scratch/log")
    [[ -n $url ]] && break
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.1
done
[[ -n $url ]] || exit 1

echo "check-api: a typed client"
"$tools/openapi-python-client" generate --path functions/api/openapi.json --meta none \
    --config scripts/api/client-config.yml --output-path "$scratch/pssp_client" >"$scratch/generated" 2>&1 ||
    { cat "$scratch/generated"; exit 1; }
PYTHONPATH=$scratch PYTHONDONTWRITEBYTECODE=1 "$tools/python" scripts/api/typed_client.py "$url"

echo "check-api: requests made from the description, for $max_time s"
root=$PWD
cd "$scratch" # schemathesis writes files to its working directory
PYTHONPATH=$root/scripts/api SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONDONTWRITEBYTECODE=1 \
    "$tools/schemathesis" --config-file "$root/scripts/api/schemathesis.toml" run "$root/functions/api/openapi.json" \
    --url "$url" --max-time "$max_time"

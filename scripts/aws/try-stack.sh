#!/usr/bin/env bash
# The whole way in a stand-in for AWS (ministack), without an account: creates the stack with the operator's own
# scripts and zips of the programs in target/debug, verifies it through its function URL, deletes it.
# try-stack.sh FOLDER-OF-THE-TOOLS
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

PATH=$(cd "${1:?}" && pwd):$PATH
export PATH
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
architecture=$(uname -m | sed 's/aarch64/arm64/')
# No configuration and no credentials of yours are used.
unset AWS_PROFILE
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

BIND_HOST=127.0.0.1 GATEWAY_PORT=$port DOCKER_HOST=unix:///nonexistent ministack > "$work/stand-in.log" 2>&1 &
server=$!
finish() {
    local status=$?
    ((status == 0)) || grep -vE ' (DEBUG|INFO) ' "$work/stand-in.log" | tail -n 20 | cut -c1-400 >&2 || true
    kill "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || true
    rm -rf "$work"
}
trap finish EXIT
for ((try = 0; ; try++)); do
    ! aws sts get-caller-identity > /dev/null 2>&1 || break
    if ! kill -0 "$server" || ((try > 60)); then
        die "the stand-in does not start"
    fi
    sleep 0.5
done

mkdir "$work/programs"
for program in pssp-api pssp-worker; do
    # With all their symbols they are larger than Lambda takes.
    strip -o "$work/programs/$program" "target/debug/$program"
done
# The stand-in does not turn a parameter into a number here, as AWS does.
sed 's/MaximumConcurrency: !Ref WorkerConcurrency/MaximumConcurrency: 5/' infra/template.yaml > "$work/template.yaml"

aws s3 mb s3://code > /dev/null
export PROGRAMS=$work/programs TEMPLATE=$work/template.yaml PSSP=target/debug/pssp
export ONLY_HERE="Package=Zip CodeBucket=code Architecture=$architecture Entry=FunctionUrl JobEvents=on"
scripts/aws/deploy.sh test
# In the stand-in a function URL is reached by its id: <id>.lambda-url.<region>.on.aws
id=$(output test Url | sed -E 's#https?://([^.]+)\..*#\1#')
URL=http://127.0.0.1:$port/_aws/lambda-url/$id scripts/aws/verify.sh test
SURE=pssp-test scripts/aws/delete.sh test
[[ $(aws dynamodb list-tables --query 'length(TableNames)') == 0 ]] || die "a table is left"

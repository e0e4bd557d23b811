#!/usr/bin/env bash
# Tests a deployment in a stand-in for AWS (ministack), without an account: creates the stack with the operator's
# scripts and zips of the programs in target/debug, verifies it through its function URL, and deletes it.
# try-stack.sh FOLDER-OF-THE-TOOLS FOLDER-OF-THE-STAND-IN
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

PATH=$(cd "${1:?}" && pwd):$PATH
export PATH
ministack=$(cd "${2:?}" && pwd)/ministack

# Checks of `pssp verify` that fail because of the stand-in, by the end of their line, each with its expected message.
# If one of them passes, or another check fails, this list is out of date.
# ministack 1.5.33 decodes every body of a text or JSON type as UTF-8 before it forwards it, which breaks gzip.
expected='
batch: a gzip batch is taken, as is a JSON list: the body is said to be gzip and cannot be unpacked
problems: a body over the limit is 413 with the limit, also when packed small: the body is said to be gzip and cannot be unpacked
'
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
architecture=$(uname -m | sed 's/aarch64/arm64/')
# The script does not use your configuration or credentials.
unset AWS_PROFILE
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null

BIND_HOST=127.0.0.1 GATEWAY_PORT=$port DOCKER_HOST=unix:///nonexistent "$ministack" > "$work/stand-in.log" 2>&1 &
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
    # With all symbols the programs are larger than Lambda allows.
    strip -o "$work/programs/$program" "target/debug/$program"
done
# AWS converts the text of a parameter to a number or a boolean where a property needs one. The stand-in does not.
sed -e 's/MaximumConcurrency: !Ref WorkerConcurrency/MaximumConcurrency: 5/' \
    -e 's/DeletionProtectionEnabled: !Ref TableProtection/DeletionProtectionEnabled: false/' \
    infra/template.yaml > "$work/template.yaml"
[[ $(diff infra/template.yaml "$work/template.yaml" | grep -c '^>') == 2 ]] || die "what is replaced in the template is not there"

aws s3 mb s3://code > /dev/null
export PROGRAMS=$work/programs TEMPLATE=$work/template.yaml PSSP=target/debug/pssp
export ONLY_HERE="Package=Zip CodeBucket=code Architecture=$architecture Entry=FunctionUrl JobEvents=on"
# A function URL needs keys.
! scripts/aws/deploy.sh test 2> "$work/refused" || die "a function URL was made without keys"
grep -q 'needs keys' "$work/refused" || die "the refusal says: $(< "$work/refused")"
(umask 077 && printf 'tester:%s' "dummy-key-of-this-stack" > "$work/keys")
export API_KEYS_FILE=$work/keys PSSP_API_KEY=dummy-key-of-this-stack
scripts/aws/deploy.sh test
# The stand-in finds a function URL by its id: <id>.lambda-url.<region>.on.aws
id=$(output test Url | sed -E 's#https?://([^.]+)\..*#\1#')
URL=http://127.0.0.1:$port/_aws/lambda-url/$id scripts/aws/verify.sh test --json > "$work/verified.json" 2> "$work/verify.log" ||
    true # some checks fail; the code below checks that these are the expected ones
EXPECTED=$expected python3 - "$work/verified.json" << 'PYTHON' || die "the stack failed its verification: $(< "$work/verify.log")"
import json, os, sys
text = open(sys.argv[1]).read()
if not text.strip():
    sys.exit("the verification did not come to its end")
told = json.loads(text)
expected = dict(line.rsplit(": ", 1) for line in os.environ["EXPECTED"].split("\n") if line)
wrong = []
for check in told["checks"]:
    name = f"{check['group']}: {check['name']}"
    outcome, reason = check["outcome"], check.get("reason", "")
    wanted = expected.pop(name, None)
    if wanted is None and outcome == "failed":
        wrong.append(f"{name}: {reason}")
    elif wanted is not None and not (outcome == "failed" and wanted in reason):
        wrong.append(f"{name}: was expected to fail here with '{wanted}', but {outcome} {reason}".rstrip())
wrong += [f"{name}: was expected to fail here, but there is no such check" for name in expected]
if told["intake_paused"] or not told["passed"]:
    wrong.append("the service took no jobs")
print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
print(f"verified: {told['passed']} passed, {told['failed']} failed as the stand-in makes them, {told['skipped']} skipped")
sys.exit(bool(wrong))
PYTHON

# Deletes the stacks, then the table. The stacks must keep the table; otherwise the second step fails.
SURE=pssp-test scripts/aws/delete.sh test
# The option repeats the endpoint, since this version of the command does not read that of SQS from the environment.
nothing() {
    local left
    left=$(aws --endpoint-url "$AWS_ENDPOINT_URL" "${@:2}" --output text)
    [[ $left == 0 ]] || die "$left of the $1 are left"
}
nothing tables dynamodb list-tables --query 'length(TableNames)'
# The quoted marks are JMESPath's.
# shellcheck disable=SC2016
nothing queues sqs list-queues --query 'length(QueueUrls || `[]`)'
nothing functions lambda list-functions --query 'length(Functions)'
nothing stacks cloudformation list-stacks --query "length(StackSummaries[?StackStatus != 'DELETE_COMPLETE'])"

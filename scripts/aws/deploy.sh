#!/usr/bin/env bash
# Deploys a version and its alarms to a stage: deploy.sh test [1.2.3]. The default is the version of the code.
#   API_KEYS_FILE    a file with the new value of PSSP_API_KEYS; ADMIN_KEY_FILE likewise. Without them the keys stay.
#                    A new stage gets a random admin key, which is shown once. Without API_KEYS_FILE it is open to
#                    everybody, which a function URL may not be.
#   ALARM_EMAIL      the new recipient of the alarms
#   TEMPLATE         a template instead of infra/template.yaml
#   ONLY_HERE        parameters other than those of infra/<stage>.params: "Package=Zip CodeBucket=mine"
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

stage=${1:-} version=${2:-$(scripts/version.sh)}
need_stage "$stage"
need_version "$version"
need_account
stack=pssp-$stage
architecture=$(setting "$stage" Architecture)
now=$(output "$stage" Version)

parameters=()
parameter() {
    parameters+=("$(json "$1=$2")")
}
while IFS='=' read -r name value; do
    parameter "$name" "$(setting "$stage" "$name")"
done < <(grep -v '^#' "infra/$stage.params")
for pair in ${ONLY_HERE:-}; do
    grep -q "^${pair%%=*}=" "infra/$stage.params" || parameter "${pair%%=*}" "${pair#*=}"
done
parameter Version "$version"
if [[ -n $now && $now != "$version" ]]; then
    parameter PreviousVersion "$now"
fi

if [[ -z $now && -z ${API_KEYS_FILE:-} && $(setting "$stage" Entry) == FunctionUrl ]]; then
    die "a function URL is open to the internet, so $stage needs keys: API_KEYS_FILE=keys.txt with name:key,name:key"
fi
if [[ $(setting "$stage" Package) == Zip ]]; then
    bucket=$(setting "$stage" CodeBucket)
    [[ -n $bucket ]] || die "Package=Zip needs a bucket: ONLY_HERE='Package=Zip CodeBucket=NAME'"
    scripts/aws/zip.sh "$version" "$architecture" "$bucket"
else
    scripts/aws/push.sh "$version" "$architecture"
    parameter Registry "$account.dkr.ecr.$region.amazonaws.com"
fi

# A parameter that is not given keeps its value.
if [[ -n ${API_KEYS_FILE:-} ]]; then
    parameter ApiKeys "$(< "$API_KEYS_FILE")"
fi
admin_key=''
if [[ -n ${ADMIN_KEY_FILE:-} ]]; then
    parameter AdminKey "$(< "$ADMIN_KEY_FILE")"
elif [[ -z $now ]]; then
    admin_key=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    parameter AdminKey "$admin_key"
fi

# The keys are passed in a file that only this user can read, since other users can read the arguments of a process.
file=$(mktemp)
trap 'rm -f "$file"' EXIT
(IFS=, && printf '[%s]\n' "${parameters[*]}") > "$file"
aws cloudformation deploy --stack-name "$stack" --template-file "${TEMPLATE:-infra/template.yaml}" \
    --parameter-overrides "file://$file" --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
    --tags project=pssp "stage=$stage" ||
    die "$stack does not come up: aws cloudformation describe-stack-events --stack-name $stack"

alarms=("Stage=$stage")
for name in Table Queue DeadLetterQueue ApiFunction WorkerFunction HttpApiId; do
    alarms+=("$name=$(output "$stage" "$name")")
done
if [[ -n ${ALARM_EMAIL:-} ]]; then
    alarms+=("AlarmEmail=$ALARM_EMAIL")
fi
aws cloudformation deploy --stack-name "$stack-alarms" --template-file infra/alarms.yaml \
    --parameter-overrides "${alarms[@]}" --no-fail-on-empty-changeset --tags project=pssp "stage=$stage" ||
    die "$stack runs, its alarms do not: aws cloudformation describe-stack-events --stack-name $stack-alarms"

[[ -z $admin_key ]] || say "The key for notices, shown this once: PSSP_ADMIN_KEY=$admin_key"
say "$stage runs $version at $(output "$stage" Url)"

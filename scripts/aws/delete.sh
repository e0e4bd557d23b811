#!/usr/bin/env bash
# Deletes a stage after a confirmation: delete.sh test. SURE=pssp-test confirms without a question.
# Deletes the table of test too. The table of prod stays; the script shows the command that deletes it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

stage=${1:-}
need_stage "$stage"
need_account
stack=pssp-$stage
table=$(output "$stage" Table)
[[ -n $table ]] || die "there is no stack $stack in $region"

if [[ $stage == prod ]]; then
    say "This takes away functions, address, queue, logs and alarms of $stack ($account, $region). Table $table stays."
else
    say "This takes away all of $stack ($account, $region), with every job in table $table."
fi
answer=${SURE:-}
[[ -n $answer ]] || read -rp "Type $stack to go on: " answer || true
[[ $answer == "$stack" ]] || die "nothing was deleted"

for each in "$stack-alarms" "$stack"; do
    aws cloudformation delete-stack --stack-name "$each"
    aws cloudformation wait stack-delete-complete --stack-name "$each" ||
        die "$each does not go: aws cloudformation describe-stack-events --stack-name $each"
done
# CloudFormation keeps the table of each stage, so that deleting a stack by mistake does not delete the jobs.
if [[ $stage == test ]]; then
    aws dynamodb delete-table --table-name "$table" > /dev/null
    say "$stack is gone. What stays: images in ECR (pssp-api, pssp-wrk), zips in your bucket"
else
    say "$stack is gone. What stays: images in ECR, zips in your bucket, and the table with all jobs. To delete it:
  aws dynamodb update-table --table-name $table --no-deletion-protection-enabled
  aws dynamodb delete-table --table-name $table"
fi

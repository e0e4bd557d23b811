#!/usr/bin/env bash
# Lints the templates with each combination of parameters: stages, architectures, packages, and gateway or function URL.
# check-templates.sh FOLDER-OF-THE-TOOLS
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

PATH=$(cd "${1:?}" && pwd):$PATH
export PATH SAM_CLI_TELEMETRY=0 AWS_REGION=us-east-1

# Each line is what one run checks. A run takes seconds, so as many run at once as there are processors.
runs() {
    # Once without values, so that every condition is checked as true and as false.
    printf 'cfn-lint %s\n' infra/*.yaml
    local stage way package entry architecture parameters
    for stage in test prod; do
        mapfile -t parameters < <(grep -v '^#' "infra/$stage.params")
        for way in "Image HttpApi arm64" "Image FunctionUrl x86_64" "Zip HttpApi x86_64" "Zip FunctionUrl arm64"; do
            read -r package entry architecture <<< "$way"
            printf '%s ' cfn-lint infra/template.yaml --parameters "${parameters[@]}" "Package=$package" "Entry=$entry" \
                "Architecture=$architecture" ApiKeys=alice:dummy-key Version=0.1.0 \
                Registry=123456789012.dkr.ecr.us-east-1.amazonaws.com CodeBucket=code
            printf '\n'
        done
    done
    printf 'sam validate --lint --region us-east-1 --template %s\n' infra/*.yaml
}
# `sam` says where it found nothing; what is wrong goes to standard error.
runs | xargs -P "$(nproc)" -I{} bash -c '{} > /dev/null || { {}; exit 255; }'
cases=$(runs | grep -c parameters)
say "templates: cfn-lint and sam validate find nothing, in $cases ways to fill them in"

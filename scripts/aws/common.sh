# shellcheck shell=bash
# Shared functions of these scripts. They source this file, with the repository as working directory.
# Account and region are those of the `aws` command: set AWS_PROFILE, AWS_REGION and so on to choose others.

# The container engine: docker, or ENGINE=podman.
read -ra ENGINE <<< "${ENGINE:-docker}"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need() {
    command -v "$1" > /dev/null || die "$1 is missing: $2"
}

need_stage() {
    [[ ${1:-} == test || ${1:-} == prod ]] || die "which stage? STAGE=test or STAGE=prod"
}

need_version() {
    [[ ${1:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "not a version: '${1:-}'"
}

# shellcheck disable=SC2034
# Checks tool, credentials and region, and sets `account` and `region`.
need_account() {
    need aws "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
    account=$(aws sts get-caller-identity --query Account --output text) ||
        die "AWS knows no credentials of yours: aws configure, or aws sso login and AWS_PROFILE"
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [[ -n $region ]] || die "which region? export AWS_REGION=eu-central-1, for example"
}

# A parameter of a stage, from ONLY_HERE="Name=Value …", else infra/<stage>.params, else its default: setting test
# Package
setting() {
    local pair value
    for pair in ${ONLY_HERE:-}; do
        [[ $pair != "$2="* ]] || value=${pair#*=}
    done
    if [[ -z ${value:-} ]]; then
        value=$(sed -n "s/^$2=//p" "infra/$1.params")
    fi
    printf '%s' "$value"
}

# An output of a stage's stack; empty if there is no such stack or output: output test Url
output() {
    local value
    value=$(aws cloudformation describe-stacks --stack-name "pssp-$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" 2> /dev/null) || return 0
    [[ $value == None ]] || printf '%s' "$value"
}

# A string as JSON.
json() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

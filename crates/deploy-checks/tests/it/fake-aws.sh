#!/usr/bin/env bash
# Stands in for aws, docker and pssp, by the name that it is called: keeps in $FAKE what it was told, and answers
# from there. A stack is a folder that holds its outputs, an image in ECR is a file.
set -euo pipefail

program=${0##*/}
echo "$program $*" >> "$FAKE/calls"

# The value that follows an option: after --stack-name "$@"
after() {
    local option=$1
    shift
    while [[ $# -gt 0 && $1 != "$option" ]]; do shift; done
    printf '%s' "${2:-}"
}

stack() {
    printf '%s/stack-%s' "$FAKE" "$(after --stack-name "$@")"
}

deploy() {
    local folder given line
    folder=$(stack "$@")
    given=$(after --parameter-overrides "$@")
    mkdir -p "$folder"
    if [[ $given == file://* ]]; then
        stat -c %a "${given#file://}" > "$folder/mode"
        cp "${given#file://}" "$folder/parameters"
        # ["Name=Value","Name=Value"]: none of the tests' values has a comma.
        tr -d '[]"' < "${given#file://}" | tr , '\n' | while IFS='=' read -r name line; do
            printf '%s' "$line" > "$folder/$name"
        done
        printf 'https://%s.example' "$(after --stack-name "$@")" > "$folder/Url"
        for name in Table Queue DeadLetterQueue ApiFunction WorkerFunction HttpApiId; do
            printf '%s-%s' "$(after --stack-name "$@")" "$name" > "$folder/$name"
        done
    fi
}

aws() {
    local folder name
    case "$1 $2" in
        "sts get-caller-identity")
            [[ ! -e $FAKE/logged-out ]] || exit 255
            echo 123456789012
            ;;
        "configure get") exit 1 ;;
        "ecr describe-repositories") [[ -e $FAKE/repository-$4 ]] ;;
        "ecr create-repository") touch "$FAKE/repository-$4" ;;
        "ecr describe-images")
            [[ -e $FAKE/ecr-$(after --repository-name "$@"):$(after --image-ids "$@" | cut -d= -f2) ]]
            cat "$FAKE/media"
            ;;
        "ecr get-login-password") echo secret ;;
        "s3api head-object") [[ -e $FAKE/s3-$(after --key "$@" | tr / _) ]] ;;
        "s3 cp") cp "$4" "$FAKE/s3-$(cut -d/ -f4- <<< "$5" | tr / _)" ;;
        "cloudformation deploy") deploy "$@" ;;
        "cloudformation describe-stacks")
            folder=$(stack "$@")
            [[ -d $folder ]] || exit 255
            name=$(after --query "$@" | sed "s/.*=='\(.*\)'.*/\1/")
            cat "$folder/$name" 2> /dev/null || echo None
            ;;
        "cloudformation delete-stack") rm -r "$(stack "$@")" ;;
        "cloudformation wait" | "dynamodb delete-table") ;;
        *)
            echo "fake aws: $*" >&2
            exit 1
            ;;
    esac
}

docker() {
    case "$1" in
        image) [[ -e $FAKE/local ]] && cat "$FAKE/local" ;;
        pull) cp "$FAKE/registry" "$FAKE/local" ;;
        login) cat > /dev/null ;;
        tag) ;;
        push) touch "$FAKE/ecr-${2##*/}" ;;
        *)
            echo "fake docker: $*" >&2
            exit 1
            ;;
    esac
}

pssp() {
    [[ ! -e $FAKE/broken ]] || exit 1
}

"$program" "$@"

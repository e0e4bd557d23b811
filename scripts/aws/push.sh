#!/usr/bin/env bash
# Pushes the images of a version to ECR, for one architecture: push.sh 1.2.3 arm64
# They are the unchanged images of docker/, from this machine, else from REGISTRY. Images that ECR has are not replaced.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/aws/common.sh

version=${1:-} architecture=${2:-}
need_version "$version"
[[ $architecture == arm64 || $architecture == x86_64 ]] || die "which architecture? arm64 or x86_64"
need_account
# Docker's name of the architecture.
suffix=${architecture/x86_64/amd64}
from=${REGISTRY:-ghcr.io/pssp}
to=$account.dkr.ecr.$region.amazonaws.com

fits() {
    [[ $("${ENGINE[@]}" image inspect --format '{{.Architecture}}' "$1" 2> /dev/null) == "$suffix" ]]
}

# Lambda runs images of one architecture, and no image lists. Some builders wrap even a single image in a list.
push() {
    local image=$1 source=$from/$1:$version target=$to/$1:$version-$suffix media
    if ! fits "$source"; then
        "${ENGINE[@]}" pull --quiet --platform "linux/$suffix" "$source" > /dev/null ||
            die "no $source: push the tag v$version and let the workflow build it, or make images here"
        fits "$source" || die "$source is not for $architecture"
    fi
    "${ENGINE[@]}" tag "$source" "$target"
    "${ENGINE[@]}" push "$target"
    media=$(aws ecr describe-images --repository-name "$image" --image-ids "imageTag=$version-$suffix" \
        --query 'imageDetails[0].imageManifestMediaType' --output text)
    [[ $media != *index* && $media != *list* ]] ||
        die "$target is a list of images, which Lambda refuses: delete it there and push with BUILDX_NO_DEFAULT_ATTESTATIONS=1 make images"
}

logged_in=''
for image in pssp-api pssp-wrk; do
    aws ecr describe-repositories --repository-names "$image" > /dev/null 2>&1 ||
        aws ecr create-repository --repository-name "$image" --image-tag-mutability IMMUTABLE > /dev/null
    if aws ecr describe-images --repository-name "$image" --image-ids "imageTag=$version-$suffix" > /dev/null 2>&1; then
        say "$image:$version-$suffix is there already"
        continue
    fi
    need "${ENGINE[0]}" "it brings the images to ECR; or deploy zips: ONLY_HERE=Package=Zip"
    if [[ -z $logged_in ]]; then
        aws ecr get-login-password | "${ENGINE[@]}" login --username AWS --password-stdin "$to" > /dev/null
        logged_in=yes
    fi
    push "$image"
done

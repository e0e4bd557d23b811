# shellcheck shell=bash
# Shared functions of these scripts. They source this file, with the repository as working directory.

# KUBECTL="kubectl -n mine --context class" chooses another cluster or namespace than the current one.
read -ra KUBECTL <<< "${KUBECTL:-kubectl}"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

kubectl() {
    command "${KUBECTL[@]}" "$@"
}

need_environment() {
    [[ ${1:-} == test || ${1:-} == prod ]] || die "which environment? test or prod"
}

# The image that the manifest of a part (api, wrk, db) names: written_image test api
written_image() {
    sed -n 's/^ *image: *//p' "kubernetes/$1/$2-deployment.yml"
}

# The image of a deployment in the cluster.
running_image() {
    kubectl get deployment "$1-$2" -o "jsonpath={.spec.template.spec.containers[0].image}"
}

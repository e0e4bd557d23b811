# shellcheck shell=bash
# Shared functions of these scripts. They source this file, with the repository as working directory.

# KUBECTL="kubectl -n mine --context class" chooses another cluster or namespace than the current one, for the scripts
# that a script calls, too. An array would not reach them, hence its own name.
export KUBECTL=${KUBECTL:-kubectl}
read -ra kubectl_words <<< "$KUBECTL"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

kubectl() {
    command "${kubectl_words[@]}" "$@"
}

need_environment() {
    [[ ${1:-} == test || ${1:-} == prod ]] || die "which environment? test or prod"
}

# The image that the manifest of a part (api, wrk, db) names: written_image test api
written_image() {
    sed -n 's/^ *image: *//p' "kubernetes/$1/$2-deployment.yml"
}

# Says on standard error why pods with these labels do not come up: why app.kubernetes.io/instance=test
why() {
    scripts/deploy/why.py "$1" >&2 || true # it is only asked where something has failed already
}

# The image of a deployment in the cluster.
running_image() {
    kubectl get deployment "$1-$2" -o "jsonpath={.spec.template.spec.containers[0].image}"
}

#!/usr/bin/env bash
# Stands in for kubectl: keeps in $FAKE what it was told, and answers from there.
set -euo pipefail

echo "$*" >> "$FAKE/calls"
# KUBECTL="kubectl --context class -n mine"
while [[ $1 == --context || $1 == -n ]]; do shift 2; done
case "$*" in
    "get secret "*jsonpath*) [[ -e $FAKE/earlier-secrets ]] || echo dXNlcg== ;;
    "get secret "*)
        for name in "$3" "$4"; do
            [[ ! -e $FAKE/secret-$name ]] || echo "secret/$name"
        done
        ;;
    "create -f -")
        cat > "$FAKE/created"
        sed -n 's/^  name: //p' "$FAKE/created" | while read -r name; do touch "$FAKE/secret-$name"; done
        ;;
    "apply -f -") cat > "$FAKE/job" ;;
    "apply -f kubernetes/"*)
        for file in "$3"*-deployment.yml; do
            name=$(sed -n '/^metadata:/,/^ *name:/s/^  name: //p' "$file")
            sed -n 's/^ *image: *//p' "$file" > "$FAKE/image-$name"
        done
        ;;
    "get deployment "*jsonpath*) cat "$FAKE/image-$3" ;;
    "get deployment "*)
        for name in "$3" "$4" "$5"; do
            [[ ! -e $FAKE/image-$name ]] || echo "deployment.apps/$name"
        done
        ;;
    "get job "*) cat "$FAKE/verdict" ;;
    "get service "*) echo 30123 ;;
    # What is wrong in this cluster, in the words of a real one.
    "rollout status deployment/$(cat "$FAKE/broken" 2> /dev/null) "*)
        echo 'error: timed out waiting for the condition' >&2
        exit 1
        ;;
    "get pods "*json) cat "$FAKE/pods.json" ;;
    "get deployments "*json | "get events "*json)
        kind=$2
        cat "$FAKE/$kind.json" 2> /dev/null || echo '{"items": []}'
        ;;
    "logs test-"*)
        [[ -e $FAKE/log ]] || { echo 'Error from server (BadRequest): waiting to start' >&2 && exit 1; }
        cat "$FAKE/log"
        ;;
    "rollout "* | "delete job "* | "logs job/"*) ;;
    *)
        echo "fake kubectl: $*" >&2
        exit 1
        ;;
esac

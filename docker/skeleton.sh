#!/bin/sh
# Copies the files of the working tree that determine the dependencies to $1: the manifests and the lock file. Each
# target gets an empty program, since cargo requires one.
set -eu

to=$1
find . -name target -prune -o \
    \( -name Cargo.toml -o -name Cargo.lock -o -path '*/src/lib.rs' -o -path '*/src/main.rs' -o -path '*/benches/*.rs' \) -print |
    while read -r file; do
        mkdir -p "$to/$(dirname "$file")"
        case $file in
            *.rs) echo 'fn main() {}' > "$to/$file" ;;
            *) cp "$file" "$to/$file" ;;
        esac
    done

#!/bin/sh
# Copies programs, with the libraries that they load, to a new root: rootfs.sh ROOT PROGRAM...
set -eu

root=$1
shift
mkdir -p "$root"
for program in "$@"; do
    cp -L --parents "$program" "$root"
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
        cp -L --parents "$library" "$root"
    done
done

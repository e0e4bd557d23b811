#!/usr/bin/env bash
# Prints the version in Cargo.toml, which is also that of the git tag, of the images and in /v1/status.
set -euo pipefail
cd "$(dirname "$0")/.."

sed -n '/^\[workspace\.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml

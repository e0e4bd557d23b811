#!/usr/bin/env bash
# The one version: Cargo's, which is also the git tag's, the images' and what /v1/status says.
set -euo pipefail
cd "$(dirname "$0")/.."

sed -n '/^\[workspace\.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml

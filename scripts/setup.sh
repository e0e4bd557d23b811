#!/usr/bin/env bash
# Checks that the build's tools are there. A C compiler (for the embedded SQLite) is installed where
# that needs no question: on a Debian system, as root, if it is missing.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

if ! have cargo && [[ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]]; then
    echo "setup: add ${CARGO_HOME:-$HOME/.cargo}/bin to PATH, where cargo is" >&2
    exit 1
fi
if ! have cargo; then
    echo "setup: cargo is missing: install Rust as https://www.rust-lang.org/tools/install says" >&2
    exit 1
fi
if ! have cc; then
    if have apt-get && [[ $(id -u) -eq 0 ]]; then
        echo "setup: installing a C compiler"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
    else
        echo "setup: a C compiler (cc) is missing: install gcc or clang" >&2
        exit 1
    fi
fi

#!/usr/bin/env bash
# Checks that the build's tools are there, with `test` also those of the tests. What is missing is
# installed where that needs no question: on a Debian system, as root.
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

# need COMMAND WHAT PACKAGE...: installs the packages if the command is missing.
need() {
    local command=$1 what=$2
    shift 2
    have "$command" && return
    if have apt-get && [[ $(id -u) -eq 0 ]]; then
        echo "setup: installing $what ($*)"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        echo "setup: $what ($command) is missing: install $* or what your system calls it" >&2
        exit 1
    fi
}

need cc "a C compiler" gcc libc6-dev
if [[ ${1:-} == test ]]; then
    # Tests start servers of their own on free ports, and run the Python example.
    need redis-server "Redis" redis-server
    need openssl "OpenSSL's command" openssl
    need python3 "Python" python3
fi

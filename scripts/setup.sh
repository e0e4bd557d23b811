#!/usr/bin/env bash
# Checks that the tools of the build are installed; with `test`, `lint` or `page` also the tools of the tests, the lints
# or the checks of the pages. On a Debian system, as root, it installs missing tools without asking.
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

need_python() {
    need python3 "Python" python3 python3-venv
    # On Debian venv is a separate package. Checks of crates, manifests and templates need it.
    python3 -c 'import ensurepip' 2>/dev/null || need no-python3-venv "Python's venv" python3-venv
    # The lists of crates are read with it.
    python3 -c 'import tomllib' 2>/dev/null || { echo "setup: python3 is older than 3.11, which reads TOML" >&2; exit 1; }
}

need cc "a C compiler" gcc libc6-dev
if [[ ${1:-} == lint ]]; then
    need_python
    for tool in fmt clippy; do
        cargo "$tool" --version >/dev/null 2>&1 || {
            echo "setup: cargo $tool is missing: rustup component add rustfmt clippy" >&2
            exit 1
        }
    done
fi
if [[ ${1:-} == page ]]; then
    need node "Node.js" nodejs
    need npm "npm" npm
fi
if [[ ${1:-} == test ]]; then
    # Tests start their own servers on free ports, and run the Python example.
    need redis-server "Redis" redis-server
    # Debian keeps the server's programs outside of PATH, one folder for each version.
    if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
        # Debian's package makes and starts a server of its own, unless it is told not to before it is installed.
        need pg_createcluster "PostgreSQL's common files" postgresql-common
        if [[ $(id -u) -eq 0 && -d /etc/postgresql-common ]]; then
            echo "create_main_cluster = false" >>/etc/postgresql-common/createcluster.conf
        fi
        need no-postgres-in-path "PostgreSQL" postgresql
    fi
    need pgbouncer "PgBouncer" pgbouncer
    need openssl "OpenSSL's command" openssl
    # They read what is written for viewers.
    need gt "GenomeTools" genometools
    need bedtools "bedtools" bedtools
    need pymol "PyMOL" pymol
    # The tests of the pages drive a real browser.
    need chromedriver "Chromium and its driver" chromium chromium-driver
    need_python
    scripts/aws-stand-ins.sh
fi

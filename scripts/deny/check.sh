#!/usr/bin/env bash
# Checks Cargo.lock against deny.toml: check.sh PATH-OF-cargo-deny
# Licences, doubled crates and sources are always checked. Known faults (advisories) need the database of RustSec, which
# is fetched from GitHub. Where that cannot be reached, an older copy is used, or the check is left out; both are said.
#   ADVISORIES=required   fail instead, as the workflow `ci` does
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

deny=${1:?}
# -D: an exception that no longer applies is an error.
"$deny" --locked check --hide-inclusion-graph -D unnecessary-skip -D unmatched-skip bans licenses sources ||
    die "Cargo.lock has what deny.toml does not allow: choose another crate or version, or name the exception there with its reason"

databases=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if ! why=$(timeout "${FETCH_LIMIT:-60}" "$deny" --locked fetch db 2>&1); then
    why=$(grep -iE 'fatal|error' <<< "$why" | tail -n1 || true)
    copy=$(find "$databases" -mindepth 2 -maxdepth 2 -name crates 2> /dev/null | head -n1 || true)
    date=$([[ -z $copy ]] || git -C "${copy%/crates}" log -1 --format=%cs 2> /dev/null || true)
    if [[ ${ADVISORIES:-} == required ]]; then
        die "known faults (advisories) cannot be checked: the database of RustSec cannot be fetched: $why"
    elif [[ -z $date ]]; then
        say "WARNING: known faults (advisories) were NOT checked: the database of RustSec cannot be fetched (${why:-no answer})"
        exit 0
    fi
    say "WARNING: known faults (advisories) are checked with a copy of $date: the database of RustSec cannot be fetched (${why:-no answer})"
fi
"$deny" --locked --offline check --hide-inclusion-graph advisories ||
    die "a crate in Cargo.lock has a known fault: cargo update -p CRATE, or name it in deny.toml with the reason why it does no harm"

#!/usr/bin/env bash
# Checks the alert rules, and tests them, with promtool: check.sh FOLDER-FOR-THE-TOOL
# The tool is the one in the PATH, else, on a Debian system, the one of the package `prometheus`, which is unpacked and
# not installed: nothing is started.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/deploy/common.sh

tools=${1:?}
promtool=$(command -v promtool || true)
if [[ -z $promtool ]]; then
    promtool=$tools/usr/bin/promtool
    if [[ ! -x $promtool ]]; then
        command -v apt-get > /dev/null || die "promtool is missing: install Prometheus"
        mkdir -p "$tools"
        # The lists of a new machine may be empty. Only root can fetch them.
        (cd "$tools" && apt-get download -qq prometheus 2> /dev/null) ||
            { apt-get update -qq && (cd "$tools" && apt-get download -qq prometheus); } ||
            die "promtool is missing: install the package prometheus"
        dpkg-deb --fsys-tarfile "$tools"/prometheus_*.deb | tar -xf - -C "$tools" ./usr/bin/promtool
        rm "$tools"/prometheus_*.deb
    fi
fi
report=$("$promtool" check rules monitoring/alerts.yml 2>&1) || die "$report"
tested=$("$promtool" test rules monitoring/alerts-test.yml 2>&1) || die "$tested"
say "alerts: $(grep -o '[0-9]* rules found' <<< "$report"), and they fire and keep still as their tests say"

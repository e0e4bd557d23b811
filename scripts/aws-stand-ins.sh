#!/usr/bin/env bash
# Installs the stand-ins for AWS that tests use in target/tools: dynoxide (DynamoDB) and ministack (DynamoDB and SQS).
# Skips those that are installed already. Needs cargo and python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/.."

dynoxide=3.2.0
ministack=1.5.33
tools=target/tools

# done_as NAME VERSION: whether that version was installed completely.
done_as() { [[ -f $tools/$1.version && $(<"$tools/$1.version") == "$2" ]]; }

mkdir -p "$tools"
if ! done_as dynoxide "$dynoxide" || [[ ! -x $tools/bin/dynoxide ]]; then
    echo "setup: building dynoxide $dynoxide, a stand-in for DynamoDB (once; some minutes)"
    # It is a separate program and not a dependency, since it links another SQLite than the embedded backend.
    "${CARGO:-cargo}" install --quiet --locked --force --root "$tools" dynoxide-rs --version "$dynoxide" \
        --no-default-features --features native-sqlite,http-server,cli
    echo "$dynoxide" >"$tools/dynoxide.version"
fi
if ! done_as ministack "$ministack" || [[ ! -x $tools/ministack/bin/ministack ]]; then
    echo "setup: installing ministack $ministack, a stand-in for AWS (once)"
    rm -rf "$tools/ministack"
    python3 -m venv "$tools/ministack"
    "$tools/ministack/bin/pip" install --quiet --disable-pip-version-check -r scripts/aws-stand-ins.txt
    echo "$ministack" >"$tools/ministack.version"
fi

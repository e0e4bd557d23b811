#!/usr/bin/env python3
"""Runs `pssp conform --faults` on every backend and writes the README's table of promises from its reports.

usage: promises.py FOLDER-OF-PROGRAMS   (`make promises` calls it)

It starts a Redis, a PostgreSQL and the stand-ins of AWS on this machine, and stops them at the end.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- promises: made by `make promises` -->", "<!-- end of promises -->"


@contextlib.contextmanager
def process(command, **options):
    """A process that is stopped at the end."""
    running = subprocess.Popen(command, cwd=ROOT, text=True, **options)
    try:
        yield running
    finally:
        if running.stdin:
            running.stdin.close()
        else:
            running.terminate()
        running.wait(timeout=60)


@contextlib.contextmanager
def sqlite(_programs):
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:{folder}/pssp.db"


@contextlib.contextmanager
def redis(_programs):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        with process([*command, "--dir", folder], stdout=subprocess.DEVNULL):
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def postgres(programs):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process([programs / "pssp-local-postgres"], **pipes) as server:
        yield server.stdout.readline().strip()


@contextlib.contextmanager
def aws(programs):
    with process([programs / "pssp-aws-local", "--port", "0"], stdout=subprocess.PIPE) as server:
        for line in server.stdout:
            found = re.search(r"aws://\S+", line)
            if found:
                yield found.group(0).strip("'\"")
                return
        sys.exit("promises: the stand-ins of AWS do not start")


BACKENDS = {"sqlite": sqlite, "redis": redis, "postgres": postgres, "aws (stand-ins)": aws}


def conform(programs, url):
    env = {**os.environ, "PSSP_BACKEND": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run(
        [programs / "pssp", "--json", "conform", "--faults"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False
    )
    if not done.stdout:
        sys.exit(f"promises: no report (exit code {done.returncode})")
    return json.loads(done.stdout)


def cell(cases):
    kept = sum(case["result"] == "passed" for case in cases)
    notes = [f"{kept} of {len(cases)}"]
    for result, word in (("failed", "**broken**"), ("deviation", "declared deviations")):
        count = sum(case["result"] == result for case in cases)
        if count:
            notes.append(f"{count} {word}")
    return ", ".join(notes)


def table(reports):
    yield f"| promise | {' | '.join(reports)} |"
    yield "|---|" + "---|" * len(reports)
    columns = [{p["promise"]: p["cases"] for p in report["promises"]} for report in reports.values()]
    for promise in columns[0]:
        yield f"| {promise} | {' | '.join(cell(column[promise]) for column in columns)} |"


def main():
    programs = (ROOT / sys.argv[1]).resolve()
    reports = {}
    for name, start in BACKENDS.items():
        print(f"promises: {name}", file=sys.stderr)
        with start(programs) as url:
            reports[name] = conform(programs, url)
    text = README.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"promises: README.md lacks the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    lines = "\n".join(table(reports))
    README.write_text(f"{before}{BEGIN}\n\n{lines}\n\n{END}{rest.split(END, 1)[1]}")
    failed = [name for name, report in reports.items() for p in report["promises"] for c in p["cases"] if c["result"] == "failed"]
    if failed:
        sys.exit(f"promises: broken on {', '.join(sorted(set(failed)))}")


if __name__ == "__main__":
    main()

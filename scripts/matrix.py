#!/usr/bin/env python3
"""Runs the end-to-end suite and writes the README's table of cases and platforms from its output.

usage: matrix.py TEST-COMMAND...   (`make matrix` calls it)
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CASES = ROOT / "crates/e2e/tests/it/cases/mod.rs"
PLATFORMS = ROOT / "crates/e2e/tests/it/main.rs"
BEGIN, END = "<!-- matrix: made by `make matrix` -->", "<!-- end of matrix -->"


def cases():
    """Returns every case with its group, in the order of the suite's list."""
    listed = re.search(r"^cases! \{(.*?)^\}", CASES.read_text(), re.S | re.M).group(1)
    for group, names in re.findall(r"(\w+):([^;]+);", listed):
        for name in re.findall(r"\w+", names):
            yield group, name


def run(command):
    """Returns the outcome of each test by platform and case."""
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    outcomes = re.findall(r"^test (\w+)::(\w+) \.\.\. (\w+)", output.stdout, re.M)
    if output.returncode != 0 or not outcomes:
        sys.stdout.write(output.stdout)
        sys.exit("matrix: the suite failed; the README is left as it was")
    return {(platform, case): outcome for platform, case, outcome in outcomes if platform not in ("matrix", "cases")}


def table(outcomes):
    listed = re.search(r"^platforms! \{(.*?)^\}", PLATFORMS.read_text(), re.S | re.M).group(1)
    platforms = re.findall(r"^\s*(\w+) =>", listed, re.M)
    yield f"| | case | {' | '.join(platforms)} |"
    yield "|---|---|" + "---|" * len(platforms)
    for group, case in cases():
        marks = ("passed" if outcomes.get((platform, case)) == "ok" else "**no**" for platform in platforms)
        yield f"| {group} | {case.replace('_', ' ')} | {' | '.join(marks)} |"


def main():
    lines = "\n".join(table(run(sys.argv[1:])))
    text = README.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"matrix: README.md lacks the lines {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    README.write_text(f"{before}{BEGIN}\n\n{lines}\n\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()

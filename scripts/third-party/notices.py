#!/usr/bin/env python3
"""Writes THIRD-PARTY.txt: what others wrote of our programs, with its licences. With --check: only whether it is current."""

import difflib
import re
import sys
import textwrap

from crates import ROOT, Crate, linked

FILE = ROOT / "THIRD-PARTY.txt"
# Where a crate may be used under one of several licences, we use it under the first of these that is offered.
PREFERRED = ["MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Apache-2.0"]
# What the file of a licence is called, or says in its first lines.
SIGNS = {
    "MIT": r"\bMIT\b|Permission is hereby granted, free of charge, to any\s+person",
    "Apache-2.0": r"Apache\s+License",
    "BSD-2-Clause": r"Redistribution and use in source and binary forms",
    "BSD-3-Clause": r"Redistribution and use in source and binary forms",
    "ISC": r"\bISC\b|Permission to use, copy, modify, and/?(or)? distribute this software",
    "Zlib": r"zlib|provided 'as-is'",
    "Unicode-3.0": r"UNICODE LICENSE",
    "CDLA-Permissive-2.0": r"Community Data License Agreement",
    "BSL-1.0": r"Boost Software License",
}
HEAD = """\
Software and data of others in pssp
===================================

pssp itself is under the licence in LICENSE. This file names what others wrote of the programs pssp, pssp-api and
pssp-worker, and repeats their licences. scripts/third-party/notices.py makes it from Cargo.lock (make third-party);
`make lint` fails if it is not current. The file pssp-*.cdx.json of a release lists the same for programs.

Parts that are no crates
------------------------

SQLite                 in the public domain; https://sqlite.org/copyright.html. In the crate libsqlite3-sys.
Rust standard library  MIT OR Apache-2.0; the Rust project contributors, https://www.rust-lang.org. Both texts are below.
GNU C library          LGPL-2.1-or-later and others; linked statically into the programs of the container images, from Debian.
                       Its notices and the LGPL are in /licenses of each image. Sources: Debian's source package glibc.
                       To link with another version: docker/Dockerfile.api of https://github.com/pssp/pssp.
DejaVu Sans            a subset of the font, drawn in plots; its licence is below.
Certificates           the list of Mozilla, MPL-2.0, in the container images (Debian's package ca-certificates) and in the
                       crate webpki-roots.
Redis and its          only in the image pssp-db, from Debian's packages; their licences are in its /usr/share/doc.
libraries

Crates
------
"""


def chosen(expression: str) -> list[str]:
    """The licences of an expression under which we use a crate: one of each OR, all of an AND."""
    parts = re.split(r"\s+AND\s+", expression)
    found = []
    for part in parts:
        offers = [one.strip("() ") for one in re.split(r"\s+OR\s+", part)]
        found.append(min(offers, key=lambda one: PREFERRED.index(one) if one in PREFERRED else len(PREFERRED)))
    return found


def plain(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\f", "").split("\n")]
    return "\n".join(lines).strip("\n")


def texts(crate: Crate) -> list[str]:
    """The texts in the crate's folder of the licences that we chose, and its notices."""
    files = [(path.name, plain(path.read_text(encoding="utf-8", errors="replace"))) for path in crate.licence_files()]
    wanted = chosen(crate.licence)
    found = []
    for name, text in files:
        if name.lower().startswith(("notice", "copyright")):
            found.append(text)
        elif any(is_text_of(one, name, text) for one in wanted):
            found.append(text)
    # Licences without a sign of theirs, or in a file of another name.
    return found if found else [text for _, text in files]


def is_text_of(licence: str, name: str, text: str) -> bool:
    licence = licence.split(" WITH ")[0]
    offered = name.lower()
    if "apache" in offered or "mit" in offered:
        return licence.split("-")[0].lower() in offered
    return re.search(SIGNS.get(licence, re.escape(licence)), text[:1500]) is not None


def table(crates: list[Crate]) -> str:
    lines = []
    for crate in crates:
        programs = ", ".join(sorted(crate.programs))
        lines.append(f"{crate.name} {crate.version}: {crate.licence}; in {programs}; {crate.repository}".rstrip("; "))
    return "\n".join(lines)


def wrapped(names: list[str]) -> str:
    return textwrap.fill(", ".join(names), 118, break_long_words=False, break_on_hyphens=False)


def page() -> str:
    crates = [crate for crate in linked().values() if not crate.ours]
    by_text: dict[str, list[str]] = {}
    without: list[Crate] = []
    for crate in crates:
        own = texts(crate)
        for text in own:
            by_text.setdefault(text, []).append(crate.key)
        if not own:
            without.append(crate)
    font = plain((ROOT / "crates/predict/assets/DejaVuSans-subset.LICENSE.txt").read_text())
    by_text.setdefault(font, []).append("DejaVu Sans")
    parts = [HEAD, table(crates), "\n\nLicences\n--------\n"]
    if without:
        parts.append("These crates have no text of their licence in their archive; the standard text of it is among those below.\n\n")
        for crate in without:
            parts.append(f"{crate.key}: {', '.join(chosen(crate.licence))}; {', '.join(crate.authors) or 'its authors'}\n")
    for text, keys in sorted(by_text.items(), key=lambda pair: (-len(pair[1]), pair[1])):
        parts.append(f"\n{'=' * 118}\n{wrapped(keys)}\n{'-' * 118}\n{text}\n")
    return "".join(parts)


def main() -> None:
    if sys.argv[1:] not in ([], ["--check"]):
        raise SystemExit("usage: notices.py [--check]")
    text = page()
    if sys.argv[1:] == []:
        FILE.write_text(text)
        print(f"third-party: wrote {FILE.name}")
    elif not FILE.exists() or FILE.read_text() != text:
        old = FILE.read_text().splitlines() if FILE.exists() else []
        changes = list(difflib.unified_diff(old, text.splitlines(), FILE.name, "as Cargo.lock has it", lineterm="", n=0))
        print("\n".join(changes[:20]), file=sys.stderr)
        raise SystemExit(f"third-party: {FILE.name} is stale: run make third-party")


if __name__ == "__main__":
    main()

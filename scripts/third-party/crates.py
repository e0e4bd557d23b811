"""The crates that are linked into the programs that we ship: names, versions, licences, texts, and who needs whom.

Procedural macros, build scripts and development dependencies are left out: nothing of theirs is in a program.
"""

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As PROGRAMS in docker/Dockerfile.*: built together, so that they share the features of their crates.
PROGRAMS = ["pssp", "pssp-api", "pssp-worker"]
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
# Names of files with a licence or a notice in the folder of a crate.
LICENCE_FILE = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)([-_. ].*)?$", re.IGNORECASE)


@dataclass
class Crate:
    """One version of a crate."""

    name: str
    version: str
    licence: str
    """Its licence as an SPDX expression."""
    repository: str
    authors: list[str]
    folder: Path
    checksum: str
    """SHA-256 of the archive on crates.io; empty for a crate of ours."""
    needs: set[str] = field(default_factory=set)
    """Keys of the crates that it is linked with."""
    programs: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def ours(self) -> bool:
        return not self.checksum

    def licence_files(self) -> list[Path]:
        files = [path for path in self.folder.iterdir() if path.is_file() and LICENCE_FILE.match(path.name)]
        folder = self.folder / "LICENSES"
        files += [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
        return sorted(files)


def cargo(*args: str) -> str:
    command = [os.environ.get("CARGO", "cargo"), *args]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return done.stdout


def spdx(licence: str) -> str:
    """An older form of Cargo has a slash for OR."""
    return re.sub(r"\s*/\s*", " OR ", licence)


def checksums() -> dict[str, str]:
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {f"{one['name']} {one['version']}": one.get("checksum", "") for one in lock["package"]}


def linked() -> dict[str, Crate]:
    """All crates of all programs on all targets, by key."""
    known, sums = {}, checksums()
    for target in TARGETS:
        told = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
        for one in told["packages"]:
            key = f"{one['name']} {one['version']}"
            known[key] = Crate(
                one["name"],
                one["version"],
                spdx(one["license"] or ""),
                one["repository"] or "",
                one["authors"],
                Path(one["manifest_path"]).parent,
                sums[key],
            )
    for target in TARGETS:
        edges(target, known)
    for program in PROGRAMS:
        root = next(crate for crate in known.values() if crate.name == program)
        reach(known, root.key, program)
    return {key: crate for key, crate in sorted(known.items()) if crate.programs}


def edges(target: str, known: dict[str, Crate]) -> None:
    """Notes who needs whom, from the depths in the tree that Cargo prints."""
    selected = [word for program in PROGRAMS for word in ("--package", program)]
    tree = cargo(
        *("tree", "--locked", "--edges", "normal,no-proc-macro", "--target", target),
        *("--prefix", "depth", "--format", "{p}", *selected),
    )
    above: list[str] = []
    for line in tree.splitlines():
        found = re.match(r"^(\d+)(\S+) v(\S+)", line)
        if not found:
            continue
        depth, key = int(found[1]), f"{found[2]} {found[3]}"
        del above[depth:]
        if above:
            known[above[-1]].needs.add(key)
        above.append(key)


def reach(known: dict[str, Crate], key: str, program: str) -> None:
    waiting = [key]
    while waiting:
        crate = known[waiting.pop()]
        if program not in crate.programs:
            crate.programs.add(program)
            waiting.extend(crate.needs)

#!/usr/bin/env python3
"""Prints the bill of materials (CycloneDX 1.6, JSON) of a program, or of the Debian packages in an image.

    sbom.py pssp-api                        # the crates of a program, from Cargo.lock
    sbom.py pssp-db VERSION status.d        # the packages of an image, from its folder /var/lib/dpkg/status.d

A scanner cannot find the crates in a stripped program, so the list is made where they are known.
"""

import hashlib
import json
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

from crates import PROGRAMS, Crate, linked


def purl(crate: Crate) -> str:
    return f"pkg:cargo/{crate.name}@{quote(crate.version, safe='')}"


def crate_component(crate: Crate) -> dict:
    component = {
        "type": "library",
        "bom-ref": purl(crate),
        "name": crate.name,
        "version": crate.version,
        "purl": purl(crate),
        "licenses": [{"expression": crate.licence}],
    }
    if crate.checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    if crate.repository:
        component["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return component


def program_bill(program: str) -> dict:
    crates = {key: crate for key, crate in linked().items() if program in crate.programs}
    root = next(crate for crate in crates.values() if crate.name == program)
    others = [crate for crate in crates.values() if crate is not root]
    subject = crate_component(root) | {"type": "application"}
    needs = [
        {"ref": purl(crate), "dependsOn": sorted(purl(crates[key]) for key in crate.needs)} for crate in crates.values()
    ]
    return bill(subject, [crate_component(crate) for crate in others], needs)


def packages(folder: Path) -> list[dict]:
    """The fields of each package in a folder with files as dpkg's `status`."""
    found = []
    for file in sorted(folder.iterdir()):
        fields = {}
        for line in file.read_text().splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith(" "):
                fields[name] = value.strip()
        found.append(fields)
    if not found:
        raise SystemExit(f"sbom: {folder} names no package")
    return found


def image_bill(name: str, version: str, folder: Path) -> dict:
    components = []
    for package in packages(folder):
        version = quote(package["Version"], safe="~")
        ref = f"pkg:deb/debian/{quote(package['Package'], safe='')}@{version}?arch={package['Architecture']}"
        components.append(
            {"type": "library", "bom-ref": ref, "name": package["Package"], "version": package["Version"], "purl": ref}
        )
    subject = {"type": "container", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    needs = [{"ref": subject["bom-ref"], "dependsOn": sorted(one["bom-ref"] for one in components)}]
    return bill(subject, components, needs)


def bill(subject: dict, components: list[dict], needs: list[dict]) -> dict:
    """The whole document. Its serial number follows from its content, so that the same content gives the same bytes."""
    content = {"metadata": {"component": subject}, "components": components, "dependencies": needs}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "version": 1,
        **content,
    }


def main() -> None:
    match sys.argv[1:]:
        case [program] if program in PROGRAMS:
            told = program_bill(program)
        case [name, version, folder]:
            told = image_bill(name, version, Path(folder))
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

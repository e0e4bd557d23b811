"""Looks for training chains that tell about held-out ones: `python leaks.py DATA`.

Reads every set as training does, for every fold of membrane chains that may be left out. Where mmseqs2 is
installed it searches anew; otherwise it relies on `homologs.tsv.gz`. Ends with an error if it finds one.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import alphabets as ab
import data
import homologs

EVERYTHING = {"sets": data.MORE_SETS, "segments": 1, "extra": ab.EXTRA}


def trained(splits: data.Splits) -> list[data.Chain]:
    return splits.train + splits.negatives + splits.segments


def held_groups(splits: data.Splits, folder: Path) -> dict[str, list[data.Chain]]:
    """Held-out chains by kind of label."""
    kind = lambda name: "tm" if name.startswith("tm") else "idr" if name.startswith("idr") else "ss"  # noqa: E731
    groups: dict[str, list[data.Chain]] = {"ss": data.read_ts115(folder), "idr": [], "tm": []}
    for name, chains in splits.held_out.items():
        groups[kind(name)] += chains
    return groups


def leaks(splits: data.Splits, folder: Path, leave_out: int | None, search: bool) -> list[str]:
    """One line for each training chain that should not be there, or not with the labels that it has."""
    chains, groups = trained(splits), held_groups(splits, folder)
    held = [chain for group in groups.values() for chain in group]
    found = [f"{c.origin}: near-duplicate of a held-out chain" for c, near in zip(chains, data.near_duplicates(chains, held)) if near]
    related, active = homologs.read(), homologs.active(leave_out, data.VALIDATION_FOLD)
    for chain in chains:
        kinds = {group.split("/")[0] for group in related.get(homologs.key(chain.sequence), set()) & active}
        found += [f"{chain.origin}: {kind} label of a listed homolog" for kind in sorted(kinds & data.kinds_of(chain))]
    clusters = {c.extra["cluster"] for part in ("val", "test") for c in splits.held_out[f"ss8_acc/{part}"]}
    for chain in chains:
        told = {chain.extra.get("cluster"), *chain.extra.get("clusters", ())}
        if told & clusters and chain.ss is not None:
            found.append(f"{chain.origin}: of a held-out cluster")
    overlap = {f"ss8:{n}" for n in data.overlapping(folder, "ss8_acc")} | data.overlapping(folder, "ss3_disorder")
    found += [f"{chain.origin}: overlaps a published test" for chain in chains if chain.origin in overlap]
    if search:
        labelled = {kind: {c.sequence for c in chains if kind in data.kinds_of(c)} for kind in data.FORBIDDEN}
        hits = homologs.relations(labelled, homologs.held_out(folder), 2)
        for chain in chains:
            kinds = {group.split("/")[0] for group in hits.get(homologs.key(chain.sequence), set()) & active}
            found += [f"{chain.origin}: {kind} label of a homolog" for kind in sorted(kinds & data.kinds_of(chain))]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, nargs="*", default=list(range(data.FOLDS)), help="folds of membrane chains to leave out in turn")
    parser.add_argument("--without-segments", action="store_true", help="leave out the largest set, which takes most of the time")
    args = parser.parse_args()
    config = {name: value for name, value in EVERYTHING.items() if name != "segments" or not args.without_segments}
    search = shutil.which("mmseqs") is not None
    for fold in [None, *(fold for fold in args.folds if fold != data.VALIDATION_FOLD)]:
        splits = data.load(args.folder, fold, config)
        found = leaks(splits, args.folder, fold, search)
        for line in found[:20]:
            print(line)
        print(f"fold {fold}: {len(trained(splits))} training chains, {len(found)} leaks{', searched with mmseqs2' if search else ''}", flush=True)
        if found:
            raise SystemExit(1)


if __name__ == "__main__":
    main()

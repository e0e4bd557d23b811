"""Which training chains are related to held-out ones: `python homologs.py DATA` writes `homologs.tsv.gz`.

The search is mmseqs2 (e < 1e-3) of every chain that may be trained on against every held-out chain, for each
kind of label (`ss`, `idr`, `tm`) alone, because an e-value grows with the number of sequences. A line
of the list is a key (the first 12 hex digits of the SHA-256 of the sequence) and the groups that have a
homolog of it: `ss/val`, `ss/test`, `idr/val`, `idr/test`, `tm/neg`, and `tm/<fold>` for each fold of membrane
chains. `data.load` takes the labels of that group away from these chains. Training reads the list and
needs no mmseqs2; the list is made anew when sets or splits change.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

LIST = Path(__file__).parent / "homologs.tsv.gz"
MAX_E = 1e-3


def key(sequence: str) -> str:
    return hashlib.sha256(sequence.encode()).hexdigest()[:12]


def read(path: Path = LIST) -> dict[str, set[str]]:
    """Groups by key."""
    with gzip.open(path, "rt") as file:
        lines = (line.rstrip("\n").split("\t") for line in file)
        return {name: set(groups.split(",")) for name, groups in lines}


def active(leave_out: int | None, validation_fold: int) -> set[str]:
    """The groups that are held out when this fold of membrane chains is left out."""
    folds = {validation_fold} | ({leave_out} if leave_out is not None else set())
    return {"ss/val", "ss/test", "idr/val", "idr/test", "tm/neg"} | {f"tm/{fold}" for fold in folds}


def held_out(folder: Path) -> dict[str, set[str]]:
    """Sequences by group."""
    import data

    sets = data.read_sets(folder)
    groups: dict[str, set[str]] = defaultdict(set)
    for part in ("val", "test"):
        groups[f"ss/{part}"] |= {c.sequence for name in ("ss3_disorder", "ss8_acc") for c in sets[name][part]}
        groups[f"idr/{part}"] |= {c.sequence for c in sets["idr"][part]}
        groups["tm/neg"] |= {c.sequence for c in sets["tm_negative"][part]}
    groups["ss/test"] |= {c.sequence for c in data.read_ts115(folder)}
    for name in ("tm_tmbed", "tm_pdbtm"):
        for chain in (c for part in ("train", "val") for c in sets[name][part]):
            groups[f"tm/{chain.extra['fold']}"].add(chain.sequence)
    return groups


def candidates(folder: Path) -> dict[str, set[str]]:
    """Every sequence that some configuration trains on, by the kinds of label that it has."""
    import data
    from alphabets import EXTRA

    config = {"sets": data.MORE_SETS, "segments": 1, "extra": EXTRA}
    chains = [c for of_set in data.sources(folder, data.read_sets(folder), config).values() for c in of_set]
    return {kind: {c.sequence for c in chains if kind in data.kinds_of(c)} for kind in data.FORBIDDEN}


def search(queries: set[str], targets: set[str], threads: int) -> dict[str, set[str]]:
    """For each query, by key, the keys of the targets that it hits."""
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / name for name in ("queries.fasta", "targets.fasta", "hits.tsv")]
        for path, sequences in zip(files, (queries, targets)):
            path.write_text("".join(f">{key(s)}\n{s}\n" for s in sorted(sequences)))
        options = ["-e", str(MAX_E), "-s", "6", "--max-seqs", "2000", "--threads", str(threads), "-v", "1", "--format-output", "query,target"]
        subprocess.run(["mmseqs", "easy-search", *map(str, files), f"{scratch}/tmp", *options], check=True)
        hits: dict[str, set[str]] = defaultdict(set)
        for line in files[2].read_text().splitlines():
            query, target = line.split("\t")
            hits[query].add(target)
        return hits


def relations(sequences: dict[str, set[str]], groups: dict[str, set[str]], threads: int) -> dict[str, set[str]]:
    """By key the groups that hold a homolog of a sequence; `sequences` by the kind of label that they have."""
    found: dict[str, set[str]] = defaultdict(set)
    for kind, queries in sequences.items():
        of_target: dict[str, set[str]] = defaultdict(set)
        targets = {s for group, members in groups.items() if group.startswith(f"{kind}/") for s in members}
        for group, members in groups.items():
            for sequence in members if group.startswith(f"{kind}/") else ():
                of_target[key(sequence)].add(group)
        for query, hits in search(queries, targets, threads).items():
            found[query].update(*(of_target[target] for target in hits))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    found = relations(candidates(args.folder), held_out(args.folder), args.threads)
    lines = [f"{name}\t{','.join(sorted(groups))}\n" for name, groups in sorted(found.items())]
    with gzip.GzipFile(LIST, "wb", mtime=0) as file:
        file.write("".join(lines).encode())
    print(len(lines), "related chains")


if __name__ == "__main__":
    main()

"""Reads the data folder, splits it, and makes length-bucketed batches.

All labels of one sequence are merged into one `Chain`, so a protein that occurs in several sets
is read once with every label it has. Splits are decided by published parts or by a fixed hash of
a cluster or id, never by a random generator, so they stay the same when data are added.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import alphabets as ab

MAX_ASA_FILE = "max_asa_tien2013_theoretical.tsv"
#: Membrane chains come in five folds, those of `tm_tmbed`. This one is for validation; nothing trains on it.
FOLDS, VALIDATION_FOLD = 5, 3
#: Two chains that share this share of their 6-mers (of the shorter one) count as near-duplicates.
KMER, KMER_SHARE = 6, 0.10


@dataclass
class Chain:
    """One sequence with the labels it has. All arrays are as long as the sequence."""

    sequence: str
    origin: str
    ss: np.ndarray | None = None  # uint8 bit set of allowed SS8 classes, 0 = unknown
    rsa: np.ndarray | None = None  # float32 relative accessibility 0..1, NaN = unknown
    dis: np.ndarray | None = None  # int8 1 disordered (unresolved), 0 ordered, -1 unknown
    tm: np.ndarray | None = None  # uint8 bit set of allowed TM classes, 0 = unknown
    soft: np.ndarray | None = None  # float16 (length, 19) probabilities of teachers, see `distil.py`
    extra: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sequence)


def rows(folder: Path, name: str) -> list[dict]:
    """Rows of `<name>.tsv.gz` by column name."""
    csv.field_size_limit(1 << 24)
    with gzip.open(Path(folder) / f"{name}.tsv.gz", "rt") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def percent_of(text: str) -> int:
    """A fixed number 0..99 of a text (first 4 bytes of its SHA-256), to split sets by."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 100


def part_of(text: str, validation: int = 7, test: int = 7) -> str:
    """`val`, `test` or `train` by `percent_of`."""
    percent = percent_of(text)
    return "val" if percent < validation else "test" if percent < validation + test else "train"


def part_of_fold(chain: Chain) -> str:
    return "val" if chain.extra["fold"] == VALIDATION_FOLD else "train"


def max_asa(folder: Path) -> dict[str, float]:
    """Maximum accessible surface of each residue in square angstrom (Tien et al. 2013, theoretical)."""
    table = {}
    for line in (Path(folder) / MAX_ASA_FILE).read_text().splitlines():
        if line and not line.startswith("#"):
            aa, area = line.split("\t")[:2]
            table[aa] = float(area)
    return table


def map_bits(labels: str, table: dict[str, int]) -> np.ndarray:
    return np.array([table[label] for label in labels], dtype=np.uint8)


def relative_accessibility(sequence: str, areas: str, maximum: dict[str, float]) -> np.ndarray:
    """RSA clipped to 1; NaN where the area or the residue is unknown."""
    return np.array(
        [
            min(float(a) / maximum[aa], 1.0) if float(a) >= 0 and aa in maximum else np.nan
            for aa, a in zip(sequence, areas.split(","), strict=True)
        ],
        dtype=np.float32,
    )


def read_sets(folder: Path) -> dict[str, dict[str, list[Chain]]]:
    """Every set, by name and then by part (`train`, `val`, `test`)."""
    sets: dict[str, dict[str, list[Chain]]] = defaultdict(lambda: {"train": [], "val": [], "test": []})
    for row in rows(folder, "ss3_disorder"):
        resolved = np.array([c == "1" for c in row["resolved"]])
        ss = map_bits(row["ss3"], ab.SS3_BITS)
        ss[~resolved] = 0  # unresolved residues are written as coil there; nobody has seen them
        chain = Chain(row["sequence"], row["id"], ss=ss, dis=(~resolved).astype(np.int8))
        sets["ss3_disorder"][row["part"]].append(chain)
    maximum = max_asa(folder)
    for row in rows(folder, "ss8_acc"):
        chain = Chain(row["sequence"], f"ss8:{row['n']}", ss=map_bits(row["ss8"], ab.SS8_BITS))
        if row["acc_A2"]:
            chain.rsa = relative_accessibility(row["sequence"], row["acc_A2"], maximum)
        chain.extra["cluster"] = f"cluster30:{row['cluster30']}"
        sets["ss8_acc"][part_of(chain.extra["cluster"])].append(chain)
    pdbtm: list[Chain] = []
    for row in rows(folder, "tm_pdbtm"):
        chain = Chain(row["sequence"], row["id"], tm=map_bits(row["pdbtm9"], ab.PDBTM_BITS))
        chain.extra["tm2"] = np.array([c == "1" for c in row["tm2"]])
        pdbtm.append(chain)
    for row in rows(folder, "tm_tmbed"):
        membrane = any(c in "HhBb" for c in row["label"])
        chain = Chain(row["sequence"], row["id"], tm=map_bits(row["label"], ab.TMBED_BITS))
        if not membrane:  # a protein without any segment is not in the membrane at all
            chain.tm[chain.tm != 0] = ab.bits(ab.TM, "_")
        chain.extra.update(membrane=membrane, label=row["label"])
        chain.extra["fold"] = int(row["cv_split"])
        sets["tm_tmbed"][part_of_fold(chain)].append(chain)
    tmbed = [c for part in sets["tm_tmbed"].values() for c in part]
    for chain, fold in zip(pdbtm, folds_like(pdbtm, tmbed), strict=True):
        chain.extra["fold"] = fold
        sets["tm_pdbtm"][part_of_fold(chain)].append(chain)
    for row in rows(folder, "tm_negative"):
        tm = np.full(len(row["sequence"]), ab.bits(ab.TM, "_"), dtype=np.uint8)
        part = part_of(f"negative:{row['id']}", 4, 4)
        sets["tm_negative"][part].append(Chain(row["sequence"], row["id"], tm=tm))
    return {name: dict(parts) for name, parts in sets.items()}


def read_ts115(folder: Path) -> list[Chain]:
    """TS115: looked at once, for the final scores."""
    chains = []
    for row in rows(folder, "test_ts115"):
        resolved = np.array([c == "1" for c in row["resolved"]])
        ss = map_bits(row["ss8"], ab.SS8_BITS)
        ss[~resolved] = 0
        chains.append(Chain(row["sequence"], row["id"], ss=ss, dis=(~resolved).astype(np.int8)))
    return chains


def read_caid1(folder: Path) -> list[Chain]:
    """CAID1 / DisProt: a different idea of disorder than an unresolved residue."""
    table = {"1": 1, "0": 0, "-": -1}
    return [
        Chain(r["sequence"], r["id"], dis=np.array([table[c] for c in r["label"]], dtype=np.int8))
        for r in rows(folder, "disorder_caid1")
    ]


def kmers(sequence: str) -> set[str]:
    return {sequence[i : i + KMER] for i in range(len(sequence) - KMER + 1)}


def resembling(chains: list[Chain], of: list[Chain]) -> list[list[int]]:
    """For each of `chains` the places of those in `of` that are identical to it or share many 6-mers
    with it.

    A cheap stand-in for a homology search: it finds chains of about 50 % identity and more.
    """
    owners = defaultdict(list)
    for i, other in enumerate(of):
        for word in kmers(other.sequence):
            owners[word].append(i)
    lengths = [max(1, len(other) - KMER + 1) for other in of]
    found = []
    for chain in chains:
        shared: dict[int, int] = defaultdict(int)
        words = kmers(chain.sequence)
        for word in words:
            for i in owners.get(word, ()):
                shared[i] += 1
        alike = lambda i: shared[i] >= 3 and shared[i] >= KMER_SHARE * min(len(words), lengths[i])  # noqa: E731, B023
        found.append([i for i in sorted(shared) if alike(i)])
    return found


def near_duplicates(chains: list[Chain], of: list[Chain]) -> np.ndarray:
    """Which `chains` resemble any chain in `of`."""
    return np.array([bool(alike) for alike in resembling(chains, of)], dtype=bool)


def folds_like(chains: list[Chain], of: list[Chain]) -> list[int]:
    """A fold for each of `chains`: that of the first chain it resembles, else one by a hash of its id."""
    return [
        of[alike[0]].extra["fold"] if alike else percent_of(f"fold:{chain.origin}") % FOLDS
        for chain, alike in zip(chains, resembling(chains, of), strict=True)
    ]


def merge(chains: list[Chain]) -> list[Chain]:
    """One chain per sequence, with the union of the labels; the most precise label wins."""
    merged: dict[str, Chain] = {}
    for chain in chains:
        kept = merged.setdefault(chain.sequence, Chain(chain.sequence, chain.origin, extra=dict(chain.extra)))
        kept.extra.update(chain.extra)
        for name in ("ss", "tm"):
            new, old = getattr(chain, name), getattr(kept, name)
            if new is None:
                continue
            if old is not None:
                both = old & new  # allowed by both; where they disagree, the earlier set is kept
                new = np.where(both != 0, both, np.where(old != 0, old, new)).astype(np.uint8)
            setattr(kept, name, new)
        for name in ("rsa", "dis"):
            if getattr(kept, name) is None:
                setattr(kept, name, getattr(chain, name))
    return list(merged.values())


@dataclass
class Splits:
    """Training chains in two groups, and every held-out set by name."""

    train: list[Chain]
    negatives: list[Chain]
    held_out: dict[str, list[Chain]]
    report: dict


def load(folder: Path, leave_out: int | None = None) -> Splits:
    """Reads all sets, drops training chains that resemble a held-out one, and merges the rest.
    `leave_out` is a fold of membrane chains to hold out as well, as the part `fold`."""
    sets = read_sets(folder)
    for name in ("tm_tmbed", "tm_pdbtm") if leave_out is not None else ():
        parts = sets[name]
        parts["fold"] = [c for c in parts["train"] if c.extra["fold"] == leave_out]
        parts["train"] = [c for c in parts["train"] if c.extra["fold"] != leave_out]
    held = {f"{n}/{part}": parts[part] for n, parts in sets.items() for part in ("val", "test", "fold") if part in parts}
    reference = [c for chains in held.values() for c in chains] + read_ts115(folder)
    report = {"chains": {n: {p: len(c) for p, c in parts.items()} for n, parts in sets.items()}, "dropped": {}}
    kept: dict[str, list[Chain]] = {}
    for name, parts in sets.items():
        close = near_duplicates(parts["train"], reference)
        kept[name] = [c for c, drop in zip(parts["train"], close) if not drop]
        report["dropped"][name] = int(close.sum())
    tmbed_members = [c for c in kept["tm_tmbed"] if c.extra["membrane"] or "S" in c.extra["label"]]
    tmbed_plain = [c for c in kept["tm_tmbed"] if not (c.extra["membrane"] or "S" in c.extra["label"])]
    with_structure = {c.sequence for name in ("ss3_disorder", "ss8_acc") for c in kept[name]}
    negatives = tmbed_plain + kept["tm_negative"]
    # Non-membrane chains that are trained on for their structure anyway get the label for free.
    labelled = [c for c in negatives if c.sequence in with_structure]
    negatives = [c for c in negatives if c.sequence not in with_structure]
    train = merge(kept["ss8_acc"] + kept["ss3_disorder"] + kept["tm_pdbtm"] + tmbed_members + labelled)
    report["train"] = {
        "chains": len(train),
        "residues": sum(map(len, train)),
        "negatives": len(negatives),
        "negative_residues": sum(map(len, negatives)),
        "labelled_residues": {
            "ss8": sum(int(np.isin(c.ss, [1 << i for i in range(8)]).sum()) for c in train if c.ss is not None),
            "ss": sum(int((c.ss != 0).sum()) for c in train if c.ss is not None),
            "acc": sum(int((~np.isnan(c.rsa)).sum()) for c in train if c.rsa is not None),
            "dis": sum(int((c.dis >= 0).sum()) for c in train if c.dis is not None),
            "tm": sum(int((c.tm != 0).sum()) for c in train if c.tm is not None),
        },
    }
    return Splits(train, negatives, held, report)


def share_of(splits: Splits, share: float) -> Splits:
    """The splits with only about `share` of the training chains, for a learning curve. Whole 30 %
    clusters where they are known, and a smaller share is part of every larger one."""

    def within(chain: Chain) -> bool:
        key = f"share:{chain.extra.get('cluster', chain.origin)}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") < share * 2**32

    train, negatives = ([c for c in group if within(c)] for group in (splits.train, splits.negatives))
    report = {**splits.report, "share": {"of": share, "chains": len(train), "residues": sum(map(len, train))}}
    return Splits(train, negatives, splits.held_out, report)


def crop(chain: Chain, start: int, length: int) -> Chain:
    cut = slice(start, start + length)
    part = lambda a: None if a is None else a[cut]  # noqa: E731
    labels = (part(chain.ss), part(chain.rsa), part(chain.dis), part(chain.tm), part(chain.soft))
    return Chain(chain.sequence[cut], chain.origin, *labels)


@dataclass
class Batch:
    """Padded arrays, (chains, longest). Padding has input class X, mask 0 and no labels."""

    inputs: np.ndarray
    mask: np.ndarray
    ss: np.ndarray
    rsa: np.ndarray
    dis: np.ndarray
    tm: np.ndarray
    soft: np.ndarray | None = None  # (chains, longest, 19), where there are teachers


def collate(chains: list[Chain]) -> Batch:
    shape = (len(chains), max(map(len, chains)))
    batch = Batch(
        np.full(shape, len(ab.INPUTS) - 1, dtype=np.int64),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.uint8),
        np.full(shape, np.nan, dtype=np.float32),
        np.full(shape, -1, dtype=np.int8),
        np.zeros(shape, dtype=np.uint8),
        None if chains[0].soft is None else np.zeros((*shape, ab.OUTPUTS), dtype=np.float16),
    )
    for i, chain in enumerate(chains):
        n = len(chain)
        if "codes" not in chain.extra:
            chain.extra["codes"] = np.array(ab.encode(chain.sequence), dtype=np.int64)
        batch.inputs[i, :n] = chain.extra["codes"]
        batch.mask[i, :n] = 1.0
        for name in ("ss", "rsa", "dis", "tm"):
            labels = getattr(chain, name)
            if labels is not None:
                getattr(batch, name)[i, :n] = labels
        if batch.soft is not None:
            batch.soft[i, :n] = chain.soft
    return batch


def buckets(chains: list[Chain], residues: int) -> list[list[Chain]]:
    """Groups of similar length with about `residues` padded residues each (at least one chain)."""
    groups, group = [], []
    for chain in sorted(chains, key=len):
        if group and (len(group) + 1) * len(chain) > residues:
            groups.append(group)
            group = []
        group.append(chain)
    return [*groups, group] if group else groups


def epoch(splits: Splits, config: dict, rng: np.random.Generator) -> list[list[Chain]]:
    """The batches of one pass, in random order: all of `train`, membrane proteins `tm_repeat`
    times, those with strands `barrel_repeat` times, and a fresh sample of the non-membrane proteins."""
    chosen = list(splits.train)
    members = [c for c in splits.train if c.tm is not None and c.extra.get("membrane", "tm2" in c.extra)]
    chosen += members * (config["tm_repeat"] - 1)
    barrels = [c for c in members if (c.tm == ab.bits(ab.TM, "E")).any()]
    chosen += barrels * max(0, config.get("barrel_repeat", 0) - config["tm_repeat"])
    count = round(len(splits.negatives) * config["tm_negative_share"])
    chosen += [splits.negatives[i] for i in rng.choice(len(splits.negatives), count, replace=False)]
    limit = config["max_crop"]
    chosen = [crop(c, int(rng.integers(0, len(c) - limit + 1)), limit) if len(c) > limit else c for c in chosen]
    # Jitter the order so that chains of nearly the same length meet different partners each time.
    keys = {id(c): len(c) * rng.uniform(0.95, 1.05) for c in chosen}
    chosen.sort(key=lambda c: keys[id(c)])
    groups, group, longest = [], [], 0
    for chain in chosen:
        if group and (len(group) + 1) * max(longest, len(chain)) > config["batch_residues"]:
            groups.append(group)
            group, longest = [], 0
        group.append(chain)
        longest = max(longest, len(chain))
    groups.append(group)
    rng.shuffle(groups)
    return groups

"""Reads the data folder, splits it, and makes length-bucketed batches.

All labels of one sequence are merged into one `Chain`, so a protein that occurs in several sets
is read once with every label it has. Splits are decided by published parts or by a fixed hash of
a cluster or id, never by a random generator, so they stay the same when data are added. What a
training chain may not teach because it is related to a held-out one is in `homologs.py`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import alphabets as ab
import homologs

MAX_ASA_FILE = "max_asa_tien2013_theoretical.tsv"
#: Membrane chains come in five folds, those of `tm_tmbed`. This one is for validation; nothing trains on it.
FOLDS, VALIDATION_FOLD = 5, 3
#: Two chains that share this share of their 6-mers (of the shorter one) count as near-duplicates.
KMER, KMER_SHARE = 6, 0.10
#: Sets of structure beside `ss3_disorder` and `ss8_acc`, which a configuration may name in `sets`.
MORE_SETS = ("ss8_cath_s40", "ss8_more", "ss8_alphafold")
#: Domains of CATH that are at least so alike (percent) to a chain of the first two sets tell nothing new.
ALIKE = 90
#: AlphaFold's residues below this pLDDT (in tens) are not used.
CONFIDENT = 7
#: Unknown residues that stand where a chain of CATH is broken.
GAP = 3
#: CheZOD scores below this are disordered (Nielsen & Mulder 2016).
CHEZOD = 8.0
#: Columns of a profile with fewer aligned sequences are not learnt.
DEPTH = 10
PROFILE_SCALE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What a residue may be labelled with: type, value where it is unknown, further axes.
LABELS: dict[str, tuple[type, float, tuple[int, ...]]] = {
    "ss": (np.uint8, 0, ()),
    "rsa": (np.float32, np.nan, ()),
    "dis": (np.int8, -1, ()),
    "tm": (np.uint8, 0, ()),
    "idr": (np.int8, -1, ()),
    "sig": (np.int8, -1, ()),
    "conservation": (np.float32, np.nan, ()),
    "profile": (np.float16, 0, (20,)),
}
#: Labels that a chain loses when it is related to a held-out chain of the group.
FORBIDDEN = {
    "ss": ("ss", "rsa", "dis", "conservation", "profile"),
    "idr": ("idr", "dis"),
    "tm": ("tm", "sig"),
}


@dataclass
class Chain:
    """One sequence with the labels it has. All arrays are as long as the sequence."""

    sequence: str
    origin: str
    ss: np.ndarray | None = None  # uint8 bit set of allowed SS8 classes, 0 = unknown
    rsa: np.ndarray | None = None  # float32 relative accessibility 0..1, NaN = unknown
    dis: np.ndarray | None = None  # int8 1 disordered (unresolved), 0 ordered, -1 unknown
    tm: np.ndarray | None = None  # uint8 bit set of allowed TM classes, 0 = unknown
    idr: np.ndarray | None = None  # int8 1 intrinsically disordered, 0 ordered, -1 unknown
    sig: np.ndarray | None = None  # int8 1 in a signal peptide, 0 not, -1 unknown
    conservation: np.ndarray | None = None  # float32 0 variable .. 1 conserved, NaN = unknown
    profile: np.ndarray | None = None  # float16 (length, 20) frequencies in the family, 0 = unknown
    prior: np.ndarray | None = None  # float32 (8,) log of how much more frequent each SS8 state is in its set
    soft: np.ndarray | None = None  # float16 (length, 21) probabilities of teachers, see `distil.py`
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


def overlapping(folder: Path, name: str) -> set[str]:
    """Keys of the rows of a set that are homologous to a chain of a published test."""
    return {row["key"] for row in rows(folder, "test_overlap") if row["file"] == name}


def read_sets(folder: Path) -> dict[str, dict[str, list[Chain]]]:
    """Every set, by name and then by part (`train`, `val`, `test`)."""
    sets: dict[str, dict[str, list[Chain]]] = defaultdict(lambda: {"train": [], "val": [], "test": []})
    left_out = overlapping(folder, "ss3_disorder")
    for row in rows(folder, "ss3_disorder"):
        if row["id"] in left_out and row["part"] != "test":
            continue
        resolved = np.array([c == "1" for c in row["resolved"]])
        ss = map_bits(row["ss3"], ab.SS3_BITS)
        ss[~resolved] = 0  # unresolved residues are written as coil there; nobody has seen them
        chain = Chain(row["sequence"], row["id"], ss=ss, dis=(~resolved).astype(np.int8))
        sets["ss3_disorder"][row["part"]].append(chain)
    maximum, left_out = max_asa(folder), overlapping(folder, "ss8_acc")
    for row in rows(folder, "ss8_acc"):
        part = part_of(f"cluster30:{row['cluster30']}")
        if row["n"] in left_out and part != "test":
            continue
        chain = Chain(row["sequence"], f"ss8:{row['n']}", ss=map_bits(row["ss8"], ab.SS8_BITS))
        if row["acc_A2"]:
            chain.rsa = relative_accessibility(row["sequence"], row["acc_A2"], maximum)
        chain.extra["cluster"] = f"cluster30:{row['cluster30']}"
        sets["ss8_acc"][part].append(chain)
    pdbtm: list[Chain] = []
    for row in rows(folder, "tm_pdbtm"):
        chain = Chain(row["sequence"], row["id"], tm=map_bits(row["pdbtm9"], ab.PDBTM_BITS))
        chain.extra["tm2"] = np.array([c == "1" for c in row["tm2"]])
        pdbtm.append(chain)
    for row in rows(folder, "tm_tmbed"):
        membrane = any(c in "HhBb" for c in row["label"])
        signal = np.array([-1 if c == "U" else c == "S" for c in row["label"]], dtype=np.int8)
        chain = Chain(row["sequence"], row["id"], tm=map_bits(row["label"], ab.TMBED_BITS), sig=signal)
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
    for chain in read_idr(folder):
        sets["idr"][chain.extra["part"]].append(chain)
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


def chezod(text: str) -> np.ndarray:
    return np.array([-1 if z == "" else float(z) < CHEZOD for z in text.split(",")], dtype=np.int8)


def read_idr(folder: Path) -> list[Chain]:
    """Intrinsic disorder: CAID1 (DisProt) and NMR (CheZOD), in families of chains that resemble each other.

    One half of the families with a chain of CAID1, by a hash, is the test; the others keep the published
    part of NMR. A family is never divided.
    """
    chains = read_caid1(folder)
    for chain in chains:
        chain.idr, chain.dis = chain.dis, None
        chain.extra["caid1"] = True
    for row in rows(folder, "disorder_nmr"):
        if row["near_test"]:
            continue
        chain = Chain(row["sequence"], f"nmr:{row['id']}", idr=chezod(row["zscores"]))
        chain.extra.update(caid1=False, published=row["part"])
        chains.append(chain)
    for family in families(chains):
        first = min(chain.sequence for chain in family)
        part = part_of(f"idr:{first}", 8, 50 if any(chain.extra["caid1"] for chain in family) else 0)
        if any(chain.extra.get("published") == "test" for chain in family):
            part = "test"
        for chain in family:
            chain.extra["part"] = part
    return chains


def families(chains: list[Chain]) -> list[list[Chain]]:
    """Chains that resemble each other, directly or through others."""
    parent = list(range(len(chains)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, alike in enumerate(resembling(chains, chains)):
        for j in alike:
            parent[root(i)] = root(j)
    found: dict[int, list[Chain]] = defaultdict(list)
    for i, chain in enumerate(chains):
        found[root(i)].append(chain)
    return list(found.values())


def with_gaps(chain: Chain, breaks: str) -> Chain:
    """The chain with unknown residues before each of the positions where it is broken."""
    at = np.repeat([int(b) for b in breaks.split(",")], GAP) if breaks else []
    if not len(at):
        return chain
    letters = np.insert(np.array(list(chain.sequence)), at, "X")
    longer = Chain("".join(letters), chain.origin, extra=dict(chain.extra))
    for name, (_, missing, _) in LABELS.items():
        labels = getattr(chain, name)
        if labels is not None:
            setattr(longer, name, np.insert(labels, at, missing, axis=0).astype(labels.dtype))
    return longer


def more_structures(folder: Path, name: str) -> list[Chain]:
    """The chains of one of `MORE_SETS`, each with the clusters of `ss8_acc` that it is related to."""
    maximum, chains = max_asa(folder), []
    for row in rows(folder, name):
        if name == "ss8_cath_s40" and float(row["in_have"] or 0) >= ALIKE:
            continue
        ss = map_bits(row["ss8"], ab.SS8_BITS)
        if name == "ss8_alphafold":
            ss[np.array([int(digit) < CONFIDENT for digit in row["plddt"]])] = 0
        chain = Chain(row["sequence"], f"{name}:{row['id']}", ss=ss, extra={"clusters": clusters(row)})
        if row.get("acc_A2"):
            chain.rsa = relative_accessibility(row["sequence"], row["acc_A2"], maximum)
        chains.append(with_gaps(chain, row.get("breaks", "")))
    return chains


def clusters(row: dict) -> list[str]:
    return [f"cluster30:{number}" for number in row["clusters30"].split(",") if number]


def segments(folder: Path, least: int) -> list[Chain]:
    """Aligned segments of homologues, from `least` percent identity on, with the labels of the structure."""
    return [
        Chain(row["sequence"], f"segment:{row['query']}:{i}", ss=map_bits(row["ss8"], ab.SS8_BITS), extra={"clusters": clusters(row)})
        for i, row in enumerate(rows(folder, "homolog_segments"))
        if float(row["identity"]) >= least
    ]


def extra_targets(folder: Path, names: list[str]) -> list[Chain]:
    """Chains labelled with `conservation` or a `profile`."""
    chains = []
    for row in rows(folder, "conservation") if "conservation" in names else ():
        grade = np.array([(int(c) - 1) / 8 if c.isdigit() and c != "0" else np.nan for c in row["conservation"]], dtype=np.float32)
        chains.append(Chain(row["sequence"], f"conservation:{row['id']}", conservation=grade))
    value = np.full(128, 0, dtype=np.float32)
    for i, character in enumerate(PROFILE_SCALE):
        value[ord(character)] = i
    for row in rows(folder, "family_profiles") if "profile" in names else ():
        codes = np.frombuffer(row["profile61"].encode(), dtype=np.uint8)
        table = value[codes[codes < 128]].reshape(len(row["sequence"]), -1)[:, :20]
        table = table / np.maximum(table.sum(1, keepdims=True), 1)
        deep = np.array([int(d) for d in row["depth"].split(",")]) >= DEPTH
        chain = Chain(row["sequence"], f"profile:{row['id']}", profile=(table * deep[:, None]).astype(np.float16))
        chain.extra["clusters"] = clusters(row)
        chains.append(chain)
    return chains


def composition(chains: list[Chain]) -> np.ndarray:
    """Frequencies of the SS8 states among the residues that have one."""
    counts = np.bincount(np.concatenate([c.ss for c in chains if c.ss is not None]), minlength=256)
    states = counts[[1 << i for i in range(len(ab.SS8))]] + 1.0
    return states / states.sum()


def set_priors(chains: list[Chain], like: list[Chain]) -> None:
    """Tells each chain how much more frequent each state is among `chains` than among `like`."""
    shift = np.log(composition(chains) / composition(like)).astype(np.float32)
    for chain in chains:
        chain.prior = shift


def kmers(chains: list[Chain]) -> tuple[np.ndarray, np.ndarray]:
    """The different 6-mers of each chain, one number each, and the places of the chains that they are from."""
    text = np.frombuffer("".join(chain.sequence for chain in chains).encode(), dtype=np.uint8).astype(np.uint64)
    count = max(0, len(text) - KMER + 1)
    words = sum(text[i : i + count] << np.uint64(8 * i) for i in range(KMER))
    owners = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    whole = owners[:count] == owners[KMER - 1 :][:count]  # not across the end of a chain
    words, owners = words[whole], owners[:count][whole]
    order = np.lexsort((owners, words))
    words, owners = words[order], owners[order]
    new = np.ones(len(words), dtype=bool)
    new[1:] = (words[1:] != words[:-1]) | (owners[1:] != owners[:-1])
    return words[new], owners[new]


def resembling(chains: list[Chain], of: list[Chain]) -> list[list[int]]:
    """For each of `chains` the places of those in `of` that are identical to it or share many 6-mers
    with it.

    A cheap stand-in for a homology search: it finds chains of about 50 % identity and more.
    """
    words, mine = kmers(chains)
    known, theirs = kmers(of)
    first = np.searchsorted(known, words, "left")
    counts = np.searchsorted(known, words, "right") - first
    ends = np.cumsum(counts)
    hits = np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)
    pairs, shared = np.unique(np.repeat(mine, counts) * max(1, len(of)) + theirs[hits], return_counts=True)
    left, right = np.divmod(pairs, max(1, len(of)))
    different = np.bincount(mine, minlength=len(chains))
    lengths = np.array([max(1, len(other) - KMER + 1) for other in of])
    alike = (shared >= 3) & (shared >= KMER_SHARE * np.minimum(different[left], lengths[right]))
    found: list[list[int]] = [[] for _ in chains]
    for i, other in zip(left[alike].tolist(), right[alike].tolist()):
        found[i].append(other)
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
        if kept.ss is None and chain.ss is not None:
            kept.prior = chain.prior
        for name in ("ss", "tm"):
            new, old = getattr(chain, name), getattr(kept, name)
            if new is None:
                continue
            if old is not None:
                both = old & new  # allowed by both; where they disagree, the earlier set is kept
                new = np.where(both != 0, both, np.where(old != 0, old, new)).astype(np.uint8)
            setattr(kept, name, new)
        for name in ("rsa", "dis", "idr", "sig", "conservation", "profile"):
            if getattr(kept, name) is None:
                setattr(kept, name, getattr(chain, name))
    return list(merged.values())


@dataclass
class Splits:
    """Training chains in two groups, and every held-out set by name."""

    train: list[Chain]
    negatives: list[Chain]
    segments: list[Chain]
    held_out: dict[str, list[Chain]]
    report: dict


def kinds_of(chain: Chain) -> set[str]:
    """The kinds of held-out chains that the labels of a chain tell about."""
    return {kind for kind, names in FORBIDDEN.items() if any(getattr(chain, name) is not None for name in names)}


def strip(chain: Chain, groups: set[str]) -> Chain | None:
    """The chain without the labels that a relation to held-out chains of these groups forbids; none if
    nothing is left to learn from it."""
    kinds = {group.split("/")[0] for group in groups}
    forbidden = {name for kind in kinds for name in FORBIDDEN[kind]}
    left = {name: getattr(chain, name) for name in LABELS if name not in forbidden and getattr(chain, name) is not None}
    return Chain(chain.sequence, chain.origin, **left, prior=chain.prior, extra=chain.extra) if left else None


def sources(folder: Path, sets: dict, config: dict) -> dict[str, list[Chain]]:
    """The training chains of every set that the configuration uses, as they are read."""
    found = {name: parts["train"] for name, parts in sets.items()}
    for name in config.get("sets", ()):
        found[name] = more_structures(folder, name)
    if config.get("segments"):
        found["segments"] = segments(folder, config.get("segment_identity", 40))
    if config.get("extra"):
        found["extra"] = extra_targets(folder, list(config["extra"]))
    return found


def load(folder: Path, leave_out: int | None = None, config: dict | None = None) -> Splits:
    """Reads all sets, drops training chains that resemble a held-out one, and merges the rest.
    `leave_out` is a fold of membrane chains to hold out as well, as the part `fold`. `config` may name
    further `sets`, `extra` targets and a share of `segments`."""
    config = config or {}
    sets = read_sets(folder)
    for name in ("tm_tmbed", "tm_pdbtm") if leave_out is not None else ():
        parts = sets[name]
        parts["fold"] = [c for c in parts["train"] if c.extra["fold"] == leave_out]
        parts["train"] = [c for c in parts["train"] if c.extra["fold"] != leave_out]
    held = {f"{n}/{part}": parts[part] for n, parts in sets.items() for part in ("val", "test", "fold") if part in parts}
    reference = [c for chains in held.values() for c in chains] + read_ts115(folder)
    held_clusters = {c.extra["cluster"] for part in ("val", "test") for c in sets["ss8_acc"][part]}
    related, active = homologs.read(), homologs.active(leave_out, VALIDATION_FOLD)
    report = {"chains": {n: {p: len(c) for p, c in parts.items()} for n, parts in sets.items()}, "dropped": {}}
    kept: dict[str, list[Chain]] = {}
    for name, chains in sources(folder, sets, config).items():
        clear = [c for c in chains if not held_clusters.intersection(c.extra.get("clusters", ()))]
        close = near_duplicates(clear, reference)
        groups = [related.get(homologs.key(c.sequence), set()) & active for c in clear]
        stripped = [strip(c, g) for c, g, drop in zip(clear, groups, close, strict=True) if not drop]
        kept[name] = [c for c in stripped if c is not None]
        report["dropped"][name] = len(chains) - len(kept[name])
        report["chains"].setdefault(name, {"train": len(chains)})
    more = [name for name in MORE_SETS if name in kept]
    if config.get("prior_correction"):
        for name in [*more, *(["segments"] if "segments" in kept else [])]:
            set_priors(kept[name], kept["ss8_acc"])
    tmbed_members = [c for c in kept["tm_tmbed"] if c.extra["membrane"] or "S" in c.extra["label"]]
    tmbed_plain = [c for c in kept["tm_tmbed"] if not (c.extra["membrane"] or "S" in c.extra["label"])]
    with_structure = {c.sequence for name in ("ss3_disorder", "ss8_acc") for c in kept[name]}
    negatives = tmbed_plain + kept["tm_negative"]
    # Non-membrane chains that are trained on for their structure anyway get the label for free.
    labelled = [c for c in negatives if c.sequence in with_structure]
    negatives = [c for c in negatives if c.sequence not in with_structure]
    structures = kept["ss8_acc"] + kept["ss3_disorder"] + [c for name in more for c in kept[name]]
    train = merge(structures + kept.get("extra", []) + kept["tm_pdbtm"] + tmbed_members + labelled + kept["idr"])
    report["train"] = {
        "chains": len(train),
        "residues": sum(map(len, train)),
        "negatives": len(negatives),
        "negative_residues": sum(map(len, negatives)),
        "segments": len(kept.get("segments", [])),
        "labelled_residues": labelled_residues(train),
    }
    return Splits(train, negatives, kept.get("segments", []), held, report)


def labelled_residues(chains: list[Chain]) -> dict[str, int]:
    count = lambda name, known: sum(int(known(getattr(c, name)).sum()) for c in chains if getattr(c, name) is not None)  # noqa: E731
    single = [1 << i for i in range(8)]
    return {
        "ss8": count("ss", lambda a: np.isin(a, single)),
        "ss": count("ss", lambda a: a != 0),
        "acc": count("rsa", lambda a: ~np.isnan(a)),
        "tm": count("tm", lambda a: a != 0),
        **{name: count(name, lambda a: a >= 0) for name in ("dis", "idr", "sig")},
        "conservation": count("conservation", lambda a: ~np.isnan(a)),
        "profile": count("profile", lambda a: a.any(1)),
    }


def share_of(splits: Splits, share: float) -> Splits:
    """The splits with only about `share` of the training chains, for a learning curve. Whole 30 %
    clusters where they are known, and a smaller share is part of every larger one."""

    def within(chain: Chain) -> bool:
        key = f"share:{chain.extra.get('cluster', chain.origin)}"
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") < share * 2**32

    train, negatives = ([c for c in group if within(c)] for group in (splits.train, splits.negatives))
    report = {**splits.report, "share": {"of": share, "chains": len(train), "residues": sum(map(len, train))}}
    return Splits(train, negatives, splits.segments, splits.held_out, report)


def crop(chain: Chain, start: int, length: int) -> Chain:
    cut = slice(start, start + length)
    part = lambda name: None if getattr(chain, name) is None else getattr(chain, name)[cut]  # noqa: E731
    labels = {name: part(name) for name in (*LABELS, "soft")}
    return Chain(chain.sequence[cut], chain.origin, **labels, prior=chain.prior)


@dataclass
class Batch:
    """Padded arrays, (chains, longest). Padding has input class X, mask 0 and no labels."""

    inputs: np.ndarray
    mask: np.ndarray
    labels: dict[str, np.ndarray]  # as in `LABELS`, and `prior` (chains, longest, 8) where a chain has one
    soft: np.ndarray | None = None  # (chains, longest, 21), where there are teachers


def collate(chains: list[Chain], extra: Iterable[str] = ()) -> Batch:
    """`extra` are the further targets that are wanted."""
    shape = (len(chains), max(map(len, chains)))
    wanted = [name for name in LABELS if name not in ab.EXTRA or name in extra]
    batch = Batch(
        np.full(shape, len(ab.INPUTS) - 1, dtype=np.int64),
        np.zeros(shape, dtype=np.float32),
        {name: np.full((*shape, *LABELS[name][2]), LABELS[name][1], dtype=LABELS[name][0]) for name in wanted},
        None if chains[0].soft is None else np.zeros((*shape, ab.OUTPUTS), dtype=np.float16),
    )
    if any(chain.prior is not None for chain in chains):
        batch.labels["prior"] = np.zeros((*shape, len(ab.SS8)), dtype=np.float32)
    for i, chain in enumerate(chains):
        n = len(chain)
        if "codes" not in chain.extra:
            chain.extra["codes"] = np.array(ab.encode(chain.sequence), dtype=np.int64)
        batch.inputs[i, :n] = chain.extra["codes"]
        batch.mask[i, :n] = 1.0
        for name in wanted:
            labels = getattr(chain, name)
            if labels is not None:
                batch.labels[name][i, :n] = labels
        if chain.prior is not None:
            batch.labels["prior"][i, :n] = chain.prior
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
    times, those with strands `barrel_repeat` times, those labelled with intrinsic disorder `idr_repeat` times,
    and a fresh sample of the non-membrane proteins and of the segments."""
    chosen = list(splits.train)
    members = [c for c in splits.train if c.tm is not None and c.extra.get("membrane", "tm2" in c.extra)]
    chosen += members * (config["tm_repeat"] - 1)
    barrels = [c for c in members if (c.tm == ab.bits(ab.TM, "E")).any()]
    chosen += barrels * max(0, config.get("barrel_repeat", 0) - config["tm_repeat"])
    chosen += [c for c in splits.train if c.idr is not None] * (config.get("idr_repeat", 1) - 1)
    count = round(len(splits.negatives) * config["tm_negative_share"])
    chosen += [splits.negatives[i] for i in rng.choice(len(splits.negatives), count, replace=False)]
    if splits.segments:  # so many that they are this share of the residues
        share = config["segments"]
        wanted = share / (1 - share) * sum(map(len, chosen)) / np.mean([len(c) for c in splits.segments])
        chosen += [splits.segments[i] for i in rng.choice(len(splits.segments), min(round(wanted), len(splits.segments)), replace=False)]
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

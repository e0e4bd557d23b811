"""From the networks' outputs to probabilities and labels; mirrored by `decode.rs` of the engine.

Membrane segments are decoded by a search over segments (Viterbi with explicit durations) on whole
per-mille probabilities with integer costs, so that both implementations agree to the letter. A
segment costs `tm_enter`, and what its length is worth; two segments never touch. Everything else is
the most probable class, the first one where they tie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import alphabets as ab

#: Cost of a probability of p per mille: 1024 units of information in nats.
COST = np.array([round(-1024 * math.log((p + 0.5) / 1000.5)) for p in range(1001)], dtype=np.int64)
FORBIDDEN = 1 << 40


@dataclass
class Rules:
    """What the labels depend on besides the probabilities; fitted on validation chains."""

    dis_threshold: int = 500  # per mille; at or above is disordered
    idr_threshold: int = 500  # per mille; at or above is intrinsically disordered
    tm_enter: int = 2048  # cost of a segment, 1/1024 nats
    tm_helix: str = "12:" + ",".join(["0"] * 34)  # least length, and the cost of each from there on
    tm_strand: str = "5:" + ",".join(["0"] * 26)

    @classmethod
    def read(cls, metadata: dict[str, str]) -> Rules:
        """As `export.py` writes them."""
        whole = (int(metadata.get(name, 500)) for name in ("dis_threshold", "idr_threshold"))
        return cls(*whole, int(metadata["tm_enter"]), metadata["tm_helix"], metadata["tm_strand"])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def quantise(rows: np.ndarray) -> np.ndarray:
    """Rows of probabilities to whole per-mille that sum to 1000 (largest remainder, first on ties)."""
    scaled = rows / rows.sum(-1, keepdims=True) * 1000
    whole = np.floor(scaled).astype(np.int64)
    order = np.argsort(-(scaled - whole), axis=-1, kind="stable")
    missing = 1000 - whole.sum(-1)
    rank = np.argsort(order, axis=-1, kind="stable")
    return whole + (rank < missing[:, None])


def membrane_segments(permille: np.ndarray, rules: Rules) -> str:
    """`H`, `E` or `_` (outside) for each residue; `permille` (n, 6) in the order of `ab.TM`."""
    n = len(permille)
    helix, strand = permille[:, ab.TM.index("H")], permille[:, ab.TM.index("E")]
    outside = 1000 - helix - strand
    if (np.maximum(helix, strand) <= outside).all():
        return "_" * n  # staying outside is cheapest everywhere: the search would say the same
    kinds = []
    for letter, share, text in (("H", helix, rules.tm_helix), ("E", strand, rules.tm_strand)):
        least, costs = lengths_of(text)
        inside = np.concatenate([[0], np.cumsum(COST[share])])
        kinds.append((letter, np.arange(least, least + len(costs)), costs + rules.tm_enter, inside))
    step = COST[outside].tolist()
    # Cheapest way to have the first i residues done, the last of them outside or the end of a segment.
    out, end = np.full(n + 1, FORBIDDEN), np.full(n + 1, FORBIDDEN)
    last: list[tuple[str, int]] = [("_", 0)] * (n + 1)
    out[0] = 0
    for i in range(1, n + 1):
        out[i] = min(out[i - 1], end[i - 1]) + step[i - 1]
        for letter, lengths, price, inside in kinds:
            fits = lengths[lengths <= i]
            if len(fits):
                total = out[i - fits] + price[: len(fits)] + inside[i] - inside[i - fits]
                best = int(total.argmin())
                if total[best] < end[i]:
                    end[i], last[i] = total[best], (letter, int(fits[best]))
    labels, i = [], n
    in_segment = end[n] < out[n]
    while i > 0:
        letter, length = last[i] if in_segment else ("_", 1)
        labels.append(letter * length)
        i -= length
        # Before a segment comes a residue outside; before one outside, whatever was cheaper.
        in_segment = not in_segment and end[i] < out[i]
    return "".join(reversed(labels))


def lengths_of(text: str) -> tuple[int, np.ndarray]:
    """Least length of a segment, and what each length from there on costs, from `least:cost,cost,...`."""
    least, costs = text.split(":")
    return int(least), np.array([int(cost) for cost in costs.split(",")], dtype=np.int64)


def letters(indices: np.ndarray, alphabet: str) -> str:
    return "".join(alphabet[i] for i in indices)


def probabilities(outputs: list[np.ndarray]) -> np.ndarray:
    """Mean probabilities (n, 21) of the raw outputs (n, 21) of several networks, each in its place."""
    total = np.zeros(outputs[0].shape, dtype=np.float64)
    for out in outputs:
        out = out.astype(np.float64)
        for head in (ab.OUT_SS8, ab.OUT_ACC, ab.OUT_TM):
            total[:, head] += softmax(out[:, head])
        for single in (ab.OUT_RSA, ab.OUT_DIS, ab.OUT_IDR, ab.OUT_SIG):
            total[:, single] += sigmoid(out[:, single])
    return total / len(outputs)


def predict(p: np.ndarray, rules: Rules) -> dict:
    """Probabilities (n, classes) and labels of every property from the mean probabilities (n, 21)."""
    ss8, acc, tm = p[:, ab.OUT_SS8], p[:, ab.OUT_ACC], p[:, ab.OUT_TM]
    columns = [[i for i, s in enumerate(ab.SS8) if ab.SS8_TO_SS3[s] == three] for three in ab.SS3]
    ss3 = np.stack([ss8[:, c].sum(1) for c in columns], 1)
    dis, idr = p[:, ab.OUT_DIS], p[:, ab.OUT_IDR]
    starred = lambda p, least: "".join("*" if q >= least else "." for q in quantise(np.stack([p, 1 - p], 1))[:, 0])  # noqa: E731
    permille = quantise(tm)
    spans = membrane_segments(permille, rules)
    outside = [i for i, s in enumerate(ab.TM) if s not in "HE"]
    calm = letters(np.array(outside)[permille[:, outside].argmax(1)], ab.TM)
    return {
        "p_ss3": ss3,
        "p_ss8": ss8,
        "p_acc": acc,
        "p_tm": tm,
        "p_dis": dis,
        "rsa": p[:, ab.OUT_RSA],
        "ss3": letters(quantise(ss3).argmax(1), ab.SS3),
        "ss8": letters(quantise(ss8).argmax(1), ab.SS8),
        "acc": letters(quantise(acc).argmax(1), ab.ACC),
        "dis": starred(dis, rules.dis_threshold),
        "p_idr": idr,
        "idr": starred(idr, rules.idr_threshold),
        "p_sig": p[:, ab.OUT_SIG],
        "tm2": spans.replace("E", "H"),
        "tm8": "".join(s if s != "_" else c for s, c in zip(spans, calm, strict=True)),
    }

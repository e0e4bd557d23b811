"""From the network's outputs to probabilities and labels; mirrored by `decode.rs` of the engine.

Membrane segments are decoded by a Viterbi search over whole per-mille probabilities with integer
costs, so that both implementations agree to the letter: outside any segment, in a helix of at
least `tm_min_helix` residues, or in a strand of at least `tm_min_strand`; entering a segment costs
`tm_enter`. Everything else is the most probable class, the first one where they tie.
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
    tm_min_helix: int = 12
    tm_min_strand: int = 5
    tm_enter: int = 2048


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
    if (np.maximum(helix, strand) <= 1000 - helix - strand).all():
        return "_" * n  # staying outside is cheapest everywhere: the search would say the same
    costs = {"_": COST[1000 - helix - strand].tolist(), "H": COST[helix].tolist(), "E": COST[strand].tolist()}
    h, e = rules.tm_min_helix, rules.tm_min_strand
    # State 0 is outside, 1..h the residues of a helix (the last one repeats), then the strand's.
    letters = "_" + "H" * h + "E" * e
    helix_end, strand_end = h, h + e
    best = [FORBIDDEN] * len(letters)
    back = np.zeros((n, len(letters)), dtype=np.int16)
    for i in range(n):
        before = best if i else [0] + [FORBIDDEN] * (h + e)
        best = [FORBIDDEN] * len(letters)
        for state in range(len(letters)):
            # Predecessors in a fixed order; the first of equals is kept.
            if state == 0:
                sources = ((0, 0), (helix_end, 0), (strand_end, 0))
            elif state in (1, h + 1):
                sources = ((0, rules.tm_enter),)
            else:
                sources = ((state - 1, 0),)
            if state in (helix_end, strand_end):
                sources += ((state, 0),)
            cost, source = FORBIDDEN, 0
            for previous, extra in sources:
                if before[previous] + extra < cost:
                    cost, source = before[previous] + extra, previous
            best[state] = min(cost + costs[letters[state]][i], FORBIDDEN)
            back[i, state] = source
    state = min((0, helix_end, strand_end), key=lambda s: best[s])
    labels = []
    for i in range(n - 1, -1, -1):
        labels.append(letters[state])
        state = int(back[i, state])
    return "".join(reversed(labels))


def letters(indices: np.ndarray, alphabet: str) -> str:
    return "".join(alphabet[i] for i in indices)


def predict(out: np.ndarray, rules: Rules) -> dict:
    """Probabilities (n, classes) and labels of every property from the outputs (n, 19)."""
    out = out.astype(np.float64)
    ss8, acc, tm = softmax(out[:, ab.OUT_SS8]), softmax(out[:, ab.OUT_ACC]), softmax(out[:, ab.OUT_TM])
    columns = [[i for i, s in enumerate(ab.SS8) if ab.SS8_TO_SS3[s] == three] for three in ab.SS3]
    ss3 = np.stack([ss8[:, c].sum(1) for c in columns], 1)
    dis = sigmoid(out[:, ab.OUT_DIS])
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
        "rsa": sigmoid(out[:, ab.OUT_RSA]),
        "ss3": letters(quantise(ss3).argmax(1), ab.SS3),
        "ss8": letters(quantise(ss8).argmax(1), ab.SS8),
        "acc": letters(quantise(acc).argmax(1), ab.ACC),
        "dis": "".join("*" if q >= rules.dis_threshold else "." for q in quantise(np.stack([dis, 1 - dis], 1))[:, 0]),
        "tm2": spans.replace("E", "H"),
        "tm8": "".join(s if s != "_" else c for s, c in zip(spans, calm, strict=True)),
    }

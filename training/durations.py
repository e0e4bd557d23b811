"""Membrane helices with a model of their length: `python durations.py DATA --model ../model`.

An experiment, not what the engine does: `decode.py` knows a least length only. Here a helix costs
what its length is worth: -log of how often training chains have it, times `weight`. It is a search
over segments (explicit-duration Viterbi). The rules are chosen on one half of the validation
chains and scored on the other, both ways round, beside the rules of the model file on that half.
Helices only; barrels are left out. Only training and validation chains are looked at.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import data
import decode
import evaluate
import metrics
import score
import weights

LONGEST = 45
#: Spreads the counts over neighbouring lengths: there are few thousand helices.
SMOOTH = (0.1, 0.2, 0.4, 0.2, 0.1)


@dataclass(frozen=True)
class Choice:
    least: int
    enter: int  # 1/1024 nats, as in `decode.py`
    weight: float


CHOICES = [Choice(*c) for c in itertools.product((12, 15), (0, 1024, 2048), (0.0, 0.5, 1.0))]


def has_helix(chain: data.Chain) -> bool:
    return bool((chain.tm == score.HELIX).any())


def length_costs(chains: list[data.Chain]) -> np.ndarray:
    """Cost of a helix of each length up to `LONGEST`, 1/1024 nats; the most frequent one costs nothing."""
    text = lambda c: "".join("H" if x == score.HELIX else "_" for x in c.tm)  # noqa: E731
    lengths = [b - a for c in chains for a, b in metrics.segments(text(c), "H")]
    counts = np.bincount(np.minimum(lengths, LONGEST), minlength=LONGEST + 1) + 0.5
    smooth = np.convolve(counts, SMOOTH, "same")
    return -1024 * np.log(smooth / smooth.max())


def helices(permille: np.ndarray, costs: np.ndarray, choice: Choice) -> str:
    """`H` or `_` for each residue; `permille` (n, 6) in the order of `ab.TM`."""
    helix, n = permille[:, ab.TM.index("H")], len(permille)
    outside = decode.COST[1000 - helix - permille[:, ab.TM.index("E")]]
    inside = np.concatenate([[0], np.cumsum(decode.COST[helix])]).astype(float)
    lengths = np.arange(choice.least, LONGEST + 1)
    price = choice.weight * costs[lengths] + choice.enter
    # Cheapest way to have the first i residues done, ending outside and ending with a helix.
    out, end = np.full(n + 1, np.inf), np.full(n + 1, np.inf)
    length = np.zeros(n + 1, dtype=int)
    out[0] = 0
    for i in range(1, n + 1):
        out[i] = min(out[i - 1], end[i - 1]) + outside[i - 1]
        fits = lengths[lengths <= i]
        if len(fits):
            total = out[i - fits] + price[: len(fits)] + inside[i] - inside[i - fits]
            length[i] = fits[total.argmin()]
            end[i] = total.min()
    labels, i = ["_"] * n, n
    while i > 0:
        if end[i] < out[i]:
            labels[i - length[i] : i] = "H" * length[i]
            i -= length[i]
        # After a helix comes a residue outside, so `out` was the cheaper one there.
        if i > 0:
            i -= 1
    return "".join(labels)


def scores(chains: list[data.Chain], spans: list[str]) -> dict[str, float]:
    table = [score.membrane_row(c, s) for c, s in zip(chains, spans, strict=True)]
    mean = lambda key: float(np.mean([row[key] for row in table]))  # noqa: E731
    found = {"mcc": score.membrane_mcc(table), "every_helix_found": mean("complete"), "exactly_right": mean("exact")}
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "model")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, metadata = weights.read(args.model / "pssp-net.safetensors")
    rules = decode.Rules(**{name: int(metadata[name]) for name in vars(decode.Rules())})
    sets = data.read_sets(args.folder)
    train, held = ([c for name in ("tm_pdbtm", "tm_tmbed") for c in sets[name][part] if has_helix(c)] for part in ("train", "val"))
    costs = length_costs(train)
    tables = [decode.quantise(decode.softmax(x[:, ab.OUT_TM].astype(np.float64))) for x in evaluate.logits_of(model, held)]
    found = {choice: [helices(t, costs, choice) for t in tables] for choice in CHOICES}
    today = [decode.membrane_segments(t, rules).replace("E", "_") for t in tables]
    for fit, test in ((0, 1), (1, 0)):
        half = lambda spans, k: scores(held[k::2], spans[k::2])  # noqa: E731, B023
        value = lambda c: half(found[c], fit)["mcc"] + half(found[c], fit)["exactly_right"]  # noqa: E731, B023
        best = max(CHOICES, key=value)
        print(json.dumps({"half": test, "chosen": astuple(best), "with": half(found[best], test), "today": half(today, test)}))


if __name__ == "__main__":
    main()

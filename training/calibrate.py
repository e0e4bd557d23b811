"""Fits what is fitted after training, on validation chains only: `python calibrate.py DATA --run run`.

One temperature a head (minimises the loss, so it cannot change which class is most probable),
the disorder threshold (one half, unless another has a clearly better MCC), and the lengths and cost of membrane segments.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import data
import decode
import evaluate
import metrics
import net
import score


#: Longest segments, residues; a longer one is two.
LONGEST = {"H": 45, "E": 30}
#: Spreads the counts of lengths over their neighbours: there are few thousand helices.
SMOOTH = (0.1, 0.2, 0.4, 0.2, 0.1)
#: What is tried for membrane segments: the cost of one, least lengths, and how much lengths weigh.
CHOICES = {"enter": (0, 1024, 2048, 4096), "weight": (0.0, 0.5, 1.0), "helix": (9, 12, 15), "strand": (4, 5, 6)}


def golden(loss, low: float, high: float, rounds: int = 24) -> float:
    """Minimum of a function with one valley (golden-section search)."""
    ratio = (5**0.5 - 1) / 2
    for _ in range(rounds):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return (low + high) / 2


def temperature(logits: np.ndarray, allowed: np.ndarray) -> float:
    """Temperature of a softmax head that minimises the loss of `allowed` bit sets."""
    known = allowed != 0
    x, sets = torch.from_numpy(logits[known]), torch.from_numpy(allowed[known])
    return round(golden(lambda t: net.allowed_loss(x / t, sets).item(), 0.5, 2.5), 4)


def membrane_rules(chains: list[data.Chain], tm_logits: list[np.ndarray], heat: float, known: list[data.Chain]) -> dict:
    """Of `chains` with these outputs, and lengths as in `known`: the rules with the best sum of residue MCC, share of membrane chains with exactly the right segments,
    and share of other chains with none."""
    permille = [decode.quantise(decode.softmax(x.astype(np.float64) / heat)) for x in tm_logits]
    inside = np.array([bool(np.isin(c.tm, (score.HELIX, score.STRAND)).any()) for c in chains])
    helices, strands = (length_costs(known, bits) for bits in (score.HELIX, score.STRAND))

    def rules(enter: int, helix: int, strand: int, weight: float) -> dict:
        told = {"tm_helix": table(helices, helix, LONGEST["H"], weight), "tm_strand": table(strands, strand, LONGEST["E"], weight)}
        return {"tm_enter": enter, **told}

    def value(choice: dict) -> float:
        made = decode.Rules(**rules(**choice))
        rows = [score.membrane_row(c, decode.membrane_segments(p, made)) for c, p in zip(chains, permille)]
        exact = np.array([row["exact"] for row in rows])
        return score.membrane_mcc(rows) + float(exact[inside].mean()) + float(exact[~inside].mean())

    chosen: dict = {"enter": 2048, "helix": 12, "strand": 5, "weight": 0.5}
    for name, options in CHOICES.items():  # one after the other: they hardly depend on each other
        chosen[name] = max(options, key=lambda option: value({**chosen, name: option}))
    return rules(**chosen)


def membrane(model: net.Net, sets: dict[str, dict[str, list[data.Chain]]], leave_out: int | None = None) -> dict:
    """Temperature and rules of the membrane head, fitted on validation chains. Lengths of segments are those
    of the training chains, without the fold `leave_out`."""
    chains = sets["tm_pdbtm"]["val"] + sets["tm_tmbed"]["val"] + sets["tm_negative"]["val"]
    found = [x[:, ab.OUT_TM] for x in evaluate.logits_of(model, chains)]
    heat = temperature(np.concatenate(found), np.concatenate([c.tm for c in chains]))
    known = [c for name in ("tm_pdbtm", "tm_tmbed") for c in sets[name]["train"] if c.extra["fold"] != leave_out]
    return {"temperature": heat, "rules": membrane_rules(chains, found, heat, known)}


def length_costs(chains: list[data.Chain], bits: int) -> np.ndarray:
    """Cost of a segment of each length, 1/1024 nats, -log of how often `chains` have it; the most frequent
    length costs nothing. Segments that are cut off by unknown residues or an end count as they are."""
    text = lambda c: "".join("H" if x == bits else "_" for x in c.tm)  # noqa: E731
    lengths = [b - a for c in chains for a, b in metrics.segments(text(c), "H")]
    counts = np.bincount(np.minimum(lengths, LONGEST["H"]), minlength=LONGEST["H"] + 1) + 0.5
    smooth = np.convolve(counts, SMOOTH, "same")
    return -1024 * np.log(smooth / smooth.max())


def table(costs: np.ndarray, least: int, most: int, weight: float) -> str:
    """A table of `decode.Rules`."""
    return f"{least}:" + ",".join(str(round(weight * float(cost))) for cost in costs[least : most + 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", type=Path, default=Path("run"))
    args = parser.parse_args()
    saved = torch.load(args.run / "best.pt", weights_only=True)
    torch.set_num_threads(saved["config"]["threads"])
    model = net.build(saved["config"])
    model.load_state_dict(saved["weights"])
    sets = data.read_sets(args.folder)
    ss3, ss8 = sets["ss3_disorder"]["val"], sets["ss8_acc"]["val"]
    out3, out8 = (np.concatenate(evaluate.logits_of(model, chains)) for chains in (ss3, ss8))
    temperatures = {}
    allowed = np.concatenate([c.ss for c in ss3 + ss8])
    temperatures["ss"] = temperature(np.concatenate([out3, out8])[:, ab.OUT_SS8], allowed)
    rsa = np.concatenate([np.full(len(c), np.nan, np.float32) if c.rsa is None else c.rsa for c in ss8])
    classes = np.where(np.isnan(rsa), 0, 1 << ((rsa > ab.ACC_LIMITS[0]).astype(int) + (rsa > ab.ACC_LIMITS[1])))
    temperatures["acc"] = temperature(out8[:, ab.OUT_ACC], classes.astype(np.uint8))
    dis = np.concatenate([c.dis for c in ss3])
    pair = np.stack([out3[:, ab.OUT_DIS], np.zeros(len(out3), np.float32)], 1)
    temperatures["dis"] = temperature(pair, np.where(dis == 1, 1, 2).astype(np.uint8))
    of_membrane = membrane(model, sets)
    temperatures["tm"] = of_membrane["temperature"]
    disordered = decode.sigmoid(out3[:, ab.OUT_DIS] / temperatures["dis"])
    thresholds = {t: round(metrics.mcc(disordered >= t / 1000, dis == 1), 4) for t in range(150, 601, 50)}
    best = max(thresholds, key=thresholds.get)
    # One half keeps every label the more probable class; worth leaving only for a clear gain.
    chosen = best if thresholds[best] - thresholds[500] > 0.03 else 500
    rules = {"dis_threshold": chosen, **of_membrane["rules"]}
    fitted = {"temperatures": temperatures, "rules": rules, "dis_mcc_by_threshold": thresholds}
    (args.run / "calibration.json").write_text(json.dumps(fitted, indent=1) + "\n")
    print(json.dumps(fitted))


if __name__ == "__main__":
    main()

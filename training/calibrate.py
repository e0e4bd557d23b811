"""Fits what is fitted after training, on validation chains only: `python calibrate.py DATA --networks run-0/best.pt run-4/best.pt`.

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
import distil
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


def temperature(logits: list[np.ndarray], allowed: np.ndarray) -> float:
    """Temperature of a softmax head, the same for all networks, that minimises the loss of `allowed` bit
    sets under the mean of their probabilities."""
    known = allowed != 0
    outputs, sets = [x[known].astype(np.float64) for x in logits], allowed[known].astype(np.int64)
    member = (sets[:, None] >> np.arange(outputs[0].shape[1])) & 1

    def loss(heat: float) -> float:
        mean = sum(decode.softmax(x / heat) for x in outputs) / len(outputs)
        return float(-np.log(np.maximum((mean * member).sum(1), 1e-12)).mean())

    return round(golden(loss, 0.5, 2.5), 4)


def membrane_rules(chains: list[data.Chain], shares: list[np.ndarray], known: list[data.Chain]) -> dict:
    """Of `chains` with these probabilities, and lengths as in `known`: the rules with the best sum of residue MCC, share of membrane chains with exactly the right segments,
    and share of other chains with none."""
    permille = [decode.quantise(p) for p in shares]
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


def joined(models: list[net.Net], chains: list[data.Chain]) -> list[np.ndarray]:
    """Raw outputs (residues, 21) of each network over all `chains`."""
    return [np.concatenate(evaluate.logits_of(model, chains)) for model in models]


def membrane(models: list[net.Net], sets: dict[str, dict[str, list[data.Chain]]], leave_out: int | None = None) -> dict:
    """Temperature and rules of the membrane head, fitted on validation chains. Lengths of segments are those
    of the training chains, without the fold `leave_out`."""
    chains = sets["tm_pdbtm"]["val"] + sets["tm_tmbed"]["val"] + sets["tm_negative"]["val"]
    outputs = [x[:, ab.OUT_TM] for x in joined(models, chains)]
    heat = temperature(outputs, np.concatenate([c.tm for c in chains]))
    mean = sum(decode.softmax(x.astype(np.float64) / heat) for x in outputs) / len(outputs)
    shares = np.split(mean, np.cumsum([len(c) for c in chains])[:-1])
    known = [c for name in ("tm_pdbtm", "tm_tmbed") for c in sets[name]["train"] if c.extra["fold"] != leave_out]
    return {"temperature": heat, "rules": membrane_rules(chains, shares, known)}


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
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="checkpoints to be shipped")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    models = [distil.load(path) for path in args.networks]
    sets = data.read_sets(args.folder)
    ss3, ss8 = sets["ss3_disorder"]["val"], sets["ss8_acc"]["val"]
    out3, out8 = joined(models, ss3), joined(models, ss8)
    temperatures = {}
    allowed = np.concatenate([c.ss for c in ss3 + ss8])
    both = [np.concatenate(pair)[:, ab.OUT_SS8] for pair in zip(out3, out8, strict=True)]
    temperatures["ss"] = temperature(both, allowed)
    rsa = np.concatenate([np.full(len(c), np.nan, np.float32) if c.rsa is None else c.rsa for c in ss8])
    classes = np.where(np.isnan(rsa), 0, 1 << ((rsa > ab.ACC_LIMITS[0]).astype(int) + (rsa > ab.ACC_LIMITS[1])))
    temperatures["acc"] = temperature([x[:, ab.OUT_ACC] for x in out8], classes.astype(np.uint8))
    dis = np.concatenate([c.dis for c in ss3])
    pairs = [np.stack([x[:, ab.OUT_DIS], np.zeros(len(x), np.float32)], 1) for x in out3]
    temperatures["dis"] = temperature(pairs, np.where(dis == 1, 1, 2).astype(np.uint8))
    of_membrane = membrane(models, sets)
    temperatures["tm"] = of_membrane["temperature"]
    disordered = np.mean([decode.sigmoid(x[:, ab.OUT_DIS] / temperatures["dis"]) for x in out3], 0)
    thresholds = {t: round(metrics.mcc(disordered >= t / 1000, dis == 1), 4) for t in range(150, 601, 50)}
    best = max(thresholds, key=thresholds.get)
    # One half keeps every label the more probable class; worth leaving only for a clear gain.
    chosen = best if thresholds[best] - thresholds[500] > 0.03 else 500
    idr_chains = sets["idr"]["val"]
    idr = np.concatenate([c.idr for c in idr_chains])
    outputs = [x[:, ab.OUT_IDR] for x in joined(models, idr_chains)]
    sets_of = np.where(idr < 0, 0, np.where(idr == 1, 1, 2)).astype(np.uint8)
    temperatures["idr"] = temperature([np.stack([x, np.zeros(len(x), np.float32)], 1) for x in outputs], sets_of)
    mean = np.mean([decode.sigmoid(x / temperatures["idr"]) for x in outputs], 0)
    # DisProt's idea of disorder decides where the label begins.
    judged = (idr >= 0) & np.repeat([c.extra["caid1"] for c in idr_chains], [len(c) for c in idr_chains])
    best_f1, threshold = metrics.best_f1(mean[judged], idr[judged])
    rules = {"dis_threshold": chosen, "idr_threshold": round(1000 * threshold), **of_membrane["rules"]}
    fitted = {"temperatures": temperatures, "rules": rules, "dis_mcc_by_threshold": thresholds, "idr_f1": round(best_f1, 4)}
    (args.out / "calibration.json").write_text(json.dumps(fitted, indent=1) + "\n")
    print(json.dumps(fitted))


if __name__ == "__main__":
    main()

"""Measures the exported model: `python score.py DATA --model ../model` writes `scores.json`.

It scores the half-precision file that is shipped, not the checkpoint. TS115 and new_pisces are
looked at here only. Every number is `[value, low, high]`: pooled over residues, with the 95 %
interval of 500 bootstrap samples of whole chains.
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
import weights

HELIX, STRAND = ab.bits(ab.TM, "H"), ab.bits(ab.TM, "E")
#: Residues that a predicted segment must share with an observed one to have found it.
OVERLAP = {"H": 5, "E": 3}


def structure(chains: list[data.Chain], found: list[dict], eight: bool) -> dict:
    """Q3 and SOV (and Q8) over residues that were seen in the structure."""
    q3, q8, sov = [], [], []
    for chain, f in zip(chains, found, strict=True):
        index = evaluate.ss3_index(chain.ss)
        known = index >= 0
        called = np.array([ab.SS3.index(c) for c in f["ss3"]])
        q3.append(((called == index)[known].sum(), known.sum()))
        observed = "".join(ab.SS3[i] if i >= 0 else "-" for i in index)
        predicted = "".join(c if k else "-" for c, k in zip(f["ss3"], known))
        sov.append(metrics.sov_parts(observed, predicted))
        if eight:
            index = evaluate.single_index(chain.ss, 8)
            called = np.array([ab.SS8.index(c) for c in f["ss8"]])
            q8.append(((called == index)[index >= 0].sum(), (index >= 0).sum()))
    scores = {"chains": len(chains), "residues": int(sum(n for _, n in q3)), "q3": metrics.ratio(q3), "sov": metrics.ratio(sov)}
    if eight:
        scores["q8"] = metrics.ratio(q8)
    return scores


def accessibility(chains: list[data.Chain], found: list[dict]) -> dict:
    """Accuracy in three classes, and Pearson's r of the relative accessibility."""
    pairs = [(c.rsa, f) for c, f in zip(chains, found, strict=True) if c.rsa is not None]
    right, moments = [], []
    for rsa, f in pairs:
        known = ~np.isnan(rsa)
        x, y = f["rsa"][known], rsa[known].astype(np.float64)
        classes = (y > ab.ACC_LIMITS[0]).astype(int) + (y > ab.ACC_LIMITS[1])
        called = np.array([ab.ACC.index(c) for c in f["acc"]])[known]
        right.append(((called == classes).sum(), known.sum()))
        moments.append((known.sum(), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()))
    table = np.array(moments)

    def pearson(pick: np.ndarray) -> float:
        n, x, y, xx, yy, xy = table[pick].sum(0)
        return float((xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n)))

    residues = int(sum(n for _, n in right))
    return {"chains": len(pairs), "residues": residues, "q3": metrics.ratio(right), "r": metrics.interval(len(pairs), pearson)}


def disorder(chains: list[data.Chain], found: list[dict], threshold: int, kind: str = "dis") -> dict:
    """AUC over judged residues, and MCC and F1 of the labels; `kind` is `dis` (not seen) or `idr` (intrinsic)."""
    scores, truth = [], []
    for chain, f in zip(chains, found, strict=True):
        labels = getattr(chain, kind)
        known = labels >= 0
        scores.append(np.round(f[f"p_{kind}"][known], 4))
        truth.append(labels[known])
    join = lambda parts, pick: np.concatenate([parts[i] for i in pick])  # noqa: E731
    auc = metrics.interval(len(chains), lambda p: metrics.auc(join(scores, p), join(truth, p)), rounds=200)
    mcc = metrics.interval(
        len(chains), lambda p: metrics.mcc(join(scores, p) >= threshold / 1000, join(truth, p) == 1), rounds=200
    )
    f1 = metrics.interval(
        len(chains), lambda p: metrics.f1(join(scores, p) >= threshold / 1000, join(truth, p) == 1), rounds=200
    )
    everyone = np.arange(len(chains))
    share = round(float(join(truth, everyone).mean()), 4)
    return {"chains": len(chains), "residues": len(join(truth, everyone)), "disordered_share": share, "auc": auc, "mcc": mcc, "f1": f1}


def membrane_row(chain: data.Chain, spans: str) -> dict:
    """Counts of one chain: residue table over known residues, and whether its segments are right."""
    known = chain.tm != 0
    predicted = np.array([s != "_" for s in spans])
    observed = np.isin(chain.tm, (HELIX, STRAND))
    truth = "".join("H" if b == HELIX else "E" if b == STRAND else "_" for b in chain.tm)
    complete, exact = True, True
    for letter in "HE":
        theirs, mine = metrics.segments(truth, letter), metrics.segments(spans, letter)
        need = OVERLAP[letter]
        free = list(mine)
        for a, b in theirs:
            hit = next((s for s in free if min(b, s[1]) - max(a, s[0]) >= min(need, b - a)), None)
            if hit is None:
                complete = False
            else:
                free.remove(hit)
        exact = exact and complete and len(mine) == len(theirs)
    p, o = predicted[known], observed[known]
    counts = ((p & o).sum(), (~p & ~o).sum(), (p & ~o).sum(), (~p & o).sum())
    return {"counts": counts, "complete": complete, "exact": exact, "any": "H" in spans or "E" in spans}


def membrane_mcc(table: list[dict], pick: np.ndarray | None = None) -> float:
    counts = np.array([row["counts"] for row in table], dtype=np.float64)
    tp, tn, fp, fn = counts[pick].sum(0) if pick is not None else counts.sum(0)
    bottom = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    return float((tp * tn - fp * fn) / bottom) if bottom else 0.0


def membrane(chains: list[data.Chain], found: list[dict]) -> dict:
    """Residue MCC of transmembrane or not, and shares of chains with every segment found."""
    spans = ["".join(c if c in "HE" else "_" for c in f["tm8"]) for f in found]
    table = [membrane_row(c, s) for c, s in zip(chains, spans, strict=True)]
    share = lambda key: metrics.ratio([(row[key], 1) for row in table])  # noqa: E731
    mcc = metrics.interval(len(table), lambda pick: membrane_mcc(table, pick))
    return {"chains": len(chains), "mcc": mcc, "every_segment_found": share("complete"), "exactly_right": share("exact")}


def false_alarms(found: list[dict]) -> dict:
    """Share of non-membrane chains with any segment."""
    return {"chains": len(found), "with_segment": metrics.ratio([("H" in f["tm2"], 1) for f in found])}


def calibration(chains: list[data.Chain], found: list[dict]) -> float:
    """Expected calibration error of the SS3 label's probability."""
    index = np.concatenate([evaluate.ss3_index(c.ss) for c in chains])
    p = np.concatenate([f["p_ss3"] for f in found])[index >= 0]
    return round(metrics.calibration_error(p.max(1), p.argmax(1) == index[index >= 0]), 4)


def dis_calibration(chains: list[data.Chain], found: list[dict]) -> float:
    p, truth = np.concatenate([f["p_dis"] for f in found]), np.concatenate([c.dis for c in chains])
    return round(metrics.calibration_error(p, truth == 1), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "model")
    parser.add_argument("--cross-validation", type=Path, default=Path("run/cv.json"), help="of cross_validate.py")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    models, metadata = weights.read(args.model / "pssp-net.safetensors")
    rules = decode.Rules.read(metadata)

    def run(chains: list[data.Chain]) -> list[dict]:
        return [decode.predict(p, rules) for p in evaluate.probabilities_of(models, chains)]

    splits = data.load(args.folder)
    held = splits.held_out
    scores: dict = {"data": splits.report, "rules": vars(rules)}
    scores |= {key: json.loads(metadata[key]) for key in ("temperatures", "dis_mcc_by_threshold")}

    chains = held["ss3_disorder/val"]
    found = run(chains)
    scores["validation"] = structure(chains, found, False)
    scores["validation"]["ss3_ece"] = calibration(chains, found)
    scores["validation"]["dis_ece"] = dis_calibration(chains, found)
    scores["validation"]["disorder"] = disorder(chains, found, rules.dis_threshold)

    ts115 = data.read_ts115(args.folder)
    found = run(ts115)
    scores["ts115"] = structure(ts115, found, True)
    scores["ts115"]["ss3_ece"] = calibration(ts115, found)
    scores["ts115"]["disorder"] = disorder(ts115, found, rules.dis_threshold)

    pisces = held["ss3_disorder/test"]
    found = run(pisces)
    scores["new_pisces"] = structure(pisces, found, False)
    scores["new_pisces"]["ss3_ece"] = calibration(pisces, found)
    scores["new_pisces"]["disorder"] = disorder(pisces, found, rules.dis_threshold)

    clusters = held["ss8_acc/test"]
    found = run(clusters)
    scores["held_out_clusters"] = structure(clusters, found, True)
    scores["held_out_clusters"]["ss3_ece"] = calibration(clusters, found)
    scores["held_out_clusters"]["accessibility"] = accessibility(clusters, found)

    # The half of CAID1, and the part of NMR, whose families nothing was trained on.
    for name, of_caid1 in (("caid1_test", True), ("nmr_test", False)):
        chains = [c for c in held["idr/test"] if c.extra["caid1"] == of_caid1]
        scores[name] = disorder(chains, run(chains), rules.idr_threshold, "idr")

    # Segment rules were fitted on these, so they only tell that the shipped network is no worse than those
    # of the cross-validation.
    chains = held["tm_pdbtm/val"] + [c for c in held["tm_tmbed/val"] if any(x in "Hh" for x in c.extra["label"])]
    scores["validation_helical"] = membrane(chains, run(chains))
    chains = [c for c in held["tm_tmbed/val"] if any(x in "Bb" for x in c.extra["label"])]
    scores["validation_barrels"] = membrane(chains, run(chains))
    tmbed = held["tm_tmbed/val"]
    scores["whole_chains"] = evaluate.told_apart(evaluate.probabilities_of(models, tmbed), tmbed)
    scores["negatives"] = false_alarms(run(held["tm_negative/test"]))
    scores["cross_validation"] = json.loads(args.cross_validation.read_text())
    (args.model / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps({k: v for k, v in scores.items() if k not in ("data", "cross_validation")}, indent=1))


if __name__ == "__main__":
    main()

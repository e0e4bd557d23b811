"""Membrane scores by cross-validation: `python cross_validate.py DATA run-0/best.pt run-1/best.pt ...`.

Each checkpoint was trained with `--leave-out FOLD`; here it predicts the chains of that fold, and the
scores are pooled over all folds. Its temperature and segment rules are fitted on the validation fold,
which nothing was trained on. Writes `cv.json`, which `score.py` takes into the scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import calibrate
import data
import decode
import distil
import evaluate
import score


def fold_of(sets: dict[str, dict[str, list[data.Chain]]], fold: int) -> list[data.Chain]:
    """The chains of `tm_pdbtm` and `tm_tmbed` in this fold."""
    parts = (sets[name]["train"] for name in ("tm_pdbtm", "tm_tmbed"))
    return [chain for part in parts for chain in part if chain.extra["fold"] == fold]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sets = data.read_sets(args.folder)
    chains: list[data.Chain] = []
    found: list[dict] = []
    folds = []
    for path in args.checkpoints:
        model, config = distil.load(path), torch.load(path, weights_only=True)["config"]
        fitted = calibrate.membrane([model], sets, config["leave_out"])
        rules = decode.Rules(**fitted["rules"])
        left_out = fold_of(sets, config["leave_out"])
        for chain, out in zip(left_out, evaluate.logits_of(model, left_out), strict=True):
            out[:, ab.OUT_TM] /= fitted["temperature"]
            chains.append(chain)
            found.append(decode.predict(decode.probabilities([out]), rules))
        folds.append({"fold": config["leave_out"], "network": config["name"], "seed": config["seed"]} | fitted)
        print(json.dumps({"fold": config["leave_out"], "chains": len(left_out)}), flush=True)
    scores = {"folds": folds, **membrane(chains, found)}
    args.out.mkdir(exist_ok=True)
    (args.out / "cv.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps({name: value for name, value in scores.items() if name != "folds"}, indent=1))


def membrane(chains: list[data.Chain], found: list[dict]) -> dict:
    """Scores by kind of chain."""
    label = lambda c: c.extra.get("label")  # noqa: E731
    has = lambda c, letters: label(c) is not None and any(x in letters for x in label(c))  # noqa: E731
    soluble = lambda c: label(c) is not None and not c.extra["membrane"]  # noqa: E731
    groups = {
        "pdbtm": lambda c: label(c) is None,
        "tmbed_helical": lambda c: has(c, "Hh"),
        "tmbed_barrels": lambda c: has(c, "Bb"),
    }
    pick = lambda wanted: [i for i, c in enumerate(chains) if wanted(c)]  # noqa: E731
    scores = {}
    for name, wanted in groups.items():
        at = pick(wanted)
        scores[name] = score.membrane([chains[i] for i in at], [found[i] for i in at])
    alarms = {"soluble": lambda c: soluble(c) and not has(c, "S"), "signal_peptides": lambda c: soluble(c) and has(c, "S")}
    return scores | {name: score.false_alarms([found[i] for i in pick(wanted)]) for name, wanted in alarms.items()}


if __name__ == "__main__":
    main()

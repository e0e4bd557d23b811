"""What several networks say on average: `python ensemble.py DATA run-1/best.pt run-2/best.pt ...`.

Prints the validation scores of each network and of the mean of their probabilities. To make one
network of it, train a student: `python train.py DATA --config config/student.json --teacher
run-1/best.pt run-2/best.pt ...`. Only validation chains are looked at.
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


def all_logits(paths: list[Path], chains: list[data.Chain]) -> list[torch.Tensor]:
    """Raw outputs (residues, 21) of each network over all `chains`."""
    return [torch.from_numpy(np.concatenate(evaluate.logits_of(distil.load(path), chains))) for path in paths]


def structure(p8: np.ndarray, allowed: np.ndarray) -> dict[str, float]:
    """Q3, loss per residue and bias of SS8 probabilities against sets of allowed classes."""
    known = allowed != 0
    p8, allowed = p8[known], allowed[known]
    called = evaluate.ss3_of(p8).argmax(1)
    member = (allowed[:, None] >> np.arange(8)) & 1
    loss = -np.log(np.maximum((p8 * member).sum(1), 1e-9)).mean()
    observed = evaluate.ss3_index(allowed)
    # Mean probability less frequency: what a set with another composition does to the prior.
    excess = {f"excess_{three}": float(evaluate.ss3_of(p8)[:, i].mean() - (observed == i).mean()) for i, three in enumerate(ab.SS3)}
    return {"q3": float((called == observed).mean()), "ss_loss": float(loss), **excess}


def scores(outputs: list[torch.Tensor], chains: list[data.Chain]) -> dict[str, float]:
    mean = {name: value.numpy() for name, value in distil.mean_probabilities(outputs).items()}
    join = lambda name, missing: np.concatenate(  # noqa: E731
        [np.full(len(c), missing) if getattr(c, name) is None else getattr(c, name) for c in chains]
    )
    found = structure(mean["ss"], join("ss", 0).astype(np.uint8))
    eight = evaluate.single_index(join("ss", 0).astype(np.uint8), len(ab.SS8))
    found["q8"] = float((mean["ss"].argmax(1) == eight)[eight >= 0].mean())
    rsa, dis = join("rsa", np.nan), join("dis", -1)
    found["rsa_r"] = float(np.corrcoef(mean["rsa"][~np.isnan(rsa)], rsa[~np.isnan(rsa)])[0, 1])
    found["dis_auc"] = metrics.auc(mean["dis"][dis >= 0], dis[dis >= 0])
    return {name: round(value, 4) for name, value in found.items()}


def intrinsic(outputs: list[torch.Tensor], chains: list[data.Chain]) -> dict[str, float]:
    """AUC of intrinsic disorder, and the highest F1 that a threshold gives on these chains."""
    mean, idr = distil.mean_probabilities(outputs)["idr"].numpy(), np.concatenate([c.idr for c in chains])
    p, truth = mean[idr >= 0], idr[idr >= 0]
    return {"idr_auc": round(metrics.auc(p, truth), 4), "idr_f1": round(metrics.best_f1(p, truth)[0], 4)}


def split(output: torch.Tensor, chains: list[data.Chain]) -> list[np.ndarray]:
    return np.split(output.numpy(), np.cumsum([len(c) for c in chains])[:-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sets = data.read_sets(args.folder)
    chains = sets["ss3_disorder"]["val"] + sets["ss8_acc"]["val"]
    outputs = all_logits(args.checkpoints, chains)
    disorder, whole = sets["idr"]["val"], sets["tm_tmbed"]["val"]
    of_disorder, of_whole = all_logits(args.checkpoints, disorder), all_logits(args.checkpoints, whole)

    def all_scores(pick: slice) -> dict[str, float]:
        found = scores(outputs[pick], chains) | intrinsic(of_disorder[pick], disorder)
        probabilities = [decode.probabilities(list(p)) for p in zip(*(split(x, whole) for x in of_whole[pick]), strict=True)]
        return found | evaluate.told_apart(probabilities, whole)

    for i, path in enumerate(args.checkpoints):
        print(json.dumps({"of": str(path), **all_scores(slice(i, i + 1))}), flush=True)
    if len(outputs) > 1:
        print(json.dumps({"of": "mean", "networks": len(outputs), **all_scores(slice(None))}), flush=True)


if __name__ == "__main__":
    main()

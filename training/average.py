"""Averages snapshots of one run: `python average.py run/ema-3000.pt run/ema-5500.pt --out run/ema.pt`.

Snapshots from one trajectory lie in the same valley, and their mean is flatter and a little better
than any of them. Which ones to take is decided on validation chains, by the losses this prints.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import data
import evaluate
import net


def validation(model: net.Net, sets: dict) -> dict[str, float]:
    """Q3, and loss per residue of secondary structure, over all its validation chains."""
    chains = sets["ss3_disorder"]["val"] + sets["ss8_acc"]["val"]
    out = np.concatenate(evaluate.logits_of(model, chains))
    allowed = np.concatenate([c.ss for c in chains])
    known = allowed != 0
    called = evaluate.ss3_of(evaluate.softmax(out[known][:, ab.OUT_SS8])).argmax(1)
    loss = net.allowed_loss(torch.from_numpy(out[known][:, ab.OUT_SS8]), torch.from_numpy(allowed[known])).item()
    right = (called == evaluate.ss3_index(allowed[known])).mean()
    return {"q3": round(float(right), 4), "ss_loss": round(loss / int(known.sum()), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("snapshots", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=None, help="also print the validation scores of each")
    args = parser.parse_args()
    saved = [torch.load(path, weights_only=True) for path in args.snapshots]
    mean = {name: sum(s["weights"][name].float() for s in saved) / len(saved) for name in saved[0]["weights"]}
    last = saved[-1]
    merged = {"config": last["config"], "step": last["step"], "seconds": last["seconds"], "weights": mean}
    merged["averaged"] = [s["step"] for s in saved]
    torch.save(merged, args.out)
    if args.data:
        torch.set_num_threads(last["config"]["threads"])
        sets = data.read_sets(args.data)
        for name, weights in [(s["step"], s["weights"]) for s in saved] + [("mean", mean)]:
            model = net.build(last["config"])
            model.load_state_dict(weights)
            print(json.dumps({"event": "snapshot", "of": name, **validation(model, sets)}), flush=True)


if __name__ == "__main__":
    main()

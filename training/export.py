"""Turns checkpoints into `model/`: `python export.py --networks run-0/best.pt run-4/best.pt --version 0.2.0`.

Writes the half-precision weights with everything the engine needs in their metadata, the parity
cases (fixed sequences with this framework's probabilities), and copies logs and schedules.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import decode
import distil
import evaluate
import net
import weights
from data import Chain

CITATION = "{name} {version}: see model/MODEL_CARD.md for the data, scores and limits"

#: Fixed sequences: single residue, short peptides, ubiquitin, bacteriorhodopsin with X's, and the
#: sequence from the classic service's manual.
PARITY = {
    "one": "M",
    "five": "GSHMA",
    "testtest": "TESTTESTTEST",
    "ubiquitin": "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG",
    "bacteriorhodopsin": (
        "QAQITGRPEWIWLALGTALMGLGTLYFLVKGMGVSDPDAKKFYAITTLVPAIAFTMYLSMLLGYGLTMVPFGGEQNPIYWARYADWLFTTPLLLLDLALL"
        "VDADQGTILALVGADGIMIGTGLVGALTKVYSYRFVWWAISTAAMLYILYVLFFGFTSKAESMRPEVASTFKVLRNVTVVLWSAYPVVWLIGSEGAGIVP"
        "LNIETLLFMVLDVSAKVGFGLILLRSRAIFGEAEAPEPSAGDGAAATSDXXXXX"
    ),
}


def fold_temperatures(model: net.Net, temperatures: dict[str, float]) -> None:
    """Divides the last layer's rows by the temperature of their head."""
    with torch.no_grad():
        for head, rows in (("ss", ab.OUT_SS8), ("acc", ab.OUT_ACC), ("dis", slice(ab.OUT_DIS, ab.OUT_DIS + 1)), ("idr", slice(ab.OUT_IDR, ab.OUT_IDR + 1)), ("tm", ab.OUT_TM)):
            model.out.weight[rows] /= temperatures[head]
            model.out.bias[rows] /= temperatures[head]


def parity(path: Path, models: list[net.Net], rules: decode.Rules) -> None:
    cases = []
    for name, sequence in PARITY.items():
        found = decode.predict(evaluate.probabilities_of(models, [Chain(sequence, name)])[0], rules)
        probabilities = {k: np.round(v, 5).tolist() for k, v in found.items() if isinstance(v, np.ndarray)}
        labels = {k: v for k, v in found.items() if isinstance(v, str)}
        cases.append({"name": name, "sequence": sequence, "labels": labels, **probabilities})
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--networks", type=Path, nargs="+", required=True, help="checkpoints, each beside its log and schedule")
    parser.add_argument("--run", type=Path, default=Path("run"), help="where the calibration is")
    parser.add_argument("--name", default="pssp-conv")
    parser.add_argument("--version", required=True)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "model")
    args = parser.parse_args()
    saved = [torch.load(path, weights_only=True) for path in args.networks]
    fitted = json.loads((args.run / "calibration.json").read_text())
    models = [distil.load(path) for path in args.networks]
    for model in models:
        fold_temperatures(model, fitted["temperatures"])
    listed = lambda told: ";".join(str(told(one["config"])) for one in saved)  # noqa: E731
    rules = decode.Rules(**fitted["rules"])
    metadata = {
        "name": args.name,
        "version": args.version,
        "citation": CITATION.format(name=args.name, version=args.version),
        "width": listed(lambda c: c["width"]),
        "kernel": listed(lambda c: c["kernel"]),
        "dilations": listed(lambda c: ",".join(map(str, c["dilations"]))),
        "inputs": ab.INPUTS,
        "ss8": ab.SS8,
        "acc": ab.ACC,
        "tm": ab.TM,
        "outputs": "ss8[0:8] acc[8:11] rsa[11] dis[12] tm[13:19] idr[19] sig[20]",
        "step": ";".join(str(one["step"]) for one in saved),
        "trained_as": listed(lambda c: f"{c['name']} seed {c['seed']}"),
        "temperatures": json.dumps(fitted["temperatures"]),  # already in the last layer
        "dis_mcc_by_threshold": json.dumps(fitted.get("dis_mcc_by_threshold", {})),
        **{name: str(value) for name, value in vars(rules).items()},
    }
    args.model.mkdir(exist_ok=True)
    weights.write(args.model / "pssp-net.safetensors", weights.tensors(models), metadata)
    exported, _ = weights.read(args.model / "pssp-net.safetensors")
    digest = hashlib.sha256((args.model / "pssp-net.safetensors").read_bytes()).hexdigest()
    method = {name: metadata[name] for name in ("name", "version")} | {"sha256": digest, "citation": metadata["citation"]}
    (args.model / "method.json").write_text(json.dumps(method, indent=1) + "\n")
    parity(args.model / "parity.json", exported, rules)
    for n, path in enumerate(args.networks):
        shutil.copy(path.parent / "train.log", args.model / f"train-{n}.log")
        shutil.copy(path.parent / "schedule.json", args.model / f"schedule-{n}.json")
    print((args.model / "pssp-net.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()

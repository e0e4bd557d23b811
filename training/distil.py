"""Soft targets from an ensemble: one network learns what several networks say on average.

Teachers see the whole clean chain, once and before the training; the student sees it noisy (`augment.py`)
and in parts, so it also learns to be sure where its input is not. The mean is taken over probabilities, as in `ensemble.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import alphabets as ab
import data
import net

HEADS = {"ss": ab.OUT_SS8, "acc": ab.OUT_ACC, "tm": ab.OUT_TM}
SINGLE = {"rsa": ab.OUT_RSA, "dis": ab.OUT_DIS, "idr": ab.OUT_IDR, "sig": ab.OUT_SIG}
#: Columns of `Chain.soft`.
COLUMNS = HEADS | SINGLE
#: Padded residues that the teachers see at a time.
RESIDUES = 16384


def load(path: Path) -> net.Net:
    saved = torch.load(path, weights_only=True, map_location="cpu")
    model = net.build(saved["config"])
    model.load_state_dict(net.with_all_outputs(saved["weights"]))
    return model.eval()


@torch.no_grad()
def attach(paths: list[Path], chains: list[data.Chain]) -> None:
    """Gives each chain the mean probabilities of the networks of checkpoints (`run/best.pt`), in half precision."""
    models = [load(path) for path in paths]
    for group in data.buckets(chains, RESIDUES):
        batch = data.collate(group)
        inputs, mask = torch.from_numpy(batch.inputs), torch.from_numpy(batch.mask)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            target = mean_probabilities([model(inputs, mask) for model in models])
        soft = joined(target).numpy().astype(np.float16)
        for i, chain in enumerate(group):
            chain.soft = soft[i, : len(chain)].copy()


def mean_probabilities(outputs: list[Tensor]) -> dict[str, Tensor]:
    """Of raw outputs (..., 21) of several networks."""
    found = {head: torch.stack([o[..., part].float().softmax(-1) for o in outputs]).mean(0) for head, part in HEADS.items()}
    found |= {head: torch.stack([o[..., at].float().sigmoid() for o in outputs]).mean(0) for head, at in SINGLE.items()}
    return found


def joined(target: dict[str, Tensor]) -> Tensor:
    """The probabilities of all heads in the places of the outputs (..., 21)."""
    soft = torch.zeros(*target["rsa"].shape, ab.OUTPUTS)
    for head, at in COLUMNS.items():
        soft[..., at] = target[head]
    return soft


def losses(logits: Tensor, soft: Tensor) -> dict[str, Tensor]:
    """Summed cross-entropy to the probabilities `soft` of each head, both (n, 21). Every residue counts,
    whether it has a label or not."""
    target = {head: soft[:, part] for head, part in (HEADS | SINGLE).items()}
    parts = {head: -(target[head] * F.log_softmax(logits[:, part], 1)).sum() for head, part in HEADS.items()}
    parts["rsa"] = F.mse_loss(logits[:, ab.OUT_RSA].sigmoid(), target["rsa"], reduction="sum")
    for head in ("dis", "idr", "sig"):
        parts[head] = F.binary_cross_entropy_with_logits(logits[:, SINGLE[head]], target[head], reduction="sum")
    return parts

"""Soft targets from an ensemble: one network learns what several networks say on average.

Teachers see the clean batch, the student a noisy one (`augment.py`), so the student also learns to
be sure where its input is not. The mean is taken over probabilities, as in `ensemble.py`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import alphabets as ab
import net

HEADS = {"ss": ab.OUT_SS8, "acc": ab.OUT_ACC, "tm": ab.OUT_TM}
SINGLE = {"rsa": ab.OUT_RSA, "dis": ab.OUT_DIS}


class Teachers:
    """Networks of checkpoints (`run/ema.pt`), frozen."""

    def __init__(self, paths: list[Path], device: torch.device):
        self.models = [load(path).to(device) for path in paths]

    @torch.no_grad()
    def probabilities(self, inputs: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Mean probabilities of each head over (chains, length)."""
        return mean_probabilities([model(inputs, mask) for model in self.models])


def load(path: Path) -> net.Net:
    saved = torch.load(path, weights_only=True, map_location="cpu")
    model = net.build(saved["config"])
    model.load_state_dict(saved["weights"])
    return model.eval()


def mean_probabilities(outputs: list[Tensor]) -> dict[str, Tensor]:
    """Of raw outputs (..., 19) of several networks."""
    found = {head: torch.stack([o[..., part].float().softmax(-1) for o in outputs]).mean(0) for head, part in HEADS.items()}
    found |= {head: torch.stack([o[..., at].float().sigmoid() for o in outputs]).mean(0) for head, at in SINGLE.items()}
    return found


def losses(logits: Tensor, target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Summed cross-entropy to the soft `target` of each head; `logits` (n, 19). Every residue counts,
    whether it has a label or not."""
    parts = {head: -(target[head] * F.log_softmax(logits[:, part], 1)).sum() for head, part in HEADS.items()}
    parts["rsa"] = F.mse_loss(logits[:, ab.OUT_RSA].sigmoid(), target["rsa"], reduction="sum")
    parts["dis"] = F.binary_cross_entropy_with_logits(logits[:, ab.OUT_DIS], target["dis"], reduction="sum")
    return parts

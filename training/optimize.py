"""The optimizers: AdamW for everything, or, with `optimizer` `muon`, Muon for the matrices inside the network.

Muon (Jordan et al. 2024) replaces the momentum of a matrix by the nearest orthogonal one, so that all its
directions are learnt at the same rate. With the factor of Liu et al. 2025 its steps are as long as those
of AdamW, and both use the same learning rate and weight decay. Embedding, output layers and biases keep AdamW.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MOMENTUM = 0.95


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """About U V^T of a matrix U S V^T, by a Newton-Schulz iteration of fifth order."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    turned = x.shape[0] > x.shape[1]
    x = x.T if turned else x
    for _ in range(rounds):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if turned else x


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters: list[nn.Parameter], lr: float, weight_decay: float):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
                ahead = parameter.grad.lerp(state["momentum"], MOMENTUM)  # Nesterov
                matrix = ahead.reshape(len(ahead), -1)  # a convolution is a matrix from all its taps
                step = orthogonal(matrix) * 0.2 * max(matrix.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(step.reshape(parameter.shape), alpha=-group["lr"])


class Optimizer:
    """All optimizers of a network as one."""

    def __init__(self, model: nn.Module, config: dict):
        muon = config.get("optimizer") == "muon"
        inside = lambda name, p: muon and p.ndim > 1 and name.startswith(("blocks.", "hidden."))  # noqa: E731
        named = list(model.named_parameters())
        matrices = [p for name, p in named if inside(name, p)]
        decayed = [p for name, p in named if p.ndim > 1 and not inside(name, p)]
        plain = [p for _, p in named if p.ndim == 1]
        groups = [{"params": decayed, "weight_decay": config["weight_decay"]}, {"params": plain, "weight_decay": 0.0}]
        self.members: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=config["lr"], betas=(0.9, 0.99))]
        if matrices:
            self.members.append(Muon(matrices, config["lr"], config["weight_decay"]))

    def step(self, rate: float) -> None:
        for member in self.members:
            for group in member.param_groups:
                group["lr"] = rate
            member.step()

    def state_dict(self) -> list[dict]:
        return [member.state_dict() for member in self.members]

    def load_state_dict(self, states: list[dict]) -> None:
        for member, state in zip(self.members, states, strict=True):
            member.load_state_dict(state)

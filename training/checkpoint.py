"""Stops and resumes a training run.

`state.pt` of a run holds all that the next step depends on: weights, their average, the optimizer's
moments, the random generators, and the place in the epoch. With one worker a resumed run takes the same
steps as one that was never stopped.

A compact checkpoint (`python checkpoint.py run/state.pt checkpoints/name.pt`) keeps the average of the weights and the
place, in half precision: small enough to be kept with the sources. The run goes on from the average, and the
optimizer finds its moments again while the learning rate warms up once more.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    epoch: int = 0
    batch: int = 0  # of the epoch, done
    seconds: float = 0.0  # of training, over all sessions
    steps: int = 0  # of the schedule, as `--max-minutes` may have changed it
    decay_start: int = 0
    warm_from: int = 0  # the step at which the learning rate began to warm up
    lowest: float = float("inf")  # loss of secondary structure on validation chains
    epoch_rng: dict[str, Any] = field(default_factory=dict)  # of NumPy, as the epoch began


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.to(torch.float16) if value.is_floating_point() else value for name, value in state.items()}


def save(path: Path, trainer, progress: Progress) -> None:
    """Writes all of it; an interrupted write leaves the earlier file."""
    state = {
        "config": trainer.config,
        "progress": asdict(progress),
        "model": trainer.model.state_dict(),
        "average": trainer.ema.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "rng": {"numpy": trainer.rng.bit_generator.state, "torch": torch.get_rng_state(), "python": random.getstate()},
    }
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    beside.replace(path)


def resume(path: Path, trainer) -> Progress:
    """Brings the trainer to where the file was saved. A compact file warms the learning rate up again."""
    state = torch.load(path, weights_only=False, map_location=trainer.device)
    progress = Progress(**state["progress"])
    trainer.model.load_state_dict({k: v.float() for k, v in state.get("model", state["average"]).items()})
    trainer.ema.load_state_dict({k: v.float() for k, v in state["average"].items()})
    if "optimizer" not in state:
        progress.warm_from = progress.step
        # Another order of the data than at the start; the rest of the epoch is not looked for.
        trainer.rng = np.random.default_rng([trainer.config["seed"], progress.step])
        torch.manual_seed(trainer.config["seed"] + progress.step)
        progress.batch, progress.epoch_rng = 0, {}
        return progress
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.rng.bit_generator.state = state["rng"]["numpy"]
    torch.set_rng_state(state["rng"]["torch"].cpu())
    random.setstate(state["rng"]["python"])
    return progress


def compact(state: dict) -> dict:
    """The average alone, in half precision."""
    return {name: state[name] for name in ("config", "progress")} | {"average": half(state["average"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    state = compact(torch.load(args.state, weights_only=False, map_location="cpu"))
    state["progress"]["epoch_rng"] = {}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, args.out)
    print(state["progress"]["step"], "steps,", args.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

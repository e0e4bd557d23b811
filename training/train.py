"""Trains the multi-task network: `python train.py DATA_FOLDER --config config/conv-cpu.json --out run`.

The learning rate warms up, stays constant, and falls linearly to zero over the last
`decay_share` of the steps. `--max-minutes` starts that decay earlier where the machine is slower
than planned; the steps that were really done are written to `run/schedule.json`, and
`--schedule run/schedule.json` repeats exactly those. Weights are averaged (EMA); the average is
what is validated and saved: `run/ema.pt` is the latest, `run/ema-<step>.pt` the snapshot of each
validation, for `average.py`. A run that no longer improves may be interrupted: the snapshots stay.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch

import data
import evaluate
import net


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="data folder with the *.tsv.gz sets")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "config/conv-cpu.json")
    parser.add_argument("--out", type=Path, default=Path("run"), help="checkpoints and log go here")
    parser.add_argument("--max-minutes", type=float, default=None, help="wall-clock limit of the training loop")
    parser.add_argument("--schedule", type=Path, default=None, help="schedule.json of an earlier run to repeat")
    parser.add_argument("--validate-every", type=int, default=500, help="steps")
    return parser.parse_args()


class Schedule:
    """Constant learning rate after a warm-up, then a linear decay to zero."""

    def __init__(self, config: dict, steps: int, decay_start: int):
        self.warmup, self.share = config["warmup_steps"], config["decay_share"]
        self.peak, self.steps, self.decay_start = config["lr"], steps, decay_start

    def rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / self.warmup)
        cool = (self.steps - step) / max(1, self.steps - self.decay_start)
        return self.peak * warm * min(1.0, cool)

    def hurry(self, step: int, elapsed: float, limit: float | None) -> None:
        """Starts the decay now if the rest of the time is just enough for it."""
        if limit is None or step >= self.decay_start or step < 100:
            return
        if elapsed >= limit * (1 - self.share):
            self.decay_start = step
            self.steps = min(self.steps, step + round(step / elapsed * (limit - elapsed)))


def forward_loss(model: net.Net, batch: data.Batch, config: dict, rng: np.random.Generator):
    """Weighted loss per residue of the batch, and the plain sums of the tasks."""
    tensor = torch.from_numpy
    # Some residues are hidden as X: regularises, and teaches what an unknown residue means.
    batch.inputs[rng.random(batch.inputs.shape) < config["mask_residue"]] = 20
    mask = tensor(batch.mask)
    inside = mask.bool()
    logits = model(tensor(batch.inputs), mask)[inside]
    parts = net.losses(logits, *(tensor(a)[inside] for a in (batch.ss, batch.rsa, batch.dis, batch.tm)))
    total = sum(config["loss"][name] * part for name, part in parts.items())
    return total / len(logits), {name: part.item() for name, part in parts.items()}, len(logits)


@torch.no_grad()
def average(ema: net.Net, model: net.Net, step: int, config: dict) -> None:
    """Exponential moving average of the weights, with a short memory at the start."""
    keep = min(config["ema"], (1 + step) / (10 + step))
    for slow, fast in zip(ema.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - keep)


def save(path: Path, ema: net.Net, config: dict, step: int, seconds: float) -> None:
    torch.save({"config": config, "step": step, "seconds": seconds, "weights": ema.state_dict()}, path)


def main() -> None:
    args = arguments()
    config = json.loads(args.config.read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    random.seed(config["seed"])
    torch.manual_seed(config["seed"])
    rng = np.random.default_rng(config["seed"])

    log_file = (args.out / "train.log").open("w")

    def log(**fields) -> None:
        line = json.dumps(fields)
        print(line, flush=True)
        print(line, file=log_file, flush=True)

    splits = data.load(args.folder)
    log(event="data", **splits.report)
    model, ema = net.build(config), net.build(config)
    ema.load_state_dict(model.state_dict())
    ema.eval()
    log(event="start", config=config, parameters=sum(p.numel() for p in model.parameters()), torch=torch.__version__)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=config["lr"],
        betas=(0.9, 0.99),
    )
    steps = config["steps"]
    stop = steps
    schedule = Schedule(config, steps, round(steps * (1 - config["decay_share"])))
    if args.schedule:
        earlier = json.loads(args.schedule.read_text())
        schedule = Schedule(config, earlier["steps"], earlier["decay_start"])
        stop = earlier.get("stopped", schedule.steps)

    started, step, passes = time.monotonic(), 0, 0
    sums: dict[str, float] = {}
    residues = 0
    while step < min(stop, schedule.steps):
        for group in data.epoch(splits, config, rng):
            if step >= min(stop, schedule.steps):
                break
            schedule.hurry(step, time.monotonic() - started, args.max_minutes and args.max_minutes * 60)
            rate = schedule.rate(step)
            for params in optimizer.param_groups:
                params["lr"] = rate
            loss, parts, count = forward_loss(model, data.collate(group), config, rng)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config["grad_clip"])
            optimizer.step()
            average(ema, model, step, config)
            step += 1
            residues += count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            if step % 100 == 0:
                means = {k: round(v / residues, 4) for k, v in sums.items()}
                seconds = round(time.monotonic() - started, 1)
                log(event="step", step=step, epoch=passes, lr=round(rate, 6), seconds=seconds, residues=residues, **means)
                sums, residues = {}, 0
            if step % args.validate_every == 0 or step == schedule.steps:
                scores = evaluate.quick(ema, splits.held_out)
                log(event="validation", step=step, seconds=round(time.monotonic() - started, 1), **scores)
                save(args.out / "ema.pt", ema, config, step, time.monotonic() - started)
                save(args.out / f"ema-{step}.pt", ema, config, step, time.monotonic() - started)
        passes += 1
    seconds = time.monotonic() - started
    save(args.out / "ema.pt", ema, config, step, seconds)
    done = {"steps": schedule.steps, "decay_start": schedule.decay_start, "seconds": round(seconds), "epochs": passes}
    if step < schedule.steps:
        done["stopped"] = step
    (args.out / "schedule.json").write_text(json.dumps(done) + "\n")
    log(event="end", **done)


if __name__ == "__main__":
    main()

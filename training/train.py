"""Trains the multi-task network: `python train.py DATA_FOLDER --config config/conv-cpu.json --out run`.

The learning rate warms up, stays constant, and falls linearly to zero over the last
`decay_share` of the steps. `--max-minutes` starts that decay earlier where the machine is slower
than planned; the steps that were really done are written to `run/schedule.json`, and
`--schedule run/schedule.json` repeats exactly those. Weights are averaged (EMA); the average is
what is validated and saved: `run/ema.pt` is the latest, and `run/best.pt` the one with the lowest loss
of secondary structure on validation chains. A run that no longer improves may be interrupted.

With `--teacher run-1/best.pt run-2/best.pt ...` it learns from these networks as well (`distil.py`).
What a configuration may ask for beyond `conv-cpu.json` is in the README.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch

import augment
import data
import distil
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
    parser.add_argument("--seed", type=int, default=None, help="instead of the configuration's, for an ensemble")
    parser.add_argument("--share", type=float, default=None, help="of the training chains, for a learning curve")
    parser.add_argument("--leave-out", type=int, default=None, help="fold of membrane chains to hold out as well")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="changes to the configuration")
    parser.add_argument("--teacher", type=Path, nargs="*", default=[], help="checkpoints to learn from")
    return parser.parse_args()


def configuration(args: argparse.Namespace) -> dict:
    """The file with the changes of the command line, all of which the log records."""
    config = json.loads(args.config.read_text())
    for change in args.set:
        name, value = change.split("=", 1)
        config[name] = json.loads(value)
    for name in ("seed", "share", "leave_out"):
        if getattr(args, name) is not None:
            config[name] = getattr(args, name)
    if args.teacher:
        config["teachers"] = len(args.teacher)
        config.setdefault("distil", 0.5)
    return config


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


class Trainer:
    """One run: the network, its average, its optimizer, and where it computes."""

    def __init__(self, config: dict, args: argparse.Namespace):
        self.config = config
        choice = config.get("device", "cpu")
        self.device = torch.device("cuda" if choice == "auto" and torch.cuda.is_available() else choice.replace("auto", "cpu"))
        self.autocast = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=config.get("precision") == "bfloat16"
        )
        random.seed(config["seed"])
        torch.manual_seed(config["seed"])
        self.rng = np.random.default_rng(config["seed"])
        self.noise = augment.Noise(config, args.folder)
        self.model, self.ema = net.build(config).to(self.device), net.build(config).to(self.device)
        self.ema.load_state_dict(self.model.state_dict())
        self.ema.eval()
        self.optimizer = optimizer(self.model, config)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def loss(self, batch: data.Batch) -> tuple[torch.Tensor, dict[str, float], int]:
        """Weighted loss per residue of the batch, the plain sums of the tasks, and the residues."""
        mask = self.tensor(batch.mask)
        inside = mask.bool()
        # Some residues are hidden as X: regularises, and teaches what an unknown residue means.
        self.noise.apply(batch.inputs, self.rng)
        with self.autocast:
            logits = self.model(self.tensor(batch.inputs), mask)
        logits = logits[inside].float()
        labels = (self.tensor(a)[inside] for a in (batch.ss, batch.rsa, batch.dis, batch.tm))
        parts = net.losses(logits, *labels, smoothing=self.config.get("label_smoothing", 0.0))
        weights = self.config["loss"]
        total = sum(weights[name] * part for name, part in parts.items())
        if batch.soft is not None:
            soft = distil.losses(logits, self.tensor(batch.soft)[inside].float())
            share = self.config["distil"]
            total = (1 - share) * total + share * sum(weights[name] * part for name, part in soft.items())
        return total / len(logits), {name: part.item() for name, part in parts.items()}, len(logits)

    def step(self, batch: data.Batch, rate: float, step: int) -> tuple[dict[str, float], int]:
        for params in self.optimizer.param_groups:
            params["lr"] = rate
        loss, parts, count = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config["grad_clip"])
        self.optimizer.step()
        self.average(step)
        return parts, count

    @torch.no_grad()
    def average(self, step: int) -> None:
        """Exponential moving average of the weights, with a short memory at the start."""
        keep = min(self.config["ema"], (1 + step) / (10 + step))
        for slow, fast in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)

    def save(self, path: Path, step: int, seconds: float) -> None:
        weights = {name: value.cpu() for name, value in self.ema.state_dict().items()}
        torch.save({"config": self.config, "step": step, "seconds": seconds, "weights": weights}, path)


def optimizer(model: net.Net, config: dict) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": config["weight_decay"]}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config["lr"], betas=(0.9, 0.99))


class Best:
    """The lowest validation loss so far, and for how many validations it has stood."""

    def __init__(self, patience: int):
        self.patience, self.loss, self.since = patience, float("inf"), 0

    def better(self, loss: float) -> bool:
        self.since = 0 if loss < self.loss else self.since + 1
        self.loss = min(self.loss, loss)
        return self.since == 0

    def tired(self) -> bool:
        return bool(self.patience) and self.since >= self.patience


class Log:
    """JSON lines, to the terminal and to `train.log`."""

    def __init__(self, path: Path):
        self.file = path.open("w")

    def __call__(self, **fields) -> None:
        line = json.dumps(fields)
        print(line, flush=True)
        print(line, file=self.file, flush=True)


def schedule_of(args: argparse.Namespace, config: dict) -> tuple[Schedule, int]:
    """The schedule, and the step at which to stop."""
    steps = config["steps"]
    if not args.schedule:
        return Schedule(config, steps, round(steps * (1 - config["decay_share"]))), steps
    earlier = json.loads(args.schedule.read_text())
    return Schedule(config, earlier["steps"], earlier["decay_start"]), earlier.get("stopped", earlier["steps"])


def run(trainer: Trainer, splits: data.Splits, args: argparse.Namespace, log: Log) -> dict:
    """The training loop; returns what is to be known to repeat it."""
    config, best = trainer.config, Best(trainer.config.get("patience", 0))
    schedule, stop = schedule_of(args, config)
    started, step, passes = time.monotonic(), 0, 0
    elapsed = lambda: time.monotonic() - started  # noqa: E731
    sums: dict[str, float] = {}
    residues = 0
    while step < min(stop, schedule.steps) and not best.tired():
        for group in data.epoch(splits, config, trainer.rng):
            if step >= min(stop, schedule.steps) or best.tired():
                break
            schedule.hurry(step, elapsed(), args.max_minutes and args.max_minutes * 60)
            rate = schedule.rate(step)
            parts, count = trainer.step(data.collate(group), rate, step)
            step += 1
            residues += count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            if step % 100 == 0:
                means = {k: round(v / residues, 4) for k, v in sums.items()}
                log(event="step", step=step, epoch=passes, lr=round(rate, 6), seconds=round(elapsed(), 1), residues=residues, **means)
                sums, residues = {}, 0
            if step % args.validate_every == 0 or step == schedule.steps:
                scores = evaluate.quick(trainer.ema, splits.held_out)
                log(event="validation", step=step, seconds=round(elapsed(), 1), **scores)
                for name in ["ema.pt"] + ["best.pt"] * best.better(scores["ss_loss"]):
                    trainer.save(args.out / name, step, elapsed())
        passes += 1
    trainer.save(args.out / "ema.pt", step, elapsed())
    done = {"steps": schedule.steps, "decay_start": schedule.decay_start, "seconds": round(elapsed()), "epochs": passes}
    return done | ({"stopped": step} if step < schedule.steps else {})


def main() -> None:
    args = arguments()
    config = configuration(args)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    log = Log(args.out / "train.log")
    splits = data.load(args.folder, config.get("leave_out"))
    if "share" in config:
        splits = data.share_of(splits, config["share"])
    if args.teacher:
        distil.attach(args.teacher, splits.train + splits.negatives)
    log(event="data", **splits.report)
    trainer = Trainer(config, args)
    parameters = sum(p.numel() for p in trainer.model.parameters())
    log(event="start", config=config, parameters=parameters, torch=torch.__version__, device=str(trainer.device))
    done = run(trainer, splits, args, log)
    (args.out / "schedule.json").write_text(json.dumps(done) + "\n")
    log(event="end", **done)


if __name__ == "__main__":
    main()

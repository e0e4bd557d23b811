"""Trains the multi-task network: `python train.py DATA_FOLDER --config config/conv-cpu.json --out run`.

The learning rate warms up, stays constant, and falls linearly to zero over the last
`decay_share` of the steps. `--max-minutes` starts that decay earlier where the machine is slower
than planned; the steps that were really done are written to `run/schedule.json`, and
`--schedule run/schedule.json` repeats exactly those. Weights are averaged (EMA); the average is
what is validated and saved: `run/ema.pt` is the latest, and `run/best.pt` the one with the lowest loss
of secondary structure on validation chains. A run that no longer improves may be interrupted.

A long run may be spread over several sessions: `--stop-after MINUTES` (or SIGTERM) ends one with everything saved in
`run/state.pt`, and `--resume run/state.pt` goes on from there (`checkpoint.py`).

With `--teacher run-1/best.pt run-2/best.pt ...` it learns from these networks as well (`distil.py`).
What a configuration may ask for beyond `conv-cpu.json` is in the README.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

import augment
import checkpoint
import data
import distil
import evaluate
import net
import optimize


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
    parser.add_argument("--stop-after", type=float, default=None, help="minutes after which this session ends")
    parser.add_argument("--stop-at", type=int, default=None, metavar="STEP", help="step at which this session ends")
    parser.add_argument("--resume", type=Path, default=None, help="state.pt of the run, or a compact checkpoint")
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
        self.warm_from = 0

    def rate(self, step: int) -> float:
        warm = min(1.0, (step + 1 - self.warm_from) / self.warmup)
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
        self.optimizer = optimize.Optimizer(self.model, config)
        # Each worker computes the gradient of a part of the batch on one thread: where other programs use
        # the same cores this is several times as fast as dividing every operation among threads.
        self.workers = config.get("workers", 1)
        self.pool = ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,))

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    def loss(self, batch: data.Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Weighted loss and plain loss of each task, both summed over the residues."""
        mask = self.tensor(batch.mask)
        inside = mask.bool()
        with self.autocast:
            logits = self.model(self.tensor(batch.inputs), mask)
        logits = logits[inside].float()
        labels = {name: self.tensor(array)[inside] for name, array in batch.labels.items()}
        extra = self.config.get("extra", {})
        parts = net.losses(logits, labels, self.config.get("label_smoothing", 0.0), extra)
        weights = self.config["loss"] | extra
        total = sum(weights[name] * part for name, part in parts.items())
        if batch.soft is not None:
            soft = distil.losses(logits, self.tensor(batch.soft)[inside].float())
            share = self.config["distil"]
            total = (1 - share) * total + share * sum(weights[name] * part for name, part in soft.items())
        return total, {name: part.item() for name, part in parts.items()}

    def gradient(self, batch: data.Batch, residues: int) -> tuple[tuple[torch.Tensor, ...], dict[str, float]]:
        loss, parts = self.loss(batch)
        return torch.autograd.grad(loss / residues, list(self.model.parameters()), allow_unused=True), parts

    def step(self, group: list[data.Chain], rate: float, step: int) -> tuple[dict[str, float], int]:
        batches = [data.collate(group[i :: self.workers], self.config.get("extra", ())) for i in range(self.workers) if group[i :: self.workers]]
        residues = sum(int(batch.mask.sum()) for batch in batches)
        for batch in batches:
            # Some residues are hidden as X: regularises, and teaches what an unknown residue means.
            self.noise.apply(batch.inputs, self.rng)
        if self.workers == 1:
            found = [self.gradient(batches[0], residues)]
        else:
            found = list(self.pool.map(self.gradient, batches, [residues] * len(batches)))
        for parameter, *grads in zip(self.model.parameters(), *(grads for grads, _ in found), strict=True):
            known = [grad for grad in grads if grad is not None]
            parameter.grad = sum(known) if known else None
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config["grad_clip"])
        self.optimizer.step(rate)
        self.average(step)
        return {name: sum(parts[name] for _, parts in found) for name in found[0][1]}, residues

    @torch.no_grad()
    def average(self, step: int) -> None:
        """Exponential moving average of the weights, with a short memory at the start."""
        keep = min(self.config["ema"], (1 + step) / (10 + step))
        for slow, fast in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)

    def save(self, path: Path, step: int, seconds: float) -> None:
        weights = {name: value.cpu() for name, value in self.ema.state_dict().items()}
        torch.save({"config": self.config, "step": step, "seconds": seconds, "weights": weights}, path)


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

    def __init__(self, path: Path, further: bool):
        self.file = path.open("a" if further else "w")

    def __call__(self, **fields) -> None:
        line = json.dumps(fields)
        print(line, flush=True)
        print(line, file=self.file, flush=True)


class Stop:
    """Says when this session is over: at SIGTERM, after so many minutes, or at a step."""

    def __init__(self, minutes: float | None, step: int | None):
        self.at = None if minutes is None else time.monotonic() + 60 * minutes
        self.step, self.told = step, False
        signal.signal(signal.SIGTERM, self.tell)

    def tell(self, *_) -> None:
        self.told = True

    def over(self, step: int) -> bool:
        late = self.at is not None and time.monotonic() >= self.at
        return self.told or late or (self.step is not None and step >= self.step)


def schedule_of(args: argparse.Namespace, config: dict, progress: checkpoint.Progress) -> tuple[Schedule, int]:
    """The schedule, and the step at which to stop."""
    steps = config["steps"]
    schedule = Schedule(config, steps, round(steps * (1 - config["decay_share"])))
    stop = steps
    if args.schedule:
        earlier = json.loads(args.schedule.read_text())
        schedule = Schedule(config, earlier["steps"], earlier["decay_start"])
        stop = earlier.get("stopped", earlier["steps"])
    elif progress.steps:
        schedule = Schedule(config, progress.steps, progress.decay_start)
        stop = progress.steps
    schedule.warm_from = progress.warm_from
    return schedule, stop


def batches_from(trainer: Trainer, splits: data.Splits, progress: checkpoint.Progress) -> Iterator[list[data.Chain]]:
    """The batches of the epoch that `progress` is in, from its place on. The random generator is left as it
    was saved, not as it is when the epoch begins."""
    current = trainer.rng.bit_generator.state
    if progress.batch:
        trainer.rng.bit_generator.state = progress.epoch_rng
    else:
        progress.epoch_rng = current
    groups = data.epoch(splits, trainer.config, trainer.rng)
    if progress.batch:
        trainer.rng.bit_generator.state = current
    yield from groups[progress.batch :]
    progress.batch = 0
    progress.epoch += 1


def run(trainer: Trainer, splits: data.Splits, args: argparse.Namespace, log: Log, progress: checkpoint.Progress) -> dict:
    """The training loop; returns what is to be known to repeat it."""
    config, best, session = trainer.config, Best(trainer.config.get("patience", 0)), Stop(args.stop_after, args.stop_at)
    best.loss = progress.lowest
    schedule, stop = schedule_of(args, config, progress)
    started, before = time.monotonic(), progress.seconds
    elapsed = lambda: before + time.monotonic() - started  # noqa: E731
    sums: dict[str, float] = {}
    residues = 0

    def done() -> bool:
        return progress.step >= min(stop, schedule.steps) or best.tired() or session.over(progress.step)

    def save() -> None:
        progress.seconds, progress.lowest = elapsed(), best.loss
        progress.steps, progress.decay_start = schedule.steps, schedule.decay_start
        checkpoint.save(args.out / "state.pt", trainer, progress)

    while not done():
        for group in batches_from(trainer, splits, progress):
            if done():
                break
            step = progress.step
            schedule.hurry(step, elapsed(), args.max_minutes and args.max_minutes * 60)
            rate = schedule.rate(step)
            parts, count = trainer.step(group, rate, step)
            step += 1
            progress.step, progress.batch = step, progress.batch + 1
            residues += count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value
            if step % 100 == 0:
                means = {k: round(v / residues, 4) for k, v in sums.items()}
                log(event="step", step=step, epoch=progress.epoch, lr=round(rate, 6), seconds=round(elapsed(), 1), residues=residues, **means)
                sums, residues = {}, 0
            if step % args.validate_every == 0 or step == schedule.steps:
                scores = evaluate.quick(trainer.ema, splits.held_out)
                log(event="validation", step=step, seconds=round(elapsed(), 1), **scores)
                for name in ["ema.pt"] + ["best.pt"] * best.better(scores["ss_loss"]):
                    trainer.save(args.out / name, step, elapsed())
                save()
    trainer.save(args.out / "ema.pt", progress.step, elapsed())
    save()
    done_so_far = {"steps": schedule.steps, "decay_start": schedule.decay_start, "seconds": round(elapsed()), "epochs": progress.epoch}
    return done_so_far | ({"stopped": progress.step} if progress.step < schedule.steps else {})


def main() -> None:
    args = arguments()
    config = configuration(args)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    log = Log(args.out / "train.log", further=args.resume is not None)
    splits = data.load(args.folder, config.get("leave_out"), config)
    if "share" in config:
        splits = data.share_of(splits, config["share"])
    if args.teacher:
        distil.attach(args.teacher, splits.train + splits.negatives + splits.segments)
    log(event="data", **splits.report)
    trainer = Trainer(config, args)
    progress = checkpoint.resume(args.resume, trainer) if args.resume else checkpoint.Progress()
    parameters = sum(p.numel() for p in trainer.model.parameters())
    log(event="start", config=config, parameters=parameters, torch=torch.__version__, device=str(trainer.device), step=progress.step)
    ended = run(trainer, splits, args, log, progress)
    (args.out / "schedule.json").write_text(json.dumps(ended) + "\n")
    log(event="end", **ended)


if __name__ == "__main__":
    main()

"""Self-checks without data, in seconds: `python check.py`."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import augment
import checkpoint
import data
import decode
import distil
import evaluate
import homologs
import leaks
import metrics
import net
import optimize
import synthetic
import train
import weights
from data import Chain, near_duplicates, part_of

#: Parts of the first twelve clusters: a change would mix test chains of one version into training of the next.
FIRST_TWELVE = "tevatrtrtrtetrtrtrtrtrtr"

CONFIG = {"width": 32, "kernel": 5, "dilations": [1, 2, 4], "dropout": 0.0}


@contextlib.contextmanager
def planted() -> Iterator[synthetic.Folder]:
    """A data folder of random proteins with its own list of homologs."""
    with tempfile.TemporaryDirectory() as path:
        folder, real = synthetic.Folder(Path(path)), homologs.read
        homologs.read = lambda: real(folder.path / "homologs.tsv.gz")
        try:
            yield folder
        finally:
            homologs.read = real


def random_net(**more: int) -> net.Net:
    torch.manual_seed(1)
    model = net.build(CONFIG | more)
    for layer in model.recurrent:
        torch.nn.init.normal_(layer.mix.weight, std=0.2)
    for block in model.blocks:  # zero at the start of training; here it must do something
        torch.nn.init.normal_(block.mix.weight, std=0.2)
        torch.nn.init.normal_(block.wide.bias, std=0.5)
    return model.eval()


def batches_equal_single_sequences() -> None:
    rng = np.random.default_rng(1)
    chains = [Chain("".join(rng.choice(list(ab.AMINO_ACIDS), n)), str(n)) for n in (1, 3, 17, 40)]
    for model in (random_net(), random_net(recurrent=2)):
        together = evaluate.logits_of(model, chains)
        for chain, out in zip(chains, together):
            np.testing.assert_allclose(out, evaluate.logits_of(model, [chain])[0], atol=1e-5)


def export_keeps_the_network() -> None:
    model = random_net()
    metadata = {"width": "32;32", "kernel": "5;5", "dilations": "1,2,4;1,2,4"}
    with tempfile.TemporaryDirectory() as folder:
        weights.write(Path(folder) / "net", weights.tensors([model, model]), metadata)
        again, _ = weights.read(Path(folder) / "net")
    chain = Chain("MKVLAAGIVGLLLAQW", "x")
    close = [evaluate.logits_of(m, [chain])[0] for m in (model, *again)]
    assert len(close) == 3
    np.testing.assert_allclose(close[0], close[1], atol=0.02)
    np.testing.assert_array_equal(close[1], close[2])
    alone, both = (evaluate.probabilities_of(m, [chain])[0] for m in ([model], [model, model]))
    np.testing.assert_allclose(alone, both)


def loss_of_one_class_is_cross_entropy() -> None:
    logits = torch.randn(9, 8)
    target = torch.arange(9) % 8
    ours = net.allowed_loss(logits, (1 << target).to(torch.uint8))
    torch.testing.assert_close(ours, torch.nn.functional.cross_entropy(logits, target, reduction="sum"))


def membrane_segments_are_legal() -> None:
    rng = np.random.default_rng(2)
    rules = decode.Rules(tm_enter=500, tm_helix="6:900,0,0,40,80", tm_strand="3:0,10,0")
    for n in (1, 5, 60, 200):
        permille = decode.quantise(rng.dirichlet([0.3] * 6, n))
        spans = decode.membrane_segments(permille, rules)
        assert len(spans) == n and "HE" not in spans and "EH" not in spans
        for letter, least, most in (("H", 6, 10), ("E", 3, 5)):
            assert all(least <= b - a <= most for a, b in metrics.segments(spans, letter)), spans


def segments_are_the_cheapest() -> None:
    """Against all ways to label a short chain."""
    rng = np.random.default_rng(5)
    rules = decode.Rules(tm_enter=300, tm_helix="2:100,0,50", tm_strand="1:0,200")
    tables = {"H": decode.lengths_of(rules.tm_helix), "E": decode.lengths_of(rules.tm_strand)}

    def cost(spans: str, permille: np.ndarray) -> float:
        total = 0
        for letter, (least, costs) in tables.items():
            for a, b in metrics.segments(spans, letter):
                if not least <= b - a < least + len(costs):
                    return np.inf
                total += rules.tm_enter + costs[b - a - least]
        if "HE" in spans or "EH" in spans:
            return np.inf
        column = {"H": permille[:, 0], "E": permille[:, 1], "_": 1000 - permille[:, 0] - permille[:, 1]}
        return total + sum(int(decode.COST[column[s][i]]) for i, s in enumerate(spans))

    for _ in range(20):
        permille = decode.quantise(rng.dirichlet([0.3] * 6, 7))
        cheapest = min(cost("".join(spans), permille) for spans in itertools.product("_HE", repeat=7))
        assert cost(decode.membrane_segments(permille, rules), permille) == cheapest


def scores_of_known_cases() -> None:
    assert metrics.auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    total, weight = metrics.sov_parts("CHHHHHC", "CHHHHHC")
    assert total == weight == 7
    assert (decode.quantise(np.array([[1.0, 1.0, 1.0]])) == [[334, 333, 333]]).all()


def splits_do_not_move() -> None:
    assert "".join(part_of(f"cluster30:{i}")[:2] for i in range(12)) == FIRST_TWELVE
    a, b = Chain("ACDEFGHIKLMNPQRSTVWY" * 3, "a"), Chain("MKTAYIAKQRQISFVKSHFSRQ", "b")
    assert near_duplicates([a, b], [Chain("GG" + a.sequence, "c")]).tolist() == [True, False]


def noise_changes_what_it_should() -> None:
    inputs = np.tile(np.arange(20), (50, 20)).astype(np.int64)
    plain, rng = inputs.copy(), np.random.default_rng(3)
    augment.Noise({"mask_residue": 0.03}, Path()).apply(plain, rng)
    again = inputs.copy()
    again[np.random.default_rng(3).random(inputs.shape) < 0.03] = augment.UNKNOWN
    assert (plain == again).all(), "without options the same random numbers are drawn as ever"
    spans = inputs.copy()
    augment.Noise({"mask_residue": 0.0, "mask_span": 0.1, "span_length": 5}, Path()).apply(spans, rng)
    assert 0.05 < (spans == augment.UNKNOWN).mean() < 0.15
    noise = augment.Noise({"mask_residue": 0.0}, Path())
    scores = np.full((20, 20), 0.01) + np.eye(20)[::-1] * 5  # each residue becomes its mirror image
    np.fill_diagonal(scores, 0)
    noise.mutate, noise.table = 0.3, (scores / scores.sum(1, keepdims=True)).cumsum(1)
    exchanged = inputs.copy()
    noise.apply(exchanged, rng)
    changed = exchanged != inputs
    assert 0.2 < changed.mean() < 0.4 and (exchanged < augment.UNKNOWN).all()
    assert (exchanged[changed] == 19 - inputs[changed]).mean() > 0.9


def smoothing_spreads_the_target() -> None:
    logits, target = torch.randn(9, 8), torch.arange(9) % 8
    ours = net.allowed_loss(logits, (1 << target).to(torch.uint8), smoothing=0.1)
    theirs = torch.nn.functional.cross_entropy(logits, target, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(ours, theirs)


def a_student_of_itself_is_content() -> None:
    """The soft losses have no slope where student and teacher agree."""
    logits = torch.randn(7, ab.OUTPUTS, requires_grad=True)
    soft = distil.joined(distil.mean_probabilities([logits.detach(), logits.detach()]))
    sum(distil.losses(logits, soft).values()).backward()
    assert logits.grad.abs().max() < 1e-5


def shares_are_nested() -> None:
    chains = [Chain("MKV", str(i), extra={"cluster": f"c{i // 3}"}) for i in range(3000)]
    splits = data.Splits(chains, [], [], {}, {})
    small, large = ({c.origin for c in data.share_of(splits, share).train} for share in (0.25, 0.5))
    assert small < large and 600 < len(small) < 900, (len(small), len(large))
    assert all({str(3 * (int(o) // 3) + k) for k in range(3)} <= small for o in small), "whole clusters"


def nothing_leaks() -> None:
    """From a folder with planted relatives; then the search for leaks finds one that is put back."""
    with planted() as folder:
        for fold in (None, 1):
            splits = data.load(folder.path, fold, {"sets": ["ss8_cath_s40"], "prior_correction": True})
            sequences = {c.sequence for c in splits.train}
            assert not sequences & folder.leaked
            assert not any(c.ss is not None and c.sequence in folder.stripped for c in splits.train)
            assert not leaks.leaks(splits, folder.path, fold, search=False)
        twin = splits.held_out["ss8_acc/val"][0]
        splits.train.append(twin)
        assert len(leaks.leaks(splits, folder.path, 1, search=False)) >= 1


def families_of_disorder_stay_together() -> None:
    with planted() as folder:
        part = {c.sequence: c.extra["part"] for c in data.read_idr(folder.path)}
    assert all(part[a] == part[b] for a, b in folder.families)
    assert set(part.values()) == {"train", "val", "test"}


def broken_chains_get_gaps() -> None:
    chain = Chain("ACDEF", "x", ss=np.array([1, 2, 4, 8, 16], np.uint8), rsa=np.ones(5, np.float32))
    longer = data.with_gaps(chain, "2,4")
    assert longer.sequence == "AC" + "XXX" + "DE" + "XXX" + "F" and longer.ss.tolist() == [1, 2, 0, 0, 0, 4, 8, 0, 0, 0, 16]
    assert np.isnan(longer.rsa[2:5]).all() and longer.rsa[5] == 1 and data.with_gaps(chain, "") is chain


def priors_shift_the_loss() -> None:
    """A set with twice the helix makes helix cheaper there, and leaves the network alone elsewhere."""
    logits, ss = torch.zeros(4, ab.OUTPUTS), torch.tensor([1, 1, 8, 8], dtype=torch.uint8)
    unknown = torch.full((4,), -1)
    labels = {"ss": ss, "rsa": torch.full((4,), torch.nan), "tm": torch.zeros(4, dtype=torch.uint8)}
    labels |= {name: unknown for name in ("dis", "idr", "sig")}
    plain = net.losses(logits, labels)["ss"]
    shift = torch.zeros(4, 8)
    shift[:, 0] = np.log(2.0)
    shifted = net.losses(logits, labels | {"prior": shift})["ss"]
    torch.testing.assert_close(shifted - plain, torch.tensor(4 * np.log(9 / 8) - 2 * np.log(2), dtype=torch.float32))


def extra_outputs_are_for_training_only() -> None:
    model = net.build(CONFIG | {"extra": {"conservation": 1, "profile": 1}})
    inputs, mask = torch.zeros(1, 7, dtype=torch.long), torch.ones(1, 7)
    assert model.train()(inputs, mask).shape[-1] == ab.OUTPUTS + 21
    assert model.eval()(inputs, mask).shape[-1] == ab.OUTPUTS
    assert weights.of_network(model)["out"].shape[1] == ab.OUTPUTS


def muon_takes_orthogonal_steps() -> None:
    torch.manual_seed(4)
    for shape in ((32, 80), (80, 32)):
        values = torch.linalg.svdvals(optimize.orthogonal(torch.randn(shape)))
        assert 0.6 < values.min() and values.max() < 1.3, values
    layer = torch.nn.Sequential()
    layer.add_module("hidden", torch.nn.Linear(8, 8))
    chosen = optimize.Optimizer(layer, {"optimizer": "muon", "lr": 0.1, "weight_decay": 0.0})
    before = layer.hidden.weight.detach().clone()
    layer.hidden(torch.randn(5, 8)).square().sum().backward()
    chosen.step(0.1)
    step = (before - layer.hidden.weight.detach()) / 0.1
    assert 0.1 < step.square().mean().sqrt() < 0.3, "as long as a step of AdamW"


def a_resumed_run_is_the_same() -> None:
    """Eighteen steps at once, and in three sessions, the last from a compact checkpoint."""
    with planted() as folder, tempfile.TemporaryDirectory() as out:
        config = CONFIG | {"name": "x", "seed": 3, "dropout": 0.1, "batch_residues": 600, "max_crop": 50, "mask_residue": 0.1}
        config |= {"mutate": 0.1, "tm_negative_share": 0.2, "tm_repeat": 2, "lr": 0.01, "warmup_steps": 4, "weight_decay": 0.02}
        config |= {"optimizer": "muon", "ema": 0.9, "grad_clip": 1.0, "steps": 18, "decay_share": 0.4, "sets": ["ss8_cath_s40"], "prior_correction": True}
        config |= {"loss": {"ss": 1.0, "acc": 0.4, "rsa": 2.0, "dis": 0.5, "tm": 0.7, "idr": 0.5, "sig": 0.5}}
        splits = data.load(folder.path, None, config)

        def session(stop: int, resume: Path | None, name: str, workers: int = 1) -> train.Trainer:
            args = argparse.Namespace(folder=folder.path, out=Path(out) / name, stop_after=None, schedule=None, max_minutes=None)
            args.validate_every = 9
            args.out.mkdir(exist_ok=True)
            trainer = train.Trainer(config | {"workers": workers}, args)
            progress = checkpoint.resume(resume, trainer) if resume else checkpoint.Progress()
            args.stop_at = stop
            train.run(trainer, splits, args, lambda **_: None, progress)
            return trainer

        whole = session(18, None, "whole")
        first = session(7, None, "parts")
        second = session(18, Path(out) / "parts/state.pt", "parts")
        same = zip(whole.ema.parameters(), second.ema.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in same), "a resumed run takes the same steps"
        assert not torch.equal(first.model.out.weight, whole.model.out.weight)
        parts = session(18, None, "workers", workers=2)
        assert parts.model.out.weight.isfinite().all()
        session(12, None, "short")
        small = Path(out) / "small.pt"
        torch.save(checkpoint.compact(torch.load(Path(out) / "short/state.pt", weights_only=False)), small)
        last = session(18, small, "last")
        assert last.model.out.weight.isfinite().all() and not torch.equal(last.ema.out.weight, whole.ema.out.weight)


if __name__ == "__main__":
    for check in (
        batches_equal_single_sequences,
        export_keeps_the_network,
        loss_of_one_class_is_cross_entropy,
        membrane_segments_are_legal,
        segments_are_the_cheapest,
        scores_of_known_cases,
        splits_do_not_move,
        noise_changes_what_it_should,
        smoothing_spreads_the_target,
        a_student_of_itself_is_content,
        shares_are_nested,
        nothing_leaks,
        families_of_disorder_stay_together,
        broken_chains_get_gaps,
        priors_shift_the_loss,
        extra_outputs_are_for_training_only,
        muon_takes_orthogonal_steps,
        a_resumed_run_is_the_same,
    ):
        check()
        print("ok", check.__name__)

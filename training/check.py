"""Self-checks without data, in seconds: `python check.py`."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import numpy as np
import torch

import alphabets as ab
import augment
import data
import decode
import distil
import evaluate
import metrics
import net
import weights
from data import Chain, near_duplicates, part_of

#: Parts of the first twelve clusters: a change would mix test chains of one version into training of the next.
FIRST_TWELVE = "tevatrtrtrtetrtrtrtrtrtr"

CONFIG = {"width": 32, "kernel": 5, "dilations": [1, 2, 4], "dropout": 0.0}


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
    target = distil.mean_probabilities([logits.detach(), logits.detach()])
    soft = [target["ss"], target["acc"], target["rsa"][:, None], target["dis"][:, None], target["tm"]]
    sum(distil.losses(logits, torch.cat(soft, 1)).values()).backward()
    assert logits.grad.abs().max() < 1e-5


def shares_are_nested() -> None:
    chains = [Chain("MKV", str(i), extra={"cluster": f"c{i // 3}"}) for i in range(3000)]
    splits = data.Splits(chains, [], {}, {})
    small, large = ({c.origin for c in data.share_of(splits, share).train} for share in (0.25, 0.5))
    assert small < large and 600 < len(small) < 900, (len(small), len(large))
    assert all({str(3 * (int(o) // 3) + k) for k in range(3)} <= small for o in small), "whole clusters"


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
    ):
        check()
        print("ok", check.__name__)

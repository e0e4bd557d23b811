"""Scores of per-residue predictions, and bootstrap intervals over chains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve (Mann-Whitney with mid-ranks for ties)."""
    positives = int(labels.sum())
    if positives in (0, len(labels)):
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks = middle[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))


def f1(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Harmonic mean of precision and recall of two boolean arrays."""
    return float(2 * (predicted & observed).sum() / max(1, predicted.sum() + observed.sum()))


def best_f1(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The highest F1 that a threshold gives, and that threshold (at or above it is positive)."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order] == 1)
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(1, int((labels == 1).sum())))
    last = np.append(np.diff(scores[order]) != 0, True)  # a threshold takes all of equal scores
    best = int(np.where(last, f1, -1).argmax())
    return float(f1[best]), float(scores[order][best])


def mcc(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Matthews correlation coefficient of two boolean arrays."""
    tp = float((predicted & observed).sum())
    tn = float((~predicted & ~observed).sum())
    fp = float((predicted & ~observed).sum())
    fn = float((~predicted & observed).sum())
    bottom = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    return (tp * tn - fp * fn) / bottom if bottom else 0.0


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: mean |confidence - accuracy| over equal-width bins, by size."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    return float(error)


def segments(labels: str, symbol: str) -> list[tuple[int, int]]:
    """Runs of `symbol` as (first, last + 1)."""
    found, start = [], None
    for i, c in enumerate(labels + "\0"):
        if c == symbol and start is None:
            start = i
        elif c != symbol and start is not None:
            found.append((start, i))
            start = None
    return found


def sov_parts(observed: str, predicted: str, alphabet: str = "HEC") -> tuple[float, int]:
    """Numerator and denominator of the segment overlap score SOV'99 (Zemla et al. 1999)."""
    total, weight = 0.0, 0
    for state in alphabet:
        theirs = segments(predicted, state)
        for a, b in segments(observed, state):
            touching = [(c, d) for c, d in theirs if c < b and d > a]
            if not touching:
                weight += b - a
            for c, d in touching:
                low, high = min(b, d) - max(a, c), max(b, d) - min(a, c)
                delta = min(high - low, low, (b - a) // 2, (d - c) // 2)
                total += (low + delta) / high * (b - a)
                weight += b - a
    return total, weight


def interval(count: int, score: Callable[[np.ndarray], float], rounds: int = 500, seed: int = 1) -> list[float]:
    """`[value, low, high]`: the score of all `count` chains and its 95 % bootstrap interval.

    `score` takes indices of chains (with repeats) and gives one number.
    """
    rng = np.random.default_rng(seed)
    samples = [score(rng.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return [round(float(x), 4) for x in (score(np.arange(count)), low, high)]


def ratio(parts: list[tuple[float, float]]) -> list[float]:
    """Bootstrap of a ratio of sums, each chain giving (numerator, denominator)."""
    table = np.array(parts, dtype=np.float64)
    return interval(len(table), lambda pick: float(table[pick, 0].sum() / max(table[pick, 1].sum(), 1e-9)))

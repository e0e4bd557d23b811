"""Noise on the input residues of a batch while training: hidden residues, hidden spans, substitutions.

Only the input changes; the labels stay those of the real chain. Which substitutions are likely is
taken from BLOSUM62: its entries are half-bits of p(b | a) / q(b), so p(b | a) is q(b) 2^(S / 2),
normalised. A chain with a tenth of its residues exchanged so is a stand-in for a homologue, whose
structure is the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import alphabets as ab

BLOSUM_FILE = "BLOSUM62.txt"
UNKNOWN = len(ab.INPUTS) - 1
#: Background frequencies in the order of `ab.AMINO_ACIDS` (Robinson & Robinson 1991), for q(b).
BACKGROUND = np.array(
    [0.0780, 0.0193, 0.0536, 0.0630, 0.0386, 0.0738, 0.0219, 0.0514, 0.0574, 0.0902]
    + [0.0224, 0.0449, 0.0520, 0.0426, 0.0513, 0.0712, 0.0584, 0.0644, 0.0133, 0.0322]
)


def substitutions(folder: Path) -> np.ndarray:
    """Cumulative p(b | a) for b != a, (20, 20) in the order of `ab.AMINO_ACIDS`."""
    lines = [line for line in (Path(folder) / BLOSUM_FILE).read_text().splitlines() if line and line[0] != "#"]
    columns = lines[0].split()
    scores = {row.split()[0]: dict(zip(columns, map(float, row.split()[1:]))) for row in lines[1:]}
    table = np.array([[scores[a][b] for b in ab.AMINO_ACIDS] for a in ab.AMINO_ACIDS])
    share = BACKGROUND * 2 ** (table / 2)
    np.fill_diagonal(share, 0.0)
    return (share / share.sum(1, keepdims=True)).cumsum(1)


class Noise:
    """What `config` asks for: `mask_residue` (share hidden one by one), and, if there, `mask_span`
    (share hidden in runs of `span_length`) and `mutate` (share exchanged as in homologues)."""

    def __init__(self, config: dict, folder: Path):
        self.mask = config["mask_residue"]
        self.span, self.length = config.get("mask_span", 0.0), config.get("span_length", 6)
        self.mutate = config.get("mutate", 0.0)
        self.table = substitutions(folder) if self.mutate else None

    def apply(self, inputs: np.ndarray, rng: np.random.Generator) -> None:
        """Changes `inputs` (chains, length) in place. Without the options it draws no more random
        numbers than it did before they existed, so that older configurations still repeat."""
        if self.table is not None:
            self.exchange(inputs, rng)
        if self.span:
            starts = rng.random(inputs.shape) < self.span / self.length
            hidden = starts.copy()
            for shift in range(1, self.length):
                hidden[:, shift:] |= starts[:, :-shift]
            inputs[hidden] = UNKNOWN
        inputs[rng.random(inputs.shape) < self.mask] = UNKNOWN

    def exchange(self, inputs: np.ndarray, rng: np.random.Generator) -> None:
        # How far a homologue is away differs: each chain has its own share, up to twice the mean.
        share = rng.random((len(inputs), 1)) * 2 * self.mutate
        chosen = (rng.random(inputs.shape) < share) & (inputs < UNKNOWN)
        drawn = rng.random(int(chosen.sum()))[:, None] > self.table[inputs[chosen]]
        inputs[chosen] = np.minimum(drawn.sum(1), len(ab.AMINO_ACIDS) - 1)

"""Runs a network over chains and scores it; `quick` is what training prints while it runs."""

from __future__ import annotations

import numpy as np
import torch

import alphabets as ab
import data
import decode
import metrics
import net

#: Columns of SS8 probabilities that make up each SS3 state.
SS3_COLUMNS = [[i for i, e in enumerate(ab.SS8) if ab.SS8_TO_SS3[e] == three] for three in ab.SS3]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@torch.no_grad()
def logits_of(model: net.Net, chains: list[data.Chain], residues: int = 16384) -> list[np.ndarray]:
    """Raw outputs (length, 21) of each chain, in the order given."""
    model.eval()
    device = next(model.parameters()).device
    found: dict[int, np.ndarray] = {}
    for group in data.buckets(chains, residues):
        batch = data.collate(group)
        inputs, mask = torch.from_numpy(batch.inputs).to(device), torch.from_numpy(batch.mask).to(device)
        out = model(inputs, mask).float().cpu().numpy()
        for i, chain in enumerate(group):
            found[id(chain)] = out[i, : len(chain)].copy()
    return [found[id(chain)] for chain in chains]


def probabilities_of(models: list[net.Net], chains: list[data.Chain]) -> list[np.ndarray]:
    """Mean probabilities (length, 21) of each chain, in the order given."""
    outputs = zip(*(logits_of(model, chains) for model in models), strict=True)
    return [decode.probabilities(list(of_chain)) for of_chain in outputs]


def ss3_of(p8: np.ndarray) -> np.ndarray:
    """SS3 probabilities (n, 3) from SS8 probabilities (n, 8)."""
    return np.stack([p8[:, c].sum(1) for c in SS3_COLUMNS], 1)


def ss3_index(bits: np.ndarray) -> np.ndarray:
    """Index into `HEC` of allowed-SS8 bit sets; -1 where unknown."""
    index = np.full(len(bits), -1)
    for i, three in enumerate(ab.SS3):
        index[(bits != 0) & ((bits & ~np.uint8(ab.SS3_BITS[three])) == 0)] = i
    return index


def single_index(bits: np.ndarray, classes: int) -> np.ndarray:
    """Class of bit sets with exactly one member; -1 otherwise."""
    index = np.full(len(bits), -1)
    for i in range(classes):
        index[bits == (1 << i)] = i
    return index


def quick(model: net.Net, held_out: dict[str, list[data.Chain]]) -> dict[str, float]:
    """A few validation numbers from a fixed part of the validation chains."""
    pick = lambda name, step: sorted(held_out[name], key=lambda c: c.origin)[::step]  # noqa: E731
    chains = pick("ss3_disorder/val", 3)
    allowed = np.concatenate([c.ss for c in chains])
    ss = ss3_index(allowed)
    dis = np.concatenate([c.dis for c in chains])
    out = np.concatenate(logits_of(model, chains))
    called = ss3_of(softmax(out[:, ab.OUT_SS8])).argmax(1)
    scores = {"q3": float((called == ss)[ss >= 0].mean())}
    scores["dis_auc"] = metrics.auc(out[dis >= 0, ab.OUT_DIS], dis[dis >= 0])
    known = torch.from_numpy(ss >= 0)
    loss = net.allowed_loss(torch.from_numpy(out[:, ab.OUT_SS8])[known], torch.from_numpy(allowed)[known])
    scores["ss_loss"] = loss.item() / int(known.sum())
    chains = pick("ss8_acc/val", 3)
    out = np.concatenate(logits_of(model, chains))
    ss8 = np.concatenate([single_index(c.ss, 8) for c in chains])
    scores["q8"] = float((out[:, ab.OUT_SS8].argmax(1) == ss8)[ss8 >= 0].mean())
    rsa = np.concatenate([np.full(len(c), np.nan) if c.rsa is None else c.rsa for c in chains])
    known = ~np.isnan(rsa)
    scores["rsa_r"] = float(np.corrcoef(sigmoid(out[known, ab.OUT_RSA]), rsa[known])[0, 1])
    chains = pick("tm_pdbtm/val", 1) + [c for c in pick("tm_tmbed/val", 1) if c.extra["membrane"]][::2]
    out = np.concatenate(logits_of(model, chains))
    tm = np.concatenate([c.tm for c in chains])
    helix = (out[:, ab.OUT_TM].argmax(1) == ab.TM.index("H"))[tm != 0]
    scores["tm_mcc"] = metrics.mcc(helix, (tm == ab.bits(ab.TM, "H"))[tm != 0])
    chains = pick("idr/val", 1)
    out = np.concatenate(logits_of(model, chains))
    idr = np.concatenate([c.idr for c in chains])
    scores["idr_auc"] = metrics.auc(out[idr >= 0, ab.OUT_IDR], idr[idr >= 0])
    scores["idr_f1"] = metrics.best_f1(out[idr >= 0, ab.OUT_IDR], idr[idr >= 0])[0]
    chains = pick("tm_tmbed/val", 1)
    scores |= told_apart(probabilities_of([model], chains), chains)
    return {name: round(value, 4) for name, value in scores.items()}


def barrel_score(p_tm: np.ndarray) -> float:
    """How much of a chain is membrane strand: the expected number of such residues."""
    return float(p_tm[:, ab.TM.index("E")].sum())


def signal_score(p: np.ndarray) -> float:
    """The probability that a chain begins with a signal peptide: the mean over its second to fifteenth
    residue."""
    return float(p[1:15].mean()) if len(p) > 1 else 0.0


def told_apart(probabilities: list[np.ndarray], chains: list[data.Chain]) -> dict[str, float]:
    """How well barrels and signal peptides are told from all other chains of TMbed, from the probabilities
    (length, 21) of each."""
    barrel = np.array([any(c in "Bb" for c in chain.extra["label"]) for chain in chains]).astype(int)
    signal = np.array(["S" in chain.extra["label"] for chain in chains]).astype(int)
    strands = np.array([barrel_score(p[:, ab.OUT_TM]) for p in probabilities])
    peptides = np.array([signal_score(p[:, ab.OUT_SIG]) for p in probabilities])
    found = {"barrel_auc": metrics.auc(strands, barrel), "signal_auc": metrics.auc(peptides, signal)}
    # Of the barrels, those above all but one in a hundred of the other chains.
    found["barrel_found"] = float((strands[barrel == 1] > np.quantile(strands[barrel == 0], 0.99)).mean())
    found["signal_mcc"] = metrics.mcc(peptides >= 0.5, signal == 1)
    return {name: round(value, 4) for name, value in found.items()}

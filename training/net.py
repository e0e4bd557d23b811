"""The network: a residual stack of dilated 1-D convolutions without normalisation.

    h  = embedding[residue]                                   (width)
    h += B2 relu(A5_d relu(h) + a) + b      for each block    (kernel 5, dilation d; then 1x1)
    o  = W2 relu(W1 relu(h) + w1) + w2                        (21 outputs)

There is nothing to fold at export and nothing that depends on the batch: positions outside the
chain are zero for every convolution, so a padded batch gives what each sequence gives alone.
The last convolution of every block starts at zero (as in Fixup and SkipInit), which takes the
place of normalisation.

A configuration with `recurrent` adds so many bidirectional LSTM layers on top of the blocks. Such a
network can only be a teacher: it sees the whole chain, and the engine has no code for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import alphabets as ab


class Block(nn.Module):
    def __init__(self, width: int, kernel: int, dilation: int, dropout: float):
        super().__init__()
        # 2-D with a height of one: oneDNN has fast channels-last kernels for that case only.
        pad = (kernel // 2) * dilation
        self.wide = nn.Conv2d(width, width, (1, kernel), padding=(0, pad), dilation=(1, dilation))
        self.mix = nn.Conv2d(width, width, 1)
        self.dropout = nn.Dropout2d(dropout)  # whole channels: cheap, and not undone by neighbours
        nn.init.kaiming_normal_(self.wide.weight, nonlinearity="relu")
        nn.init.zeros_(self.wide.bias)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        inner = F.relu(self.wide(F.relu(h) * mask), inplace=True)
        return h + self.mix(self.dropout(inner))


class Recurrent(nn.Module):
    """One LSTM in each direction, mixed back to the width and added: `h += B relu([forward, backward]) + b`."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.onward = nn.LSTM(width, width, batch_first=True)
        self.back = nn.LSTM(width, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(2 * width, width)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, h: Tensor, order: Tensor) -> Tensor:
        """`h` (chains, length, width); `order` (chains, length) turns each chain round and leaves its padding behind it."""
        order = order[:, :, None].expand_as(h)
        there = self.onward(h)[0]
        back = self.back(h.gather(1, order))[0].gather(1, order)
        return h + self.mix(self.dropout(torch.cat([there, back], 2)))


def turned(mask: Tensor) -> Tensor:
    """For each place of a padded batch the place it has when its chain is read backwards."""
    place = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
    last = mask.long().sum(1, keepdim=True) - 1
    return torch.where(place <= last, last - place, place)


class Net(nn.Module):
    """Residue classes (chains, length) and mask (chains, length) to logits (chains, length, 21). While it trains, the
    outputs of `extra` follow them, in the order of the configuration."""

    def __init__(self, config: dict):
        super().__init__()
        width = config["width"]
        self.embed = nn.Embedding(len(ab.INPUTS), width)
        self.blocks = nn.ModuleList(
            Block(width, config["kernel"], dilation, config["dropout"]) for dilation in config["dilations"]
        )
        self.recurrent = nn.ModuleList(Recurrent(width, config["dropout"]) for _ in range(config.get("recurrent", 0)))
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, ab.OUTPUTS)
        # Outputs that only training reads; the export leaves them out.
        self.extra = nn.ModuleDict({name: nn.Linear(width, ab.EXTRA[name]) for name in config.get("extra", ())})
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.zeros_(self.hidden.bias)

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        # (N, L, C) seen as (N, C, 1, L) is channels-last already: no copy.
        h = self.embed(inputs).unsqueeze(1).permute(0, 3, 1, 2)
        inside = mask[:, None, None, :]
        for block in self.blocks:
            h = block(h, inside)
        h = h.permute(0, 2, 3, 1).squeeze(1)
        order = turned(mask) if self.recurrent else mask
        for layer in self.recurrent:
            h = layer(h, order)
        h = F.relu(self.hidden(F.relu(h)))
        if not (self.training and self.extra):
            return self.out(h)
        return torch.cat([self.out(h), *(layer(h) for layer in self.extra.values())], -1)


def build(config: dict) -> Net:
    return Net(config).to(memory_format=torch.channels_last)


def with_all_outputs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network of 19 outputs (up to 0.2.0) as one of 21: what it says of residues that are not
    seen stands for disorder, and it never says signal peptide. Others stay as they are."""
    weight, bias = state["out.weight"], state["out.bias"]
    if len(bias) != ab.OLD_OUTPUTS:
        return state
    dis, none = slice(ab.OUT_DIS, ab.OUT_DIS + 1), torch.full((1,), -30.0, dtype=bias.dtype)
    more = {
        "out.weight": torch.cat([weight, weight[dis], torch.zeros_like(weight[dis])]),
        "out.bias": torch.cat([bias, bias[dis], none]),
    }
    return state | more


def allowed_loss(logits: Tensor, allowed: Tensor, smoothing: float = 0.0) -> Tensor:
    """Summed negative log of the probability of all allowed classes.

    `logits` (n, classes); `allowed` (n,) bit sets; residues with an empty set are left out.
    With one allowed class this is the cross-entropy. `smoothing` is the share of the target that
    is spread over all classes.
    """
    known = allowed != 0
    logits, allowed = logits[known], allowed[known].long()
    classes = torch.arange(logits.shape[1], device=logits.device)
    member = (allowed[:, None] >> classes) & 1
    inside = logits.masked_fill(member == 0, float("-inf"))
    loss = (torch.logsumexp(logits, 1) - torch.logsumexp(inside, 1)).sum()
    if not smoothing:
        return loss
    return (1 - smoothing) * loss - smoothing * F.log_softmax(logits, 1).mean(1).sum()


def binary_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy of one logit a residue; labels are 1, 0, or -1 for unknown."""
    known = labels >= 0
    return F.binary_cross_entropy_with_logits(logits[known], labels[known].float(), reduction="sum")


def losses(logits: Tensor, labels: dict[str, Tensor], smoothing: float = 0.0, extra: Iterable[str] = ()) -> dict[str, Tensor]:
    """Summed loss of each task over the residues (n) that have its label; `labels` as in
    `data.LABELS`, `smoothing` is that of SS8, `extra` the further targets of the configuration.

    `prior` (n, 8), where it is among the labels, is added to the SS8 logits: the log of how much more
    frequent each state is in the set that a residue comes from (logit adjustment for label shift).
    """
    acc_known = ~labels["rsa"].isnan()
    area, acc_logits = labels["rsa"][acc_known], logits[acc_known]
    low, high = ab.ACC_LIMITS
    classes = (area > low).long() + (area > high).long()
    ss_logits = logits[:, ab.OUT_SS8]
    if "prior" in labels:
        ss_logits = ss_logits + labels["prior"]
    found = {
        "ss": allowed_loss(ss_logits, labels["ss"], smoothing),
        "acc": F.cross_entropy(acc_logits[:, ab.OUT_ACC], classes, reduction="sum"),
        "rsa": F.mse_loss(acc_logits[:, ab.OUT_RSA].sigmoid(), area, reduction="sum"),
        "dis": binary_loss(logits[:, ab.OUT_DIS], labels["dis"]),
        "tm": allowed_loss(logits[:, ab.OUT_TM], labels["tm"]),
        "idr": binary_loss(logits[:, ab.OUT_IDR], labels["idr"]),
        "sig": binary_loss(logits[:, ab.OUT_SIG], labels["sig"]),
    }
    start = ab.OUTPUTS
    for name in extra:
        part = logits[:, start : start + ab.EXTRA[name]]
        start += ab.EXTRA[name]
        target = labels[name].float()
        if name == "conservation":
            known = ~target.isnan()
            found[name] = F.mse_loss(part[known, 0].sigmoid(), target[known], reduction="sum")
        else:
            found[name] = -(target * F.log_softmax(part, 1)).sum()  # rows of zeros where it is unknown
    return found

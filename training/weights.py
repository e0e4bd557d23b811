"""Reads and writes the exported model: a safetensors file of half-precision weights.

A file holds one network or several, whose probabilities are averaged: the names of the tensors of
network n begin with `n.`, and `width`, `kernel` and `dilations` of the metadata have an entry for each, with
`;` between them. Layout, chosen for the Rust engine: every matrix is stored input-major, so that one
input's weights to all outputs lie next to each other.

    embed               (21, width)          one row a residue class, in the order of `inputs`
    block.<i>.wide      (kernel, width, width)   tap, input, output
    block.<i>.wide.bias (width)
    block.<i>.mix       (width, width), block.<i>.mix.bias (width)
    hidden              (width, width), hidden.bias (width)
    out                 (width, 21), out.bias (21); up to 0.2.0 the last two are missing

The format is a little-endian length, a JSON header and the raw numbers; it needs no library.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import net


def tensors(models: list[net.Net]) -> dict[str, np.ndarray]:
    """The layout above, float32."""
    return {f"{n}.{name}": array for n, model in enumerate(models) for name, array in of_network(model).items()}


def of_network(model: net.Net) -> dict[str, np.ndarray]:
    get = lambda t: t.detach().to(torch.float32).contiguous().numpy()  # noqa: E731
    found = {"embed": get(model.embed.weight)}
    for i, block in enumerate(model.blocks):
        found[f"block.{i}.wide"] = get(block.wide.weight.squeeze(2).permute(2, 1, 0))
        found[f"block.{i}.wide.bias"] = get(block.wide.bias)
        found[f"block.{i}.mix"] = get(block.mix.weight.squeeze(3).squeeze(2).t())
        found[f"block.{i}.mix.bias"] = get(block.mix.bias)
    for name, layer in (("hidden", model.hidden), ("out", model.out)):
        found[name], found[f"{name}.bias"] = get(layer.weight.t()), get(layer.bias)
    return found


def write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes float16; the same input gives the same bytes."""
    header, body, offset = {"__metadata__": dict(sorted(metadata.items()))}, [], 0
    for name in sorted(arrays):
        raw = np.ascontiguousarray(arrays[name], dtype="<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(arrays[name].shape), "data_offsets": [offset, offset + len(raw)]}
        body.append(raw)
        offset += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(body))


def read(path: Path) -> tuple[list[net.Net], dict[str, str]]:
    """The networks as the Rust engine sees them (half-precision weights, computed in float32)."""
    raw = Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    metadata = header.pop("__metadata__")
    body = raw[8 + size :]

    def tensor(name: str) -> torch.Tensor:
        begin, end = header[name]["data_offsets"]
        array = np.frombuffer(body[begin:end], dtype="<f2").reshape(header[name]["shape"])
        return torch.from_numpy(array.astype(np.float32))

    shapes = zip(*(metadata[name].split(";") for name in ("width", "kernel", "dilations")), strict=True)
    models = []
    for n, (width, kernel, dilations) in enumerate(shapes):
        shape = {"width": int(width), "kernel": int(kernel), "dilations": [int(d) for d in dilations.split(",")]}
        models.append(network(shape, lambda name, n=n: tensor(f"{n}.{name}")))
    return models, metadata


def network(shape: dict, tensor: Callable[[str], torch.Tensor]) -> net.Net:
    """A network of this shape with the tensors of these names."""
    dilations = shape["dilations"]
    config = shape | {"dropout": 0.0}
    model = net.build(config)
    state = {"embed.weight": tensor("embed")}
    for i in range(len(dilations)):
        state[f"blocks.{i}.wide.weight"] = tensor(f"block.{i}.wide").permute(2, 1, 0).unsqueeze(2)
        state[f"blocks.{i}.wide.bias"] = tensor(f"block.{i}.wide.bias")
        state[f"blocks.{i}.mix.weight"] = tensor(f"block.{i}.mix").t()[:, :, None, None]
        state[f"blocks.{i}.mix.bias"] = tensor(f"block.{i}.mix.bias")
    for name in ("hidden", "out"):
        state[f"{name}.weight"], state[f"{name}.bias"] = tensor(name).t(), tensor(f"{name}.bias")
    model.load_state_dict(net.with_all_outputs(state))
    return model.eval()

"""YOLOv3's layers by their numbers in Darknet's network description, and its weight file (Redmon and Farhadi 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rgbtvg.errors import CheckpointError

BLOCKS_PER_STAGE = (1, 2, 8, 8, 4)
HEAD_CHANNELS = 255  # 3 anchors x (4 coordinates + objectness + 80 classes)


@dataclass(frozen=True)
class DarknetLayer:
    """One convolution.

    Args:
        index: its number among the 107 layers.
        name: its path in :class:`Darknet53`, or empty for the detection heads, which that has not.
        in_channels, out_channels, kernel: of the convolution.
        has_norm: whether batch norm follows; otherwise the convolution has a bias.
    """

    index: int
    name: str
    in_channels: int
    out_channels: int
    kernel: int
    has_norm: bool = True


def darknet_layers() -> list[DarknetLayer]:
    """All convolutions, in the order of the network description."""
    layers = [DarknetLayer(0, "stem", 3, 32, 3)]
    index, width = 1, 32
    for stage, blocks in enumerate(BLOCKS_PER_STAGE):
        layers.append(DarknetLayer(index, f"stages.{stage}.0", width, 2 * width, 3))
        width *= 2
        for block in range(1, blocks + 1):
            path = f"stages.{stage}.{block}"
            layers.append(DarknetLayer(index + 1, f"{path}.reduce", width, width // 2, 1))
            layers.append(DarknetLayer(index + 2, f"{path}.restore", width // 2, width, 3))
            index += 3  # two convolutions and the shortcut
        index += 1
    for level, (first, width, entering) in enumerate(((75, 512, 1024), (87, 256, 768), (99, 128, 384))):
        path = f"levels.{level}"
        for i in range(4):
            kernel = 1 if i % 2 == 0 else 3
            source = entering if i == 0 else (width if i % 2 else 2 * width)
            target = width if i % 2 == 0 else 2 * width
            layers.append(DarknetLayer(first + i, f"{path}.body.{i}", source, target, kernel))
        layers.append(DarknetLayer(first + 4, f"{path}.narrow", 2 * width, width, 1))
        layers.append(DarknetLayer(first + 5, "", width, 2 * width, 3))
        layers.append(DarknetLayer(first + 6, "", 2 * width, HEAD_CHANNELS, 1, has_norm=False))
        if level < 2:
            layers.append(DarknetLayer(first + 9, f"{path}.ascend", width, width // 2, 1))
    return layers


def read_darknet_weights(path: str | Path) -> dict[str, Tensor]:
    """State dict of :class:`Darknet53` from ``yolov3.weights``.

    The file is a header of five 32-bit integers (of four in files before version 0.2), then 32-bit floats, all
    little-endian: for every convolution its batch norm's bias, weight, mean and variance, or its own bias, then its
    weight.

    Raises:
        CheckpointError: the file is missing, or its size is not that of YOLOv3.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"initial weights of Darknet-53 not found: {path}. Put yolov3.weights there (pretrain_weights/README.md "
            "says where it is published), or set pretrained=None to start from random weights."
        )
    raw = Path(path).read_bytes()
    major, minor = np.frombuffer(raw[:8].ljust(8, b"\0"), "<i4")
    header = 20 if (major, minor) >= (0, 2) else 16
    layers = darknet_layers()
    expected = header + 4 * sum(count_floats(layer) for layer in layers)
    if len(raw) != expected:
        raise CheckpointError(f"{path} has {len(raw)} bytes, yolov3.weights has {expected}: fetch the file again")
    values = torch.from_numpy(np.frombuffer(raw, "<f4", offset=header).astype(np.float32))
    state, position = {}, 0
    for layer in layers:
        shape = (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)
        parts = ["bn.bias", "bn.weight", "bn.running_mean", "bn.running_var"] if layer.has_norm else ["conv.bias"]
        for part in (*parts, "conv.weight"):
            size = shape if part == "conv.weight" else (layer.out_channels,)
            count = int(np.prod(size))
            if layer.name:
                state[f"{layer.name}.{part}"] = values[position : position + count].reshape(size)
            position += count
    return state


def count_floats(layer: DarknetLayer) -> int:
    """Numbers that the weight file holds of one layer."""
    weight = layer.out_channels * layer.in_channels * layer.kernel**2
    return weight + layer.out_channels * (4 if layer.has_norm else 1)

"""Deterministic tensors for parity checks: the same (seed, name, shape) gives the same values everywhere.

Nothing is downloaded and nothing large is stored: a reference implementation's weights are replaced,
name by name, with `weight(name, shape)`, so that another implementation that knows the names and the
shapes can be filled with the very same numbers and must then give the very same outputs.

Only NumPy is needed; every array is float32.
"""

import math
import zlib

import numpy as np


def normal(name, shape, seed=0):
    """Standard normal float32 array of `shape`, a pure function of (seed, name, shape)."""
    key = zlib.crc32(f"{seed}:{name}".encode())
    values = np.random.Generator(np.random.Philox(key=key)).standard_normal(tuple(shape), dtype=np.float32)
    return np.asarray(values, dtype=np.float32)


def weight(name, shape, seed=0):
    """A parameter or float buffer called `name`, scaled so that activations stay of order one.

    running_var            1 + 0.1 |x|
    running_mean           0.1 x
    0-d or 1-d, '.weight'  1 + 0.1 x      (normalisation scales)
    0-d or 1-d, others     0.02 x         (biases, layer scales, temperatures)
    2-d and more           x / sqrt(fan_in), fan_in = product of all dimensions but the first
    """
    shape = tuple(shape)
    x = normal(name, shape, seed)
    if name.endswith("running_var"):
        x = 1 + 0.1 * np.abs(x)
    elif name.endswith("running_mean"):
        x = 0.1 * x
    elif len(shape) <= 1:
        x = 1 + 0.1 * x if name.endswith("weight") else 0.02 * x
    else:
        x = x / np.float32(math.sqrt(max(1, math.prod(shape[1:]))))
    return np.asarray(x, dtype=np.float32)


def image(name, shape, seed=0):
    """A normalised image batch (B, C, H, W), standard normal."""
    return normal("input:" + name, shape, seed)

"""Read a parity case: what a reference implementation was given and what it answered, as NumPy arrays.

case = load("rgbt_vgnet/small_rgbt_lavs_stage3.json")
case.weights()["clip.base_model.model.logit_scale"]     the reference's own names, filled by `fill.weight`
case.inputs["image"]                                    arrays ready to be turned into tensors
case.compare("pred_box", box)                           largest absolute error where the reference's values are known
"""

import dataclasses
import fnmatch
import json
import pathlib
import re

import fill
import numpy as np


@dataclasses.dataclass
class Case:
    """One case file; `spec` is the whole JSON."""

    path: pathlib.Path
    spec: dict
    inputs: dict

    @property
    def name(self):
        return f"{self.spec['method']}/{self.spec['case']}"

    def is_kept(self, name):
        """Whether the entry is a constant of the reference (index table, fixed position table, counter), not filled."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.spec.get("kept", {}))

    def weights(self):
        """{reference name: float32 array} for every filled entry of the reference's state dict.

        Aliases share the values of the entry that they name; factors under `scale` (regular expression on the name)
        multiply the filled values.
        """
        seed, aliases, scale = self.spec["seed"], self.spec.get("aliases", {}), self.spec.get("scale", {})
        values = {}
        for name, shape in self.spec["state_dict"].items():
            if self.is_kept(name):
                continue
            source = aliases.get(name, name)
            array = fill.weight(source, shape, seed)
            for pattern, factor in scale.items():
                if re.search(pattern, source):
                    array = array * np.float32(factor)
            values[name] = array
        return values

    def compare(self, name, array, outputs=None):
        """(largest absolute error, largest absolute reference value) of an output against the stored values or samples."""
        want = (outputs or self.spec["outputs"])[name]
        got = np.asarray(array)
        if list(got.shape) != list(want["shape"]):
            raise ValueError(f"{self.name}: {name} has shape {list(got.shape)}, the reference gave {want['shape']}")
        if "values" in want:
            expected, got = np.asarray(want["values"], dtype=np.float64), got.astype(np.float64)
        else:
            flat = got.astype(np.float64).reshape(-1)
            index = [int(i) for i in want["samples"]]
            expected, got = np.asarray(list(want["samples"].values()), dtype=np.float64), flat[index]
        if expected.size == 0:
            return 0.0, 0.0
        return float(np.abs(expected - got).max()), float(np.abs(expected).max())


def load(path):
    """Read a case file and build its inputs."""
    path = pathlib.Path(path)
    spec = json.loads(path.read_text())
    seed = spec.get("seed", 0)
    inputs = {}
    for name, how in spec.get("inputs", {}).items():
        inputs[name] = _build(how, inputs, seed)
    return Case(path, spec, inputs)


def _build(how, inputs, seed):
    kind = how["kind"]
    if kind == "values":
        if how.get("dtype") is None:
            return how["values"]
        try:
            return np.asarray(how["values"], dtype=how["dtype"])
        except ValueError:  # one array per sample, of different lengths
            return [np.asarray(v, dtype=how["dtype"]) for v in how["values"]]
    if kind == "normal":
        return fill.normal(how["name"], how["shape"], seed)
    if kind == "weight":
        return fill.weight(how["name"], how["shape"], seed)
    if kind == "image":
        image = fill.image(how["tag"], how["shape"], seed)
        for sample, rect in enumerate(how.get("zero_outside") or []):
            if rect is not None:
                image[sample] *= _rectangle(image.shape[-2:], rect)
        return image
    if kind == "rectangles":
        array = np.full(how["shape"], how["outside"], dtype=how["dtype"])
        for sample, rect in enumerate(how["rects"]):
            array[sample][..., _rectangle(array.shape[-2:], rect)] = how["inside"]
        return array
    if kind == "ellipses":
        return [[_ellipse(how["size"], box) for box in np.reshape(boxes, (-1, 4))] for boxes in inputs[how["boxes"]]]
    raise ValueError(f"unknown kind of input: {kind}")


def _rectangle(size, rect):
    """Boolean (H, W), true in rows [y0, y1) and columns [x0, x1)."""
    y0, y1, x0, x1 = rect
    inside = np.zeros(size, dtype=bool)
    inside[y0:y1, x0:x1] = True
    return inside


def _ellipse(size, box):
    """uint8 (H, W): 1 at pixel centres inside the ellipse inscribed in the box (x0, y0, x1, y1), in pixels."""
    x0, y0, x1, y1 = (float(v) for v in box)
    if x1 <= x0 or y1 <= y0:
        return np.zeros(size, dtype=np.uint8)
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    inside = ((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 <= 1
    return inside.astype(np.uint8)

"""Rules of Darknet-53 as the one-stage methods store it."""

from rgbtvg.checkpoints.darknet_file import darknet_layers
from rgbtvg.checkpoints.rules import Idle, Rename, Rule


def darknet_rules() -> list[Rule]:
    """Rules by the number of the layer; the detection heads are never used."""
    rules: list[Rule] = []
    for layer in darknet_layers():
        theirs, index = f"visumodel.module_list.{layer.index}", layer.index
        if layer.name:
            ours, beyond = f"image_encoder.{layer.name}", "a layer beyond the finest map that is used"
            rules.append(Rename(f"{theirs}.conv_{index}.{{leaf}}", f"{ours}.conv.{{leaf}}", optional=beyond))
            rules.append(Rename(f"{theirs}.batch_norm_{index}.{{leaf}}", f"{ours}.bn.{{leaf}}", optional=beyond))
        else:
            rules.append(Idle(f"{theirs}.{{rest*}}", "the detector's heads are never used"))
    return rules

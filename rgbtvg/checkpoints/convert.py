"""Convert checkpoints of the methods' authors to ours and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from safetensors.torch import save_file
from torch import Tensor

from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.checkpoints.frozen import complete
from rgbtvg.checkpoints.rules import ONE_STREAM, Converted, unwrap
from rgbtvg.errors import CheckpointError
from rgbtvg.registry import MODELS
from rgbtvg.safe_load import load_file


def convert_file(method: str, source: str | Path, target: str | Path, config: Config | None = None) -> Converted:
    """Convert an authors' checkpoint into one that ``tools/test.py`` and ``tools/train.py --load-from`` take.

    Args:
        method: name of a converter (``rgbtvg.checkpoints.converters``).
        source: the authors' file.
        target: where ours goes; ``.safetensors`` or a torch file.
        config: our config of the model. With it every name and shape is checked against the model, and a torch file
            carries the config, so that testing needs nothing else.

    Raises:
        CheckpointError: the file is not this method's, or does not fit the config.
    """
    state = tensors_of(load_file(source), source)
    wanted = MODELS.build(config.model).state_dict() if config is not None else None
    converted = get_converter(method).to_ours(state, wanted)
    if converted.unknown:
        raise CheckpointError(
            f"{source} is no checkpoint of {method}: {len(converted.unknown)} of its {len(state)} names are unknown, "
            f"{converted.unknown[0]} for one"
        )
    if config is not None and wanted is not None:
        check_fit(converted.state, wanted, source)
        check_streams(converted, config.model, source)
    save_state(converted.state, target, {"method": method, "cfg": config.pretty_text if config is not None else ""})
    return converted


def restore_file(method: str, source: str | Path, target: str | Path) -> None:
    """Write a checkpoint of ours under the reference's names, in the container that the authors' code reads."""
    checkpoint = load_file(source)
    state = get_converter(method).to_theirs(tensors_of(checkpoint, source))
    write_weights(state, target, "model")


def tensors_of(checkpoint: Any, source: str | Path) -> dict[str, Tensor]:
    """The state dict inside a loaded file, floats in float32 (some authors store half precision)."""
    state = unwrap(complete(checkpoint, source)) if isinstance(checkpoint, Mapping) else {}
    if not state:
        raise CheckpointError(f"{source} holds no weights")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str | Path) -> None:
    """Every weight of the model is there and has its shape, and nothing is left over."""
    missing = sorted(name for name in wanted if name not in state and wanted[name].is_floating_point())
    surplus = sorted(set(state) - set(wanted))
    differing = sorted(name for name in state if name in wanted and state[name].shape != wanted[name].shape)
    for names, fault in ((missing, "lacks"), (surplus, "has, and the config's model lacks,")):
        if names:
            raise CheckpointError(f"{source} does not fit the config: it {fault} {', '.join(names[:3])}")
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"{source} does not fit the config: {name} is {tuple(state[name].shape)} in the file and "
            f"{tuple(wanted[name].shape)} in the model (image_size, max_length and modality decide the position tables)"
        )


def check_streams(converted: Converted, model: Mapping[str, Any], source: str | Path) -> None:
    """A model of two streams takes what the reference has for two."""
    lost = [name for name, reason in converted.idle.items() if reason == ONE_STREAM]
    if lost and model.get("modality") == "rgbt":
        raise CheckpointError(
            f"{source} does not fit the config: it has {lost[0]} for two streams, which the config's model lacks "
            "(neck, stream_exchange and projections_per_stream decide)"
        )


def save_state(state: Mapping[str, Tensor], target: str | Path, meta: dict[str, str]) -> None:
    """Write weights in MMEngine's container, or as safetensors with `meta` in the header."""
    write_weights(state, target, "state_dict", meta=meta)


def write_weights(state: Mapping[str, Tensor], target: str | Path, key: str, **beside: dict[str, str]) -> None:
    """Write tensors as safetensors, or under `key` in a PyTorch file with what stands `beside` them.

    Raises:
        CheckpointError: the target is a folder.
    """
    target = Path(target)
    if target.is_dir():
        raise CheckpointError(f"{target} is a folder: name the file to write")
    target.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    if target.suffix == ".safetensors":
        save_file(state, target, metadata=beside.get("meta"))
    else:
        torch.save({key: state, **beside}, target)

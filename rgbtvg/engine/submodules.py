"""Find the modules of a model that an option names."""

from __future__ import annotations

import re

from torch import nn

from rgbtvg.errors import ConfigError


def find_modules(model: nn.Module, name: str, option: str) -> list[nn.Module]:
    """Modules of a path; a ``ModuleList`` gives its entries.

    Args:
        model: the model.
        name: such as ``image_encoder``, ``image_encoder.layers`` or ``image_encoder.layers[:6]``.
        option: that names them, for messages.

    Raises:
        ConfigError: the model has no such module.
    """
    matched = re.fullmatch(r"(.*?)(?:\[(-?\d*):(-?\d*)\])?", name)
    assert matched is not None  # the pattern takes every string
    path, first, last = matched.groups()
    module = model
    for index, part in enumerate(path.split(".")):
        children = dict(module.named_children())
        if part not in children:
            owner = ".".join(path.split(".")[:index]) or "the model"
            known = ", ".join(children) or "no submodules"
            raise ConfigError(f"{option} names {name!r}, but {owner} has {known} and no {part!r}")
        module = children[part]
    if isinstance(module, nn.ModuleList):
        return list(module)[slice(*(int(end) if end else None for end in (first, last)))]
    if first is not None:
        raise ConfigError(f"{option} names {name!r}, but {path} is no list of layers")
    return [module]

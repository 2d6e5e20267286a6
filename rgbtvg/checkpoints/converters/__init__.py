"""Converters from the checkpoints that the methods' authors released: one module per method, holding ``CONVERTER``."""

import importlib
import pkgutil

from rgbtvg.checkpoints.rules import Converter
from rgbtvg.errors import CheckpointError


def converter_names() -> list[str]:
    """Methods whose authors' checkpoints can be converted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def get_converter(method: str) -> Converter:
    """The converter of a method.

    Raises:
        CheckpointError: no such method.
    """
    if method not in converter_names():
        raise CheckpointError(f"no converter for {method!r}; there are {', '.join(converter_names())}")
    return importlib.import_module(f"{__name__}.{method}").CONVERTER

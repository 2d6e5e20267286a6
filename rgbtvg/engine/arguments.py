"""Check the arguments in a config against the classes that its ``type`` names build."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mmengine import registry as roots
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from rgbtvg import registry
from rgbtvg.errors import ConfigError

REGISTRIES: tuple[Registry, ...] = tuple(
    value
    for module in (registry, roots)
    for name, value in vars(module).items()
    if isinstance(value, Registry) and not name.startswith("ROOT_")
)
PLAIN_TYPES = ("norm", "value")
"""Values of `type` that name no class: the kinds of gradient clipping."""
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
SCOPES = (registry.SCOPE, "mmengine")
EXTRA_ARGUMENTS = {
    "optimizer wrapper": {"optimizer", "paramwise_cfg", "constructor"},
    "parameter scheduler": {"convert_to_iter_based"},
    "hook": {"priority"},
    "strategy": {"auto_wrap_policy"},
    "CLIPAdapter": {"levels"},
}
"""Registry or class -> keys that MMEngine or the class that owns the part reads before it builds the part."""
ALIASES = {
    "accumulative_counts": "effective_batch_size",
    "batch": "batch_size",
    "bs": "batch_size",
    "clip_grad": "optim_wrapper.clip_grad",
    "clip_max_norm": "optim_wrapper.clip_grad.max_norm",
    "epochs": "max_epochs",
    "gradient_accumulation_steps": "effective_batch_size",
    "img_size": "image_size",
    "imsize": "image_size",
    "learning_rate": "lr",
    "max_query_len": "max_length",
    "num_epochs": "max_epochs",
    "output_dir": "work_dir",
    "samples_per_gpu": "batch_size",
    "seed": "randomness.seed",
    "wd": "weight_decay",
    "workers": "num_workers",
    "workers_per_gpu": "num_workers",
}
"""Words of other programs, which no likeness of letters leads to ours -> our option."""
FOREIGN = ("mmengine", "mmcv", "mmdet", "torch")
FORWARDS = {"DatasetMixture": ("dataset", ()), "EMAHook": ("model", ("ExponentialMovingAverage", "WarmUpEMA"))}
"""Class with ``**kwargs`` -> registry and names of the classes that get them; no names: all classes of the registry."""


def find_classes(name: str) -> list[tuple[Registry, Callable[..., Any]]]:
    """Everything registered as `name`, in the registry of its kind or its parents; nothing is imported."""
    scope, _, last = name.rpartition(".")
    if scope not in ("", *SCOPES):
        return []
    found = []
    for kind in REGISTRIES:
        kind.import_from_location()
        node: Registry | None = kind
        while node is not None and last not in node.module_dict:
            node = node.parent
        if node is not None:
            found.append((kind, node.module_dict[last]))
    return found


def accepted_arguments(name: str) -> set[str] | None:
    """Arguments of what is registered as `name`, its parents' too; None if nothing is, or if any are accepted."""
    found = find_classes(name)
    if not found:
        return None
    accepted: set[str] = set(EXTRA_ARGUMENTS.get(name.rpartition(".")[2], ()))
    for kind, built in found:
        own = _signature(built)
        if own is None:
            return None
        accepted |= own | EXTRA_ARGUMENTS.get(kind.name, set())
    for built in _forwarded(name.rpartition(".")[2]):
        accepted |= _signature(built) or set()
    return accepted


def own_arguments(name: str, registries: Iterable[Registry]) -> set[str]:
    """Arguments of what `registries` themselves hold as `name` that are declared outside of MMEngine and PyTorch."""
    built = [registry.module_dict[name] for registry in registries if name in registry.module_dict]
    built += _forwarded(name)
    functions = [function for target in built for function in _constructors(target)]
    own = [function for function in functions if function.__module__.partition(".")[0] not in FOREIGN]
    return set().union(*(_names(function) or set() for function in own), EXTRA_ARGUMENTS.get(name, set()))


def accepted_keys(place: str, part: Mapping[str, Any]) -> tuple[str, set[str] | None]:
    """(name, arguments) of what is built from the dict at `place`; no arguments where nothing is known of it."""
    name = part.get("type")
    if isinstance(name, str):
        return name, accepted_arguments(name)
    if place in LOADERS:
        return "a data loader", (_signature(DataLoader) or set()) | {"num_batch_per_epoch"}
    return place, set()


def check_arguments(values: Mapping[str, Any], source: str | Path) -> None:
    """Check every ``type`` in a resolved config, and every argument next to it.

    Raises:
        ConfigError: an unknown class, or an argument that the class does not take; the nearest names are given.
    """
    for place in LOADERS:
        name, accepted = accepted_keys(place, {})
        for key in values.get(place) or ():
            if accepted is not None and key not in accepted:
                raise ConfigError(f"{source}: {place}: {unknown_argument(name, key, accepted)}")
    for place, part in typed_parts(values):
        name = part["type"]
        if name in PLAIN_TYPES or name.rpartition(".")[0] not in ("", *SCOPES):
            continue  # a dotted name in a config file is imported by MMEngine
        if not find_classes(name):
            known = [other for kind in REGISTRIES for other in kind.module_dict]
            raise ConfigError(f"{source}: {place} has the unknown type {name!r}{nearest(name, known)}")
        accepted = accepted_arguments(name)
        if accepted is None:
            continue
        for key in part:
            if key not in {"type", "_scope_"} | accepted:
                raise ConfigError(f"{source}: {place} has an unknown argument; {unknown_argument(name, key, accepted)}")


def unknown_argument(name: str, key: str, accepted: set[str]) -> str:
    """The sentence for an argument that class `name` does not take."""
    return f"{name} does not take {key!r}{nearest(key, accepted)}; it takes {', '.join(sorted(accepted))}"


def nearest(name: str, known: Iterable[str]) -> str:
    """'; did you mean ...?' with the name that other programs' word stands for, or up to three similar ones."""
    plain = {str(other).lower(): str(other) for other in known}
    close = [plain[match] for match in difflib.get_close_matches(str(name).lower(), plain, 3, 0.6)]
    alias = ALIASES.get(str(name).lower(), "")
    if alias.partition(".")[0] in plain:
        close = [alias]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def typed_parts(value: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(dotted place, dict) of every dict with a string as its ``type``, outer ones first."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield place, value
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        yield from typed_parts(item, f"{place}.{key}" if place else str(key))


def _forwarded(name: str) -> list[Callable[..., Any]]:
    if name not in FORWARDS:
        return []
    kind, names = FORWARDS[name]
    target = next(other for other in REGISTRIES if other.name == kind)
    return [built for other in names or target.module_dict for _, built in find_classes(other)]


@cache
def _signature(built: Callable[..., Any]) -> set[str] | None:
    """Names of the arguments; those of parents where ``**kwargs`` are handed on. None where they cannot be known."""
    names: set[str] = set()
    for function in _constructors(built):
        found = _names(function)
        if found is None:
            return None
        names |= found
    return names


def _constructors(built: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function, or the ``__init__`` of a class and of those parents to which it hands ``**kwargs`` on."""
    if not inspect.isclass(built):
        return [built]
    functions: list[Callable[..., Any]] = []
    for parent in built.__mro__[:-1]:
        if "__init__" in vars(parent):
            functions.append(vars(parent)["__init__"])
            parameters = inspect.signature(functions[-1]).parameters.values()
            if not any(item.kind is item.VAR_KEYWORD for item in parameters):
                break
    return functions


def _names(function: Callable[..., Any]) -> set[str] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {item.name for item in parameters if item.kind in named} - {"self"}

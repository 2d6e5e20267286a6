"""The config inside a checkpoint is data: what a test takes from it, and what it may say.

Only the model, the preprocessor, the test data and the metrics are taken. Hooks, loggers, loops, folders to write to
and everything else of a run come from `TEST_RUNTIME` and the command line. No value is imported, called or executed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import Registry

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.frozen import looking_at
from rgbtvg.engine.allocation import limited_allocation
from rgbtvg.engine.arguments import own_arguments, typed_parts
from rgbtvg.engine.config import RunConfig, finish, load_config, with_overrides
from rgbtvg.engine.config_text import parse_config_text
from rgbtvg.engine.references import Values, expand_reference, references_in
from rgbtvg.errors import CheckpointError, ConfigError, RGBTVGError, first_line
from rgbtvg.registry import DATASETS, METRICS, MODELS, TASK_UTILS, TRANSFORMS

TEST_RUNTIME: Values = dict(
    default_hooks=dict(
        runtime_info=dict(type="DeferredScalarsHook"),
        timer=dict(type="IterTimerHook"),
        sampler_seed=dict(type="DistSamplerSeedHook"),
        logger=dict(type="SteadyLoggerHook", interval=50),
        param_scheduler=None,
        checkpoint=None,
        matching_checkpoint=dict(type="MatchingCheckpointHook"),
        termination=dict(type="TerminationHook"),
        unreadable_samples=dict(type="UnreadableSamplesHook", max_share=0.01),
        provenance=dict(type="ProvenanceHook"),
        progress_bar=dict(type="ProgressBarHook"),
    ),
    custom_hooks=[],
    custom_imports=dict(imports=[], allow_failed_imports=False),
    log_processor=dict(window_size=50, by_epoch=True),
    log_level="INFO",
    loggers=None,
    test_cfg=dict(type="GroundingTestLoop"),
    randomness=dict(seed=0, deterministic=False, diff_rank_seed=False),
    env_cfg=dict(
        cudnn_benchmark=False,
        mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
        dist_cfg=dict(backend="nccl"),
    ),
    sync_bn=None,
    compile=False,
    tf32=True,
    activation_checkpointing=[],
    find_unused_parameters=False,
    model_wrapper_cfg=None,
    strategy=None,
    launcher="none",
    init_weights_for_test_or_val=False,
    resume=False,
    load_from=None,
    work_dir=None,
)
"""The part of ``configs/_base_/runtime/default.py`` that a test needs."""

TAKEN = ("model", "data_preprocessor", "test_dataloader", "test_evaluator", "modality", "image_size", "max_length")
SAMPLES = ("train_dataloader", "val_dataloader")
"""Loaders of which only the records are taken, to find a sample by its id."""
LOADER_KEYS = ("batch_size", "num_workers", "persistent_workers", "dataset", "collate_fn")
COLLATE = ("collate_grounding", "pseudo_collate")
SAMPLER = dict(type="DefaultSampler", shuffle=False, round_up=False)
INHERITED = {"indices", "test_mode", "data_preprocessor"}
"""Arguments of MMEngine's base classes that a checkpoint may set; others read files, download or write."""
FOREIGN = {"ConcatDataset": {"datasets"}}
"""The one class of MMEngine that a checkpoint may name, with its arguments."""
WRITING = {"out_dir", "cache"}
"""Arguments of this project's classes that name a place to write to."""

KEY = re.compile(r"[A-Za-z_][\w+.-]{0,99}", re.ASCII)
NAME = re.compile(r"[\w+-][\w.+-]{0,99}", re.ASCII)
MAX_STRING = 2000
MAX_NUMBER = 1_000_000
MAX_PIXELS = 8192
"""Largest whole number in a pipeline: the side of an image, or a number of tokens."""
BOUNDS = {"batch_size": (1, 4096), "num_workers": (0, 64)}


def config_from_checkpoint(
    path: str | Path, options: Mapping[str, Any] | None = None, work_dir: str | Path | None = None
) -> RunConfig:
    """Take from a checkpoint's config what a test needs; see the module.

    Args:
        path: a checkpoint that a run has written.
        options: overrides, see :func:`~rgbtvg.engine.config.load_config`.
        work_dir: output folder, by default ``work_dirs/<config name>``.

    Raises:
        CheckpointError: the file has no config, or one that holds anything but plain data and registered names.
        ConfigError: an option is unknown.
    """
    config = _carried_config(path, options, work_dir)
    if config is None:
        raise CheckpointError(f"{path} carries no config: give a config file before --load-from")
    return config


def _carried_config(
    path: str | Path, options: Mapping[str, Any] | None, work_dir: str | Path | None = None
) -> RunConfig | None:
    """:func:`config_from_checkpoint`; None for a checkpoint without a config."""
    checkpoint = load_file(path)
    text = carried_text(checkpoint)
    return None if text is None else config_from_text(text, path, options, work_dir, count_elements(checkpoint))


def config_from_text(
    text: str,
    path: str | Path,
    options: Mapping[str, Any] | None = None,
    work_dir: str | Path | None = None,
    weights: int = 0,
) -> RunConfig:
    """:func:`config_from_checkpoint` for the text of a config, such as one that a test wrote next to its results.

    Args:
        text: as a run writes it.
        path: where it comes from, for messages.
        options, work_dir: see :func:`config_from_checkpoint`.
        weights: tensor elements of the checkpoint; building a model that needs far more is refused.
    """
    values = parse_config_text(text, path, CheckpointError)
    name = str(values.get("config_name", ""))
    values = {key: value for key, value in values.items() if key not in ("default_scope", "data")}
    values["config_name"] = name if NAME.fullmatch(name) else re.sub(r"[^\w+-]", "_", Path(path).stem)
    values = {key: value for key, value in values.items() if key not in TEST_RUNTIME}
    values |= copy.deepcopy(TEST_RUNTIME)
    values = with_overrides(values, options, Path(path), near=False)
    taken = _taken(values)
    try:
        config = finish(taken, Path(path), work_dir or values.get("work_dir"))
    except RGBTVGError as error:
        raise CheckpointError(f"{error}; to run it anyway, give a config file that you trust") from None
    _check(config.to_dict(), path)
    object.__setattr__(config, "weights", weights)
    return config


def config_of_weights(
    checkpoint: str | Path, config: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> RunConfig | None:
    """The config of a checkpoint: its own, or the one of a file for a checkpoint that has none.

    Returns:
        None if there is neither.

    Raises:
        ConfigError: both exist and describe different models.
    """
    own = _carried_config(checkpoint, options)
    if config is None:
        return own
    given = load_config(config, options)
    if own is not None and own.model != given.model:
        raise ConfigError(f"{config} describes another model than the config in {checkpoint}: leave --config out")
    return given


def carried_text(checkpoint: Any) -> str | None:
    """Text of the config in a loaded checkpoint, if it has one."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, Mapping) else None
    text = meta.get("cfg") if isinstance(meta, Mapping) else None
    return text if isinstance(text, str) and text.strip() else None


def trusted_places(config: Any) -> AbstractContextManager[None]:
    """Context in which frozen weights are also looked for where a config says, unless it came with a checkpoint."""
    return looking_at(None if getattr(config, "weights", None) is not None else config.get("model"))


@contextmanager
def building(config: Any, path: str | Path) -> Iterator[None]:
    """Build the parts of a config; one that came with a checkpoint is bounded by the size of its weights.

    Raises:
        CheckpointError: a part of such a config fails, or needs much more memory than the weights.
    """
    weights = getattr(config, "weights", None)
    if weights is None:
        yield
        return
    try:
        with limited_allocation(4 * weights + 100_000_000):
            yield
    except RGBTVGError:
        raise
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(f"the config in {path} cannot be built ({reason}): give a config file") from error


def count_elements(checkpoint: Any) -> int:
    """Elements of all tensors in the weights of a loaded checkpoint."""
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, Mapping):
        return 0
    return sum(value.numel() for value in state.values() if isinstance(value, torch.Tensor))


def _taken(values: Values) -> Values:
    """The parts of `values` that a test takes, with everything that they refer to."""
    kept = {key: values[key] for key in (*TEST_RUNTIME, *TAKEN, "config_name") if key in values}
    if "test_dataloader" in kept:
        loader = _dict(values, kept["test_dataloader"])
        kept["test_dataloader"] = {key: loader[key] for key in LOADER_KEYS if key in loader} | {"sampler": SAMPLER}
    for key in SAMPLES:
        dataset = _dict(values, _dict(values, values.get(key)).get("dataset"))
        if dataset:
            kept[key] = {"dataset": {name: value for name, value in dataset.items() if name != "pipeline"}}
    if "test_evaluator" in kept:
        metrics = expand_reference(values, kept["test_evaluator"])
        metrics = [expand_reference(values, metric) for metric in (metrics if isinstance(metrics, list) else [metrics])]
        kept["test_evaluator"] = [
            {key: value for key, value in metric.items() if key not in WRITING}
            for metric in metrics
            if isinstance(metric, dict)
        ]
    missing = references_in(kept) & values.keys() - kept.keys()
    while missing:
        added = {name: values[name] for name in missing}
        kept |= added
        missing = references_in(added) & values.keys() - kept.keys()
    return kept


def _dict(values: Values, value: Any) -> dict[str, Any]:
    """The dict that `value` is or refers to; empty for anything else."""
    expanded = expand_reference(values, value)
    return expanded if isinstance(expanded, dict) else {}


def _check(values: Values, path: str | Path) -> None:
    """Check the resolved parts that came with the checkpoint."""
    for key, value in values.items():
        if key not in TEST_RUNTIME:
            _check_values(value, key, path)
    loader = _dict(values, values.get("test_dataloader"))
    for key, (low, high) in BOUNDS.items():
        if type(loader.get(key, low)) is not int or not low <= loader.get(key, low) <= high:
            _refuse(path, f"test_dataloader.{key} must be a whole number from {low} to {high}")
    if loader.get("collate_fn", {"type": COLLATE[0]}) not in [{"type": name} for name in COLLATE]:
        _refuse(path, f"test_dataloader.collate_fn must be one of {', '.join(COLLATE)}")
    models, data = (MODELS, TASK_UTILS), (DATASETS, TRANSFORMS)
    parts: dict[str, tuple[Any, tuple[Registry, ...]]] = {
        **{key: (values.get(key), data) for key in SAMPLES},
        "model": (values.get("model"), models),
        "data_preprocessor": (values.get("data_preprocessor"), models),
        "test_dataloader.dataset": (loader.get("dataset"), data),
        "test_evaluator": (values.get("test_evaluator"), (METRICS,)),
    }
    for key, (value, registries) in parts.items():
        for place, part in typed_parts(value, key):
            _check_part(part, place, registries, path)


def _check_part(part: Values, place: str, registries: tuple[Registry, ...], path: str | Path) -> None:
    """A type must be registered in this project's own registry, and its arguments be those of this project."""
    name = part["type"]
    built = next((registry.module_dict[name] for registry in registries if name in registry.module_dict), None)
    if built is None and not (name in FOREIGN and DATASETS in registries):
        _refuse(
            path,
            f"{place} has the type {name!r}, which is not registered; for a class of your own, "
            "--cfg-options custom_imports.imports=[MODULE] imports its module",
        )
    for key in part.keys() - own_arguments(name, registries) - FOREIGN.get(name, set()) - INHERITED - {"type"}:
        _refuse(path, f"{place} sets {key!r} of {name}")


def _check_values(value: Any, place: str, path: str | Path) -> None:
    if isinstance(value, dict):
        if "type" in value and not isinstance(value["type"], str):
            _refuse(path, f"{place}.type is not a name")
        for key, item in value.items():
            if not KEY.fullmatch(key) or key in WRITING | {"_scope_"}:
                _refuse(path, f"{place} has the key {key[:60]!r}")
            _check_values(item, f"{place}.{key}", path)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check_values(item, f"{place}.{index}", path)
    elif isinstance(value, str):
        if len(value) > MAX_STRING or not value.isprintable() or "://" in value:
            _refuse(path, f"{place} is {value[:60]!r}")
    elif isinstance(value, (int, float)):
        limit = MAX_PIXELS if "pipeline" in place else MAX_NUMBER
        if abs(value) > limit:
            _refuse(path, f"{place} is {value}, beyond {limit}")


def _refuse(path: str | Path, reason: str) -> None:
    raise CheckpointError(f"the config in {path} is refused: {reason}; give a config file that you trust instead")

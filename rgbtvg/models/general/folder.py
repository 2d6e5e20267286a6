"""Models of `transformers` from a local folder, without code from the folder or from the network.

A folder of Hugging Face's layout is data, but its JSON files can name code: an attention kernel of a hub, a backbone of
a hub, a quantisation library, an adapter over another model. What is read here names none.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rgbtvg.errors import CheckpointError
from rgbtvg.safe_load import first_line

ATTENTION = (None, "eager", "sdpa")
"""Implementations of attention that are part of PyTorch and `transformers`; others are downloaded and run."""
NAME = re.compile(r"[\w.\-]+")
"""A backbone of timm's own; ``hf_hub:`` and ``local-dir:`` lead elsewhere."""
DATA_SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model")
"""Weights, configurations, chat template, vocabulary; nothing else of a folder is read."""
REFUSED = {
    "quantization_config": "quantised weights, whose libraries bring code of their own",
    "compression_config": "compressed weights, whose libraries bring code of their own",
}


def load_folder(path: str | Path, model_class: str, processor_class: str, parts: tuple[str, ...]) -> tuple[Any, Any]:
    """A model in evaluation mode on the CPU, in the number format of its file, and its processor.

    Args:
        path: folder with ``config.json``, weights in ``.safetensors``, and the files of processor and tokenizer.
        model_class, processor_class: names of classes of `transformers`.
        parts: kinds of models (``model_type``) that may be inside it, such as its backbone's.

    Raises:
        CheckpointError: files are missing, damaged or refused, or belong to another model.
    """
    import transformers

    path = Path(path)
    model_type = getattr(transformers, model_class).config_class.model_type
    values = _checked_configuration(path, model_class, model_type, parts)
    if not list(path.glob("*.safetensors")):
        raise CheckpointError(f"{path} has no weights of {model_class} in safetensors format (model.safetensors)")
    local = dict(local_files_only=True, trust_remote_code=False)
    with _quiet(), _data_files(path, values) as folder:
        try:
            model, report = getattr(transformers, model_class).from_pretrained(
                folder, dtype="auto", use_safetensors=True, output_loading_info=True, **local
            )
        except Exception as error:  # damaged files make transformers fail in any way
            reason = first_line(error)[:200].replace(folder, str(path))
            raise CheckpointError(f"{path} cannot be read as {model_class}: {reason}") from error
        try:
            processor = getattr(transformers, processor_class).from_pretrained(folder, **local)
        except Exception as error:
            reason = first_line(error)[:200].replace(folder, str(path))
            raise CheckpointError(
                f"{path} has no readable processor of {processor_class} (preprocessor_config.json or "
                f"processor_config.json, tokenizer.json, tokenizer_config.json): {reason}"
            ) from error
    _check_weights(path, model_class, model, report)
    return model.eval(), processor


def find_folder(weights: str) -> str:
    """The folder that a config names, or the one of its name below ``pretrain_weights``.

    A checkpoint of another machine names a place of that machine.
    """
    nearby = Path("pretrain_weights", Path(weights).name)
    return str(nearby) if not Path(weights).is_dir() and nearby.is_dir() else weights


def blueprint(path: str | Path, model_class: str, parts: tuple[str, ...], arch: Mapping[str, Any] | None) -> Any:
    """A model without weights, on the current default device.

    Args:
        path: folder whose ``config.json``, if there is one, says the sizes.
        model_class, parts: see :func:`load_folder`.
        arch: the sizes where there is none.

    Raises:
        CheckpointError: there are neither, or ``config.json`` is refused.
    """
    import transformers

    built = getattr(transformers, model_class)
    if Path(path, "config.json").is_file():
        values = _checked_configuration(Path(path), model_class, built.config_class.model_type, parts)
    elif arch is not None:
        values = copy.deepcopy(dict(arch))
        _refuse_code(values, "arch", model_class, parts)
    else:
        raise CheckpointError(
            f"the sizes of {model_class} are unknown: {path} has no config.json, and the config no arch"
        )
    return built(built.config_class.from_dict(values)).eval()


def _check_weights(path: Path, what: str, model: Any, report: Mapping[str, Any]) -> None:
    """Raise an error where `transformers` would go on with random or broken values."""
    missing = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if missing:
        raise CheckpointError(
            f"the weights in {path} do not belong to its config.json: {len(missing)} tensors of {what} are missing or "
            f"of another shape, such as {missing[0]}"
        )
    if not all(parameter.isfinite().all() for parameter in model.parameters()):
        raise CheckpointError(f"the weights in {path} hold NaN or infinite values")


@contextmanager
def _data_files(path: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """A temporary folder with links to the data files of `path` and the checked configuration.

    Processors and tokenizers read the configuration again, so that checking it is not enough.
    """
    with tempfile.TemporaryDirectory() as folder:
        for file in path.iterdir():
            if file.suffix in DATA_SUFFIXES and file.name != "config.json":
                Path(folder, file.name).symlink_to(file.resolve())
        Path(folder, "config.json").write_text(json.dumps(values), encoding="utf-8")
        yield folder


def folder_identity(path: str | Path) -> dict[str, str]:
    """Absolute path of a folder, and a SHA-256 over the files that answers depend on."""
    digest = hashlib.sha256()
    for file in sorted(Path(path).iterdir()):
        if file.suffix in DATA_SUFFIXES and file.is_file():
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(2**24):
                    digest.update(block)
    return dict(path=str(Path(path).absolute()), sha256=digest.hexdigest())


def _checked_configuration(path: Path, what: str, kind: str, parts: tuple[str, ...]) -> dict[str, Any]:
    """Content of ``config.json``, which must be that of the class and name nothing that would be fetched or run."""
    if not path.is_dir():
        raise CheckpointError(
            f"no weights of {what} in {path}: put the files of the model there, or name their folder with "
            "--cfg-options weights=FOLDER (nothing is downloaded)"
        )
    if (path / "adapter_config.json").exists():
        raise CheckpointError(f"{path} holds an adapter over another model: merge it into the model's weights first")
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        found = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} has no readable config.json with a model_type ({first_line(error)[:200]})"
        ) from None
    if found != kind:
        raise CheckpointError(f"{path} holds a model of type {found!r}, and {what} is of type {kind!r}")
    _refuse_code(config, f"config.json in {path}", what, (kind, *parts))
    if isinstance(config.get("backbone"), str) and not config.get("backbone_config"):
        # The old way to name a backbone of timm; transformers would ask the hub whether it has a model of this name.
        kwargs = config.pop("backbone_kwargs", None) or {}
        config["backbone_config"] = {"model_type": "timm_backbone", "backbone": config.pop("backbone"), **kwargs}
    return {key: value for key, value in config.items() if key not in ("use_timm_backbone", "use_pretrained_backbone")}


def _refuse_code(config: Mapping[str, Any], place: str, what: str, kinds: tuple[str, ...]) -> None:
    """Raise an error for a setting that names something to fetch or to run, or a part of another model."""
    for key, value in _settings(dict(config)):
        if key == "model_type" and value not in ("", *kinds):
            raise CheckpointError(f"{place} is refused: {what} has no part of type {value!r}")
        if key.endswith("_implementation") and value not in ATTENTION:
            raise CheckpointError(f"{place} is refused: {key} names code to load ({value!r})")
        if key in ("backbone", "architecture") and isinstance(value, str) and not NAME.fullmatch(value):
            raise CheckpointError(f"{place} is refused: {key} names a model elsewhere ({value!r})")
        if key in REFUSED and value:
            raise CheckpointError(f"{place} is refused: {REFUSED[key]}")


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of all dicts inside a JSON value."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value.items()
            pending += value.values()
        elif isinstance(value, list):
            pending += value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars and reports of `transformers` off the screen; what is wrong is raised as an error."""
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()

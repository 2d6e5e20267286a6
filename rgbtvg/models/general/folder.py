"""Models of `transformers` from a local folder, without code from the folder or from the network.

A folder of Hugging Face's layout is data, but its JSON files can name code: an attention kernel of a hub, a backbone of
a hub, a quantisation library, an adapter over another model. What is read here names none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rgbtvg.errors import CheckpointError

ATTENTION = (None, "eager", "sdpa")
"""Implementations of attention that are part of PyTorch and `transformers`; others are downloaded and run."""
NAME = re.compile(r"[\w.\-]+")
"""A backbone of timm's own; ``hf_hub:`` and ``local-dir:`` lead elsewhere."""
REFUSED = {
    "quantization_config": "quantised weights, whose libraries bring code of their own",
    "compression_config": "compressed weights, whose libraries bring code of their own",
}


def load_model(path: str | Path, model_class: Any, parts: tuple[str, ...]) -> Any:
    """A model in evaluation mode on the CPU, in the number format of its file.

    Args:
        path: folder with ``config.json`` and weights in ``.safetensors``.
        model_class: class of `transformers`.
        parts: kinds of models (``model_type``) that may be inside it, such as its backbone's.

    Raises:
        CheckpointError: the folder, the configuration or the weights are missing, of another model, damaged or refused.
    """
    path = Path(path)
    what = model_class.__name__
    _check_configuration(path, what, model_class.config_class.model_type, parts)
    if not list(path.glob("*.safetensors")):
        raise CheckpointError(f"{path} has no weights in safetensors format (model.safetensors), which {what} needs")
    with _quiet():
        try:
            model, report = model_class.from_pretrained(
                str(path),
                dtype="auto",
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as error:  # damaged files make transformers fail in any way
            raise CheckpointError(f"{path} cannot be read as {what}: {_line(error)}") from error
    # transformers would go on with random values.
    missing = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if missing:
        raise CheckpointError(
            f"the weights in {path} do not belong to its config.json: {len(missing)} tensors of {what} are missing or "
            f"of another shape, such as {missing[0]}"
        )
    if not all(parameter.isfinite().all() for parameter in model.parameters() if parameter.is_floating_point()):
        raise CheckpointError(f"the weights in {path} hold NaN or infinite values")
    return model.eval()


def load_processor(path: str | Path, processor_class: Any) -> Any:
    """The processor of a model: its image transforms and its tokenizer.

    Raises:
        CheckpointError: its files are missing or damaged.
    """
    with _quiet():
        try:
            return processor_class.from_pretrained(str(path), local_files_only=True, trust_remote_code=False)
        except Exception as error:
            raise CheckpointError(
                f"{path} has no readable processor of {processor_class.__name__} (preprocessor_config.json or "
                f"processor_config.json, tokenizer.json, tokenizer_config.json): {_line(error)}"
            ) from error


def folder_identity(path: str | Path) -> dict[str, str]:
    """Absolute path of a folder, and a SHA-256 over its weights and its JSON files."""
    digest = hashlib.sha256()
    for file in sorted(Path(path).iterdir()):
        if file.suffix in (".safetensors", ".json") and file.is_file():
            digest.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(2**24):
                    digest.update(block)
    return dict(path=str(Path(path).absolute()), sha256=digest.hexdigest())


def _check_configuration(path: Path, what: str, kind: str, parts: tuple[str, ...]) -> None:
    """Raise an error unless ``config.json`` is that of the class and names nothing that would be fetched or run."""
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
        raise CheckpointError(f"{path} has no readable config.json with a model_type ({_line(error)})") from None
    if found != kind:
        raise CheckpointError(f"{path} holds a model of type {found!r}, and {what} is of type {kind!r}")
    for key, value in _settings(config):
        if key == "model_type" and value not in ("", kind, *parts):
            raise CheckpointError(f"config.json in {path} is refused: {what} has no part of type {value!r}")
        if key.endswith("_implementation") and value not in ATTENTION:
            raise CheckpointError(f"config.json in {path} is refused: {key} names code to load ({value!r})")
        if key in ("backbone", "architecture") and isinstance(value, str) and not NAME.fullmatch(value):
            raise CheckpointError(f"config.json in {path} is refused: {key} names a model elsewhere ({value!r})")
        if key in REFUSED and value:
            raise CheckpointError(f"config.json in {path} is refused: {REFUSED[key]}")


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


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__

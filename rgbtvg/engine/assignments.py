"""Find top-level names that a config file assigns and that nothing reads, such as a misspelt ``max_epoch``."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from typing import Any

from rgbtvg.engine.references import references_in
from rgbtvg.errors import ConfigError

SECTIONS = {
    *("model", "data_preprocessor", "load_from", "resume", "work_dir", "launcher", "default_scope", "config_name"),
    *(f"{split}_{part}" for split in ("train", "val", "test") for part in ("dataloader", "cfg", "evaluator")),
    *("optim_wrapper", "param_scheduler", "auto_scale_lr", "default_hooks", "custom_hooks", "custom_imports", "data"),
    *("visualizer", "vis_backends", "log_processor", "log_level", "env_cfg", "randomness", "experiment_name"),
    *("strategy", "model_wrapper_cfg", "find_unused_parameters", "effective_batch_size", "activation_checkpointing"),
    *("sync_bn", "compile", "loggers", "_base_"),
    *("dataset", "modality", "image_size", "max_length", "thermal_normalisation", "thermal_range"),
}
"""Top-level values that MMEngine, the runner and the tools read by name; every other one is there to be referred to."""


def check_assignments(path: Path, values: dict[str, Any]) -> None:
    """Refuse a name that `path` assigns and that neither the file, nor a reference, nor the runner reads.

    Args:
        path: a config file; only its own assignments are checked, not those of its bases.
        values: the whole config, with references.

    Raises:
        ConfigError: naming the nearest names that are read.
    """
    if path.suffix != ".py" or "_base_" in path.parts or "config_name" in values:
        return  # a base is there to be inherited, and a config that a run has written holds all values of its bases
    references = references_in(values)
    if references - values.keys():
        return  # the misspelt reference is the error
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    assigned = [
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    inherited = set().union(*(_assigned_by(base) for base in _bases(path, tree)))
    read = {*SECTIONS, *names, *inherited, *references}
    for name in assigned:
        if name not in read and name in values:
            close = difflib.get_close_matches(name, sorted(read & {*values, *SECTIONS}), 3, 0.6)
            raise ConfigError(
                f"{path} assigns {name!r}, which nothing reads"
                + (f"; did you mean {' or '.join(close)}?" if close else "")
                + f" (refer to it by '${name}', or remove it)"
            )


def _bases(path: Path, tree: ast.Module) -> list[Path]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", None) == "_base_":
            try:
                found = ast.literal_eval(statement.value)
            except ValueError:
                return []
            return [path.parent / base for base in ([found] if isinstance(found, str) else found)]
    return []


def _assigned_by(path: Path) -> set[str]:
    """Names that a file or one of its bases assigns."""
    if not path.is_file() or path.suffix != ".py":
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names.union(*(_assigned_by(base) for base in _bases(path, tree)))

"""Validate the state that a run resumes from; a checkpoint is untrusted data.

Only the facts named here are taken, each of a known type and range; everything else in the file is ignored.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor
from torch.optim import Optimizer

from rgbtvg.engine.random_state import preserved_random_state, set_random_state
from rgbtvg.engine.work_dir import STEP_FILE
from rgbtvg.errors import CheckpointError, ConfigError, first_line


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def _is_list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (list, tuple)) and all(check(item) for item in value)


def _is_step_file(value: Any) -> bool:
    return isinstance(value, str) and STEP_FILE.fullmatch(value) is not None


def _are_sentences(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_count(key) and isinstance(text, str) for key, text in value.items())


RUN_FACTS: dict[str, Callable[[Any], bool]] = {
    "kept_checkpoints": _is_list_of(_is_step_file),
    "last_ckpt": _is_step_file,
    "best_score": _is_number,
    "best_epoch": _is_count,
    "last_validation": _is_count,
    "stage": _is_count,
    "early_stopping": _is_list_of(_is_number),
    "non_finite_in_a_row": _is_count,
    "unreadable_samples": _are_sentences,
}
"""Facts that hooks keep in the message hub over a restart -> whether a value can be one."""


def check_state(checkpoint: dict[str, Any], path: str) -> None:
    """Replace the parts that resuming reads by checked ones, in place.

    Args:
        checkpoint: as read from the file.
        path: of the file, for messages.

    Raises:
        CheckpointError: naming the first part that no run has written.
    """
    meta, resume = checkpoint.get("meta"), checkpoint.get("resume")
    optimizer, hub = checkpoint.get("optimizer"), checkpoint.get("message_hub")
    groups = optimizer.get("param_groups") if isinstance(optimizer, dict) else None
    checks = {
        "the position (meta.epoch, meta.iter)": isinstance(meta, dict)
        and all(_is_count(meta.get(key)) for key in ("epoch", "iter")),
        "the optimizer": isinstance(optimizer, dict)
        and isinstance(optimizer.get("state"), dict)
        and all(isinstance(state, dict) for state in optimizer["state"].values())
        and isinstance(groups, list)
        and all(isinstance(group, dict) and isinstance(group.get("params"), list) for group in groups),
        "the message hub": isinstance(hub, dict)
        and all(isinstance(hub.get(key), dict) for key in ("log_scalars", "runtime_info")),
        "the state of the run (resume)": resume is None or _is_run_state(resume),
    }
    for part, holds in checks.items():
        if not holds:
            raise _broken(path, part)
    assert hub is not None  # checked above
    facts = {name: hub["runtime_info"][name] for name in RUN_FACTS if name in hub["runtime_info"]}
    for name, value in facts.items():
        if value is not None and not RUN_FACTS[name](value):
            raise _broken(path, f"{name} in the message hub, {str(value)[:80]!r},")
    scalars = {str(name): _history(history, name, path) for name, history in hub["log_scalars"].items()}
    kept = dict.fromkeys((*scalars, *facts), True)
    checkpoint["message_hub"] = dict(log_scalars=scalars, runtime_info=facts, resumed_keys=kept)
    if resume is not None:
        for state in resume["random_states"]:
            check_random_state(state, path)


def _is_run_state(resume: Any) -> bool:
    return (
        isinstance(resume, dict)
        and all(_is_count(resume.get(key)) and resume[key] for key in ("steps_per_epoch", "samples_per_step"))
        and isinstance(resume.get("random_states"), list)
        and isinstance(resume.get("gradients"), dict)
        and isinstance(resume.get("settings", {}), dict)
    )


def _history(history: Any, name: Any, path: str) -> HistoryBuffer:
    """A logged scalar."""
    try:
        values, counts = (np.asarray(history[key], np.float64) for key in ("values", "counts"))
        if values.ndim != 1 or values.shape != counts.shape:
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError):
        raise _broken(path, f"the logged scalar {str(name)[:80]!r}") from None
    return HistoryBuffer(values, counts)


def check_random_state(state: Any, path: str) -> None:
    """Try a random state out.

    Raises:
        CheckpointError: a generator does not take it.
    """
    try:
        position = state["numpy"][1]
        if not 0 <= int(position) <= 624:
            raise ValueError(f"NumPy's position is {position}, not from 0 to 624")
        with preserved_random_state():
            set_random_state(state)
            random.random(), np.random.rand(), torch.rand(())
    except Exception as error:
        # Generators fail in any way; the states of this process have been put back.
        raise _broken(path, f"a random state ({first_line(error)})") from None


def check_gradients(gradients: Mapping[str, Any], parameters: Mapping[str, Tensor], path: str) -> None:
    """Refuse accumulated gradients that are not those of the model."""
    for name, gradient in gradients.items():
        if name not in parameters or not isinstance(gradient, Tensor) or gradient.shape != parameters[name].shape:
            raise _broken(path, f"the accumulated gradient {str(name)[:80]!r}")


def merged_optimizer_state(saved: dict[str, Any], optimizer: Optimizer, path: str) -> dict:
    """The saved moments under the hyperparameters of this run.

    Args:
        saved: state of the optimizer in the checkpoint.
        optimizer: of this run, with its present learning rates.
        path: of the checkpoint, for messages.

    Raises:
        ConfigError: it is another kind of optimizer, or one of other parameters.
        CheckpointError: a moment is none that this optimizer could have written.
    """
    groups, present = saved["param_groups"], optimizer.state_dict()["param_groups"]
    sizes = [[len(group["params"]) for group in each] for each in (groups, present)]
    advice = "keep them as they were, or start a new training with --load-from"
    if sizes[0] != sizes[1]:
        raise ConfigError(
            f"{path} was trained with {sum(sizes[0])} parameters in {len(sizes[0])} groups of the optimizer, this run "
            f"has {sum(sizes[1])} in {len(sizes[1])}: {advice}"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    order = [key for group in groups for key in group["params"]]
    expected = _state_names(optimizer)
    for key, state in saved["state"].items():
        if key not in order:
            raise _broken(path, f"the optimizer's state of {str(key)[:80]!r}")
        if expected is not None and state.keys() != expected:
            raise ConfigError(
                f"{path} has {', '.join(map(str, state)) or 'no moments'} for each parameter, and "
                f"{type(optimizer).__name__} of this run keeps {', '.join(sorted(expected)) or 'none'}: optimizers "
                f"cannot be exchanged in a run; {advice}"
            )
        parameter = parameters[order.index(key)]
        for name, value in state.items():
            if not _is_moment(name, value, parameter.shape):
                raise _broken(path, f"{name} in the optimizer's state of {key!r}")
            if parameter.ndim == 4 and isinstance(value, Tensor) and name != "step":
                # Fused optimizers need moments in the layout of their parameter (channels first or last).
                channels_last = parameter.is_contiguous(memory_format=torch.channels_last)
                layout = torch.channels_last if channels_last else torch.contiguous_format
                state[name] = value.contiguous(memory_format=layout)
    merged = [dict(new, params=old["params"]) for old, new in zip(groups, present, strict=True)]
    extra = {"loss_scaler": saved["loss_scaler"]} if isinstance(saved.get("loss_scaler"), dict) else {}
    return dict(state=saved["state"], param_groups=merged, **extra)


def _is_moment(name: str, value: Any, shape: torch.Size) -> bool:
    """True if a value can be part of a parameter's state: a tensor like the parameter, or a number such as `step`."""
    if isinstance(value, Tensor) and name != "step":
        return value.layout is torch.strided and value.is_floating_point() and shape == value.shape
    if isinstance(value, Tensor):
        value = value.item() if value.numel() == 1 else None
        return _is_number(value) and 0 <= value < 2**48
    return value is None or (_is_number(value) and 0 <= value < 2**48)


def _state_names(optimizer: Optimizer) -> set[str] | None:
    """State that this optimizer keeps per parameter, from a step of a small one; None if it cannot be built."""
    try:
        parameter = torch.nn.Parameter(torch.zeros(2))
        options = {name: value for name, value in optimizer.param_groups[0].items() if name in optimizer.defaults}
        trial = type(optimizer)([parameter], **options)
        parameter.grad = torch.ones(2)
        trial.step()
        return set(trial.state[parameter])
    except Exception:
        return None  # an optimizer of an unusual kind


def _broken(path: str, part: str) -> CheckpointError:
    return CheckpointError(f"{path} cannot be resumed: {part} is not one that a run has written; --load-from may do")

"""Gradual unfreezing in stages (HiLoRA), as one run.

A stage has its own epochs, learning rate and schedule, unfreezes the first layers of the pre-trained encoders, and may
train on images of its own size.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, broadcast_object_list
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.optim import Optimizer

from rgbtvg.checkpoints import load_file
from rgbtvg.engine.ema import averaged_models, resize_average
from rgbtvg.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from rgbtvg.engine.loops import GroundingTrainLoop
from rgbtvg.engine.resume_settings import advance_schedules, changed_settings, settings_of
from rgbtvg.engine.samples import evaluation_dataloader, training_dataloader
from rgbtvg.engine.work_dir import BEST
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import ConfigError
from rgbtvg.registry import LOOPS

STAGE_VALUES = {
    "epochs": "a whole number from 1 on",
    "lr": "a number above 0",
    "max_layer": "a number of layers, or a share of them from 0.0 to 1.0",
    "text_max_layer": "a number of layers, or a share of them from 0.0 to 1.0",
    "image_size": "a whole number from 1 on",
}
"""Option of a stage -> description of its valid values."""
STAGE_MODES = ("in_process", "reload", "one_schedule")
OPTIMIZERS = ("rebuild", "extend")
STAGE = "stage"
"""Name under which a checkpoint's message hub keeps the number of its stage."""


@LOOPS.register_module()
class StagedTrainLoop(GroundingTrainLoop):
    """Stages one after the other in one run, resumable in the middle of each.

    The model has ``unfreeze_layers(image_depth, text_depth)`` and, where a stage says `image_size`,
    ``set_image_size(pixels)``.

    Args:
        runner: MMEngine's.
        dataloader: config of the data loader.
        stages: each ``dict(epochs=..., lr=..., max_layer=...)``: `max_layer` is the number of the encoders' layers
            that are open (or their share, a float); `text_max_layer`, where it differs, is the text encoder's;
            `image_size` is the side of the network input (the config's own `image_size` is what the finished model
            takes, so the last stage's is that one); where it changes, the best checkpoint is reset.
        max_epochs: epochs in all, if other than the stages' own; every stage keeps its share, see :func:`stretched`.
        stage_mode: ``'in_process'`` goes on with the weights as they are. ``'reload'`` begins every stage with the best
            weights so far by validation, as the references do, whose stages are separate runs that feed each other.
            ``'one_schedule'`` only opens layers: one schedule falls over all epochs, scaled by each stage's `lr`, and
            the optimizer keeps its moments.
        optimizer: ``'rebuild'`` starts a stage with a fresh optimizer, as the references do; ``'extend'`` keeps the
            moments of the parameters that learned before.
        schedule: config of the schedule of each stage, or of all together; its length is filled in.
        **kwargs: `val_begin`, `val_interval`.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict,
        stages: Sequence[Mapping[str, Any]],
        max_epochs: int | None = None,
        stage_mode: str = "in_process",
        optimizer: str = "rebuild",
        schedule: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if hasattr(runner, "strategy"):
            raise ConfigError("StagedTrainLoop does not support `strategy` (FSDP)")
        self.stages = check_stages(stages, runner.cfg.get("image_size"))
        if max_epochs is not None:
            self.stages = stretched(self.stages, max_epochs)
        for name, value, known in (("stage_mode", stage_mode, STAGE_MODES), ("optimizer", optimizer, OPTIMIZERS)):
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        self.stage_mode = stage_mode
        self.keeps_moments = optimizer == "extend" or stage_mode == "one_schedule"
        self.schedule = dict(schedule or dict(type="CosineAnnealingLR", by_epoch=True, eta_min=0.0))
        self.stage: int | None = None
        self.loader_config = copy.deepcopy(dict(dataloader))
        super().__init__(runner, dataloader, max_epochs=sum(self.epochs), **kwargs)
        runner.register_hook(ResumesStage(self), priority="HIGHEST")

    @property
    def epochs(self) -> list[int]:
        """Of every stage."""
        return [stage["epochs"] for stage in self.stages]

    def stage_of(self, epoch: int) -> int:
        """Stage of an epoch, counted from 0."""
        for number, stage in enumerate(self.stages):
            epoch -= stage["epochs"]
            if epoch < 0:
                return number
        return len(self.stages) - 1

    @property
    def schedule_begin(self) -> int:
        """First epoch of the present schedule."""
        return 0 if self.stage_mode == "one_schedule" else sum(self.epochs[: self.stage or 0])

    def run(self) -> nn.Module:
        """Train all stages."""
        model = super().run()
        if self._epoch == self._max_epochs:
            self.keep_best(len(self.stages) - 1)
        return model

    def run_epoch(self) -> None:
        """Run one epoch, entering a new stage first if it starts here."""
        number = self.stage_of(self._epoch)
        if number != self.stage:
            if number:
                self.keep_best(number - 1)
            if number and self.stage_mode == "reload":
                self.reload_best()
            if number and self.stages[number].get("image_size") != self.stages[number - 1].get("image_size"):
                self.forget_best()
            self.enter(number)
        super().run_epoch()

    def keep_best(self, number: int) -> None:
        """Keep the best weights at the end of a stage as ``best_stage_N.pth``."""
        for hook in self.runner.hooks:
            if isinstance(hook, DurableCheckpointHook) and self.runner.message_hub.get_info("best_score") is not None:
                hook.keep_best_of_stage(self.runner, number)
        barrier()

    def enter(self, number: int) -> None:
        """Unfreeze the stage's layers, set its image size, and rebuild optimizer and scheduler."""
        runner, stage = self.runner, self.stages[number]
        model = unwrapped_model(runner)
        if "image_size" in stage:
            model.set_image_size(stage["image_size"])
            for averaged in averaged_models(runner):
                resize_average(averaged, stage["image_size"])
            self.set_image_size(stage["image_size"])
        model.unfreeze_layers(stage["max_layer"], stage.get("text_max_layer"))
        if is_model_wrapper(runner.model):  # DDP fixes its gradient buckets at construction, so wrap again
            runner.model = runner.wrap_model(runner.cfg.get("model_wrapper_cfg"), model)
        self.renew_optimizer(stage)
        self.stage = number
        runner.message_hub.update_info(STAGE, number)
        learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
        runner.logger.info(f"Stage {number}: {stage}, {learning / 1e6:.2f} M parameters learn")

    def renew_optimizer(self, stage: Mapping[str, Any]) -> None:
        """An optimizer of what learns now, with the moments of before where they are kept, and its schedule."""
        runner = self.runner
        before = getattr(runner.optim_wrapper, "optimizer", None)
        config = copy.deepcopy(runner.cfg.optim_wrapper)
        config["optimizer"]["lr"] = stage["lr"]
        runner.optim_wrapper = runner.build_optim_wrapper(config)
        if self.keeps_moments and isinstance(before, Optimizer):
            alive = {p for group in runner.optim_wrapper.optimizer.param_groups for p in group["params"]}
            runner.optim_wrapper.optimizer.state.update({p: s for p, s in before.state.items() if p in alive})
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        one = self.stage_mode == "one_schedule"
        schedule = dict(self.schedule)
        length = self.max_epochs if one else stage["epochs"]
        if not schedule.get("by_epoch", True):
            length *= len(self.dataloader)
        schedule.setdefault("T_max" if schedule["type"].startswith("Cosine") else "end", length)
        runner.param_schedulers = runner.build_param_scheduler([schedule])
        if one:
            advance_schedules(runner, self._epoch, self._iter, len(self.dataloader))
        runner.optim_wrapper.initialize_count_status(runner.model, self._iter, self._max_iters)

    def set_image_size(self, image_size: int) -> None:
        """Data loaders of training and validation whose transforms make another image size."""
        self.dataloader = self.runner.build_dataloader(
            training_dataloader(with_image_size(self.loader_config, image_size)), seed=self.runner.seed
        )
        if self.runner.val_loop is not None:
            config = with_image_size(self.runner.cfg.val_dataloader, image_size)
            self.runner.val_loop.dataloader = self.runner.build_dataloader(
                evaluation_dataloader(config), seed=self.runner.seed
            )

    def reload_best(self) -> None:
        """Load the best weights so far, those of this run's work dir."""
        runner, path = self.runner, Path(self.runner.work_dir, BEST)
        chosen = [runner.message_hub.get_info("best_score") is not None]
        broadcast_object_list(chosen)
        if not chosen[0]:
            runner.logger.warning("No validation has chosen a best checkpoint: the stage continues with the weights")
            return
        weights = load_file(path)["state_dict"]
        model = unwrapped_model(runner)
        for part in (model, *(averaged.module for averaged in averaged_models(runner))):
            part.load_state_dict(weights)
        runner.logger.info(f"Stage starts from {path}")

    def forget_best(self) -> None:
        """Discard the best checkpoint: its image size differs."""
        for fact in ("best_score", "best_epoch"):
            self.runner.message_hub.runtime_info.pop(fact, None)


class ResumesStage(Hook):
    """Enters the stage of a checkpoint before the checkpoint is loaded into model and optimizer."""

    def __init__(self, loop: StagedTrainLoop) -> None:
        self.loop = loop

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """`runner.resume` loads the optimizer's state next.

        Raises:
            ConfigError: the run was trained in other stages, or without any.
        """
        if not runner._resume or "optimizer" not in checkpoint:
            return
        number = checkpoint["message_hub"]["runtime_info"].get(STAGE)
        resume = checkpoint.get("resume") or {}
        path = str(runner._load_from)
        changed = changed_settings(resume.get("settings") or {}, settings_of(runner), path)
        if lengths := [change for change in changed if change.startswith("train_cfg.max_epochs:")]:
            raise ConfigError(
                f"{path} cannot be resumed with stages of other lengths ({lengths[0]}): keep max_epochs, or start a "
                "new training with --load-from"
            )
        if number is None or number >= len(self.loop.stages):
            raise ConfigError(f"{path} is of a run without these stages: start a new training with --load-from")
        self.loop.enter(number)


def check_stages(stages: Sequence[Mapping[str, Any]], image_size: int | None) -> list[dict[str, Any]]:
    """The stages, if they can be run.

    Args:
        stages: of the config.
        image_size: of the finished model; None if unknown.

    Raises:
        ConfigError: naming the stage and what is wrong with it.
    """
    if not stages:
        raise ConfigError("stages is empty: give at least one dict(epochs=..., lr=..., max_layer=...)")
    checked = [check_stage(stage, number) for number, stage in enumerate(stages)]
    sizes = [stage.get("image_size") for stage in checked]
    if any(sizes) and (None in sizes or image_size not in (None, sizes[-1])):
        raise ConfigError(
            f"image_size of the stages is {sizes}: either all have one, and the last has the config's ({image_size}), "
            "or none"
        )
    return checked


def check_stage(stage: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The stage, if it says what it must and nothing else."""
    if not isinstance(stage, Mapping):
        raise ConfigError(f"stage {number} must be a dict(epochs=..., lr=..., max_layer=...), got {stage!r}")
    missing, unknown = {"epochs", "lr", "max_layer"} - set(stage), set(stage) - set(STAGE_VALUES)
    if missing or unknown:
        raise ConfigError(
            f"stage {number} {'lacks ' + ', '.join(sorted(missing)) if missing else ''}"
            f"{' and ' * bool(missing and unknown)}{'has unknown ' + ', '.join(sorted(unknown)) if unknown else ''}"
        )
    for name, value in stage.items():
        if not is_stage_value(name, value):
            raise ConfigError(f"{name} of stage {number} must be {STAGE_VALUES[name]}, got {value!r}")
    return dict(stage)


def is_stage_value(name: str, value: Any) -> bool:
    """True if a value satisfies :data:`STAGE_VALUES`; `text_max_layer` defaults to `max_layer`."""
    if value is None or isinstance(value, bool):
        return value is None and name == "text_max_layer"
    if isinstance(value, float):
        return value > 0 if name == "lr" else "layer" in name and 0 <= value <= 1
    return isinstance(value, int) and value >= (0 if "layer" in name else 1)


def stretched(stages: Sequence[Mapping[str, Any]], max_epochs: int) -> list[dict[str, Any]]:
    """The stages in `max_epochs` epochs, each with its share; a stage for which no epoch is left is dropped.

    Ends of stages are rounded down, so that the last stage, which opens everything at the final image size, stays: a
    single epoch is one of its.

    Raises:
        ConfigError: `max_epochs` is no whole number from 1 on.
    """
    if not isinstance(max_epochs, int) or max_epochs < 1:
        raise ConfigError(f"max_epochs must be a whole number from 1 on, got {max_epochs!r}")
    total, passed, ends = sum(stage["epochs"] for stage in stages), 0, [0]
    for stage in stages:
        passed += stage["epochs"]
        ends.append(passed * max_epochs // total)
    lengths = [end - begin for begin, end in pairwise(ends)]
    return [{**stage, "epochs": epochs} for stage, epochs in zip(stages, lengths, strict=True) if epochs]


def with_image_size(dataloader: Mapping[str, Any], image_size: int) -> dict[str, Any]:
    """A data loader's config whose transforms that have a `size` make this one."""
    config = copy.deepcopy(dict(dataloader))

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("type"), str) and isinstance(value.get("size"), int):
                value["size"] = image_size
            for item in value.values():
                visit(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                visit(item)

    visit(config["dataset"])
    return config

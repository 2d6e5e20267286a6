"""Training, validation and test loops that resume exactly and continue over unreadable samples."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any, cast

from mmengine.dist import get_world_size
from mmengine.evaluator import Evaluator
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop, ValLoop
from torch import nn
from torch.utils.data import DataLoader, Dataset

from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.engine.prefetch import prefetched
from rgbtvg.engine.random_state import preserved_random_state
from rgbtvg.engine.samples import end_workers_at_exit, evaluation_dataloader, training_dataloader
from rgbtvg.errors import ConfigError, DataError, TrainingError
from rgbtvg.registry import LOOPS


@LOOPS.register_module()
class GroundingTrainLoop(EpochBasedTrainLoop):
    """Epoch-based training that can stop and resume at any step.

    The position in the epoch follows from the number of steps done, so resuming needs no state of the data loader: the
    sampler skips what was consumed. A validation that was due when the run ended is run on resuming.

    Args:
        runner: MMEngine's.
        dataloader: config of the data loader.
        **kwargs: MMEngine's `EpochBasedTrainLoop`: `max_epochs`, `val_begin`, `val_interval`, `dynamic_intervals`.
    """

    def __init__(self, runner: Runner, dataloader: dict, **kwargs: Any) -> None:
        super().__init__(runner, training_dataloader(dataloader), **kwargs)
        check_steps(self.dataloader)
        if isinstance(runner.model, nn.Module):  # a strategy builds its model later
            check_batch_norm(runner.model, self.dataloader)
            check_vocabulary(runner.model, self.dataloader.dataset)
        end_workers_at_exit()
        self.began = False

    def run(self) -> nn.Module:
        """Train until the last epoch, or until a hook sets ``stop_training``."""
        self.began = True
        self.runner.call_hook("before_train")
        done = self.runner.message_hub.get_info("last_validation", 0)
        if self._epoch > done and self._iter == self._epoch * len(self.dataloader):
            self.validate()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            if not self.in_mid_epoch:
                self.validate()
        self.runner.call_hook("after_train")
        return self.runner.model

    @property
    def in_mid_epoch(self) -> bool:
        """True if the epoch was left before its end."""
        return self._iter > self._epoch * len(self.dataloader)

    def run_epoch(self) -> None:
        """One epoch, or what is left of it."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        first = self._iter - self._epoch * len(self.dataloader)
        self.dataloader.sampler.skip(first * self.dataloader.batch_size)
        with preserved_random_state():  # the data loader draws a seed for its workers
            batches = iter(self.dataloader)
        device = next(self.runner.model.parameters()).device
        for index, batch in enumerate(prefetched(batches, device), first):
            self.run_iter(index, batch)
            if self.stop_training and index + 1 < len(self.dataloader):
                return
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: dict) -> None:
        """One step.

        Raises:
            TrainingError: DDP waits for gradients of parameters that took no part in the last step.
        """
        try:
            super().run_iter(idx, data_batch)
        except RuntimeError as error:
            if "Expected to have finished reduction" not in str(error):
                raise
            raise TrainingError(
                "some parameters got no gradient in the last step, for which several processes wait: set "
                "--cfg-options find_unused_parameters=True"
            ) from None

    def validate(self) -> None:
        """Validate if this epoch is one of those that are."""
        self._decide_current_val_interval()
        due = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        if self.runner.val_loop is not None and self._epoch >= self.val_begin and due:
            self.runner.val_loop.run()


def check_steps(loader: DataLoader) -> None:
    """Refuse to train for epochs without a step.

    Raises:
        DataError: there are no rows.
        ConfigError: there are fewer than one batch takes, and ``drop_last`` leaves them out.
    """
    dataset, sampler = cast(Sized, loader.dataset), cast(Sized, loader.sampler)
    if not len(dataset):
        raise DataError("the training set has no rows")
    if not len(loader):
        raise ConfigError(
            f"an epoch would have no step: each of {get_world_size()} processes has {len(sampler)} of "
            f"{len(dataset)} training rows, fewer than its batch of {loader.batch_size}, and "
            "train_dataloader.drop_last leaves an incomplete batch out; lower the batch size or set drop_last=False"
        )


def check_vocabulary(model: nn.Module, dataset: Any) -> None:
    """Refuse a tokenizer with more tokens than the text encoder has rows for.

    Raises:
        ConfigError: it has more, so that some expression would be out of range.
    """
    sizes = (getattr(part, "vocabulary_size", None) for part in model.modules())
    rows = next((size for size in sizes if isinstance(size, int)), None)
    for tokenize in _tokenizers(dataset):
        count = len(tokenize.tokenizer)
        if rows is not None and count > rows:
            raise ConfigError(
                f"the tokenizer {tokenize.tokenizer.name_or_path} has {count} tokens and the text encoder rows for "
                f"{rows}: name the tokenizer of this model (tokenizer=FOLDER), or train with "
                f"model.text_encoder.vocabulary_size={count}"
            )


def _tokenizers(dataset: Any) -> Iterator[Tokenize]:
    """The tokenizers of a dataset's pipeline, and of the datasets that it joins or wraps."""
    for inner in (getattr(dataset, "dataset", None), *getattr(dataset, "datasets", ())):
        if isinstance(inner, Dataset):
            yield from _tokenizers(inner)
    steps = getattr(getattr(dataset, "pipeline", None), "transforms", ())
    yield from (step for step in steps if isinstance(step, Tokenize))


def check_batch_norm(model: nn.Module, loader: DataLoader) -> None:
    """Refuse batches of a single sample for a model that normalises vectors over the batch.

    Raises:
        ConfigError: every batch, or the last one of an epoch, has one sample, of which no variance can be computed.
    """
    name = next((name for name, part in model.named_modules() if isinstance(part, nn.BatchNorm1d)), None)
    drops_last = getattr(loader.batch_sampler, "drop_last", False)
    batch_size = loader.batch_size or 1
    samples = len(cast(Sized, loader.sampler))
    if name is None or (batch_size > 1 and (drops_last or samples % batch_size != 1)):
        return
    which = "every batch" if batch_size == 1 else "the last batch of an epoch"
    raise ConfigError(
        f"{which} of a process has one sample, and {name} (BatchNorm1d) needs two or more: raise the batch size"
        + " or set train_dataloader.drop_last=True" * (batch_size > 1)
    )


if TYPE_CHECKING:

    class EvaluationLoop(ValLoop):
        """MMEngine's ValLoop or TestLoop."""
else:
    EvaluationLoop = object


class SteadyEvaluation(EvaluationLoop):
    """Mixin of an evaluation loop: samples that cannot be read go to the evaluator without a prediction."""

    evaluator: Evaluator

    def __init__(self, runner: Runner, dataloader: dict, evaluator: dict | list, **kwargs: Any) -> None:
        super().__init__(runner, evaluation_dataloader(dataloader), evaluator, **kwargs)
        if isinstance(runner.model, nn.Module):
            check_vocabulary(runner.model, self.dataloader.dataset)
        end_workers_at_exit()

    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Predict the readable samples of a batch, and count all of them."""
        unreadable = data_batch.pop("unreadable")
        if data_batch:
            super().run_iter(idx, data_batch)
        if unreadable:
            self.evaluator.process(data_samples=unreadable, data_batch=None)


@LOOPS.register_module()
class GroundingValLoop(SteadyEvaluation, ValLoop):
    """Validation."""


@LOOPS.register_module()
class GroundingTestLoop(SteadyEvaluation, TestLoop):
    """Test."""

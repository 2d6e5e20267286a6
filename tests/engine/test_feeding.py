"""What a training step moves to the device, and how often it waits for it."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rgbtvg.datasets import collate_grounding
from rgbtvg.engine import train
from rgbtvg.engine.prefetch import one_ahead
from rgbtvg.registry import HOOKS
from tests.engine.staged_tiny import staged_config
from tests.models.batches import collated_batch
from tests.models.test_methods import METHODS, build
from tests.quick import mostly_slow

MATCHING = {"alvg", "simvg"}
"""Methods that solve an assignment on the host: a step has to wait for its costs."""
QUICK = ("rgbt_vgnet",)
CASES = mostly_slow([method for method in METHODS if method not in MATCHING], QUICK)
ONE_PER_BATCH = 7
"""rgb, ir, padding, token ids, their padding, boxes, masks."""


class Traffic(TorchDispatchMode):
    """Counts copies between devices (``copies``) and scalars read on the host (``reads``)."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        name = function._schema.name
        devices = {leaf.device.type for leaf in tree_leaves((args, result)) if isinstance(leaf, torch.Tensor)}
        self.count["reads"] += name == "aten::_local_scalar_dense"
        self.count["copies"] += name in ("aten::_to_copy", "aten::copy_") and len(devices) > 1
        # A tensor made of Python numbers, on a device.
        self.count["copies"] += name == "aten::lift_fresh" and devices != {"cpu"}
        return result


@pytest.mark.parametrize("method", CASES)
def test_a_step_moves_a_few_tensors_and_waits_for_nothing(method, monkeypatch):
    """The device is `meta`, which has no values: whatever would wait for one raises an error."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # `meta` has none
    model = build(method, "rgbt").train().to("meta")
    batch = collated(size=5)
    with Traffic() as traffic:
        total, _ = model.parse_losses(model(**model.data_preprocessor(batch, training=True), mode="loss"))
        total.backward()
    assert traffic.count == {"copies": ONE_PER_BATCH, "reads": 0}


def collated(size: int) -> dict:
    listed = collated_batch("rgbt", size=size)
    rows = zip(*listed["inputs"].values(), listed["data_samples"], strict=True)
    return collate_grounding([dict(inputs=dict(rgb=rgb, ir=ir), data_samples=sample) for rgb, ir, sample in rows])


@HOOKS.register_module()
class CountsReads(Hook):
    """Counts the reads of every step, hooks included.

    Args:
        counts: receives one number per step.
    """

    priority = "HIGHEST"

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.traffic: Traffic | None = None

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._finish()
        self.traffic = Traffic()
        self.traffic.__enter__()

    def after_train_epoch(self, runner: Any) -> None:
        self._finish()

    def _finish(self) -> None:
        if self.traffic is not None:
            self.traffic.__exit__(None, None, None)
            self.counts.append(self.traffic.count["reads"])
            self.traffic = None


def test_a_run_reads_no_scalar_between_two_lines_of_the_log(tmp_path):
    options = {
        "stages": [dict(epochs=1, lr=2.5e-4, max_layer=2)],
        "+optim_wrapper.optimizer.fused": True,
        "optim_wrapper.clip_grad": dict(max_norm=1.0),
        "default_hooks.logger.interval": 2,
        "custom_hooks": [dict(type="CountsReads")],
    }
    runner = train(staged_config(tmp_path / "run", options))
    (counted,) = [hook for hook in runner.hooks if isinstance(hook, CountsReads)]
    assert len(counted.counts) == 3
    assert counted.counts[0] == 0
    assert len(runner.message_hub.get_scalar("train/loss").data[0]) == 3


def test_the_next_item_is_started_before_the_current_one_is_handed_out():
    order: list[str] = []
    for item in one_ahead("abc", lambda name: order.append(f"start {name}") or name, lambda name: name.upper()):
        order.append(f"use {item}")
    assert order == ["start a", "start b", "use A", "start c", "use B", "use C"]

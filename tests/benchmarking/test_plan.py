"""Plans of training a vision-language model: sizes of the published models, and bytes of a step that is really done."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgbtvg.benchmarking import plan as planning
from rgbtvg.benchmarking import rehearsal
from rgbtvg.benchmarking.estimate import gflops_per_pair
from rgbtvg.engine import load_config
from rgbtvg.errors import ConfigError
from rgbtvg.models.general.answers import IGNORED, with_answers
from rgbtvg.registry import MODELS
from tests.models.vlm import tiny
from tests.models.vlm.test_vlm import images, samples
from tests.run_tool import run_tool

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "vlm").glob("*.py"))
BILLIONS = {"qwen3_vl_8b": 8.767, "qwen2_5_vl_3b": 3.755}
"""Parameters of the published models (in their files)."""


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_has_the_size_of_the_published_model(path):
    config = load_config(path)
    model = rehearsal.on_meta(config)
    assert all(parameter.is_meta for parameter in model.parameters())
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad) / 1e9
    assert frozen == pytest.approx(next(size for name, size in BILLIONS.items() if name in path.stem), abs=0.001)
    parts = planning.parameters_by_part(model)
    assert all(0 < learning < held / 10 for part, (held, learning, _) in parts.items() if part != "thermal")
    assert ("thermal" in parts) == path.stem.endswith("residual")


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("thermal", ["rgb_lora", "residual"])
def test_the_bytes_are_those_of_a_real_step(thermal, checkpointed, tmp_path, monkeypatch):
    weights = tiny.save("Qwen3VL", tmp_path / "base", width=64)
    options = dict(weights=str(weights), max_pixels=4096, thermal_layers=[0, -1], lora_dropout=0.0)
    config = load_config(f"configs/vlm/qwen3_vl_8b_{thermal}.py", options)
    model = MODELS.build(config.model).train()
    lists = list(config.activation_checkpointing) if checkpointed else []
    counted = {}

    def count(batch, answers, padding_id):
        filled, labels = with_answers(batch, answers, padding_id)
        counted.update(text=filled["input_ids"].shape[1] - 12, answer=int((labels != IGNORED).sum(1).max()) + 1)
        return filled, labels

    monkeypatch.setattr("rgbtvg.models.general.writers.with_answers", count)
    planning.enable_activation_checkpointing(model, lists)
    real = planning.saved_bytes(lambda: model(images(2), samples(2), mode="loss"), model)
    monkeypatch.setattr(rehearsal, "ANSWER", counted["answer"])
    monkeypatch.setattr(rehearsal, "QUESTION", counted["text"] - counted["answer"])
    assert planning.step_bytes(config, 2, lists) == pytest.approx(real, rel=0.15)


def test_a_plan_is_printed_by_the_tool(tmp_path, capsys, monkeypatch):
    weights = tiny.save("Qwen2_5VL", tmp_path / "base")
    monkeypatch.setattr(planning, "training_pairs", lambda config: 640)
    options = ("--cfg-options", f"weights={weights}", "max_pixels=4096")
    config = "configs/vlm/qwen2_5_vl_3b_both_images.py"
    assert run_tool("analysis/benchmark.py", config, "--plan", *options) == 0
    printed = capsys.readouterr().out
    assert "vision" in printed and "moments of AdamW" in printed and "20 steps of 32" in printed


def test_other_models_are_not_planned_and_this_one_is_not_measured(capsys):
    assert run_tool("analysis/benchmark.py", "configs/vlm/qwen2_5_vl_3b_rgb_lora.py") == 1
    assert "VLMGrounder is not measured; --plan" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="only VLMGrounder with Qwen3VL or Qwen2_5VL can be planned"):
        planning.plan(load_config("configs/quickstart/quickstart.py"), print)


@pytest.mark.slow
def test_operations_of_a_step_are_counted_for_sweeps():
    """Two for every parameter of a layer and every token, in three passes; attention comes on top."""
    config = load_config("configs/vlm/qwen2_5_vl_3b_rgb_lora.py")
    image = 31 * 32  # tokens; four times as many patches
    products = 3 * 2 * (2.77 * (image + 136) + 0.63 * 4 * image)  # billions of parameters in layers
    assert products < gflops_per_pair(config) < 1.2 * products

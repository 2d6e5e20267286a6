"""The cost program: every method is in its table, and its figures are those of the model."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from rgbtvg.benchmarking.benchmark import measure
from rgbtvg.benchmarking.cost import cpu_threads
from rgbtvg.benchmarking.cost_table import METHODS
from rgbtvg.engine import load_config, parse_options
from tests.models.test_methods import build, grounder_files
from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH
from tests.models.tiny.hivg import config


def test_the_table_has_every_method():
    measured = {load_config(entry.config, parse_options(entry.options)).model.type for entry in METHODS.values()}
    missing = set(grounder_files()) - measured
    assert not missing, f"add configs of {', '.join(sorted(missing))} to METHODS in rgbtvg/benchmarking/cost_table.py"


def test_figures_of_a_small_model(monkeypatch):
    monkeypatch.setattr("rgbtvg.benchmarking.benchmark.PlainCLIP", SmallYardstick)
    settings = Config(dict(model=config("rgb"), image_size=IMAGE_SIZE, max_length=MAX_LENGTH))
    settings.activation_checkpointing = ["image_encoder.layers"]
    figures = measure(settings, train_batch_size=2, max_layer=2, threads=1, rounds=3)
    model = build("hivg", "rgb")
    model.unfreeze_layers(2)
    assert figures["parameters_m"] == pytest.approx(sum(p.numel() for p in model.parameters()) / 1e6)
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert figures["learning_m"] == pytest.approx(learning / 1e6)
    assert figures["C1_gflops"] == pytest.approx(2 * 64**3 / 1e9)
    assert figures["gflops"] > 0
    assert figures["merged_box_difference"] < 1e-5
    assert figures["part_image_encoder_ms"] > 0
    assert figures["train_in_C2"] == pytest.approx(figures["train_ms"] / figures["C2_ms"])
    assert figures["train_peak_gb"] > 0.1


def test_threads_of_a_measurement_end_with_it():
    with cpu_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


class SmallYardstick:
    """A product in place of the whole CLIP."""

    def __init__(self, device: str) -> None:
        self.matrix = torch.randn(64, 64, requires_grad=True)

    @torch.no_grad()
    def inference(self) -> None:
        self.matrix @ self.matrix

    def training(self) -> None:
        (self.matrix @ self.matrix).sum().backward()

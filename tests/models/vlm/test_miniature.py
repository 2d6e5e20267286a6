"""The miniature Qwen3-VL: its pre-training learns, and the small method starts from what is kept of it."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.benchmarking import miniatures
from rgbtvg.engine import load_config
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import MODELS
from tests.models.vlm.test_vlm import images, samples


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return miniatures.save_qwen_start(tmp_path_factory.mktemp("start") / "base")


def build(config: str, weights: object, modality: str) -> VLMGrounder:
    return MODELS.build(load_config(config, {"weights": str(weights), "modality": modality}).model).train()


def test_its_random_start_is_the_same_every_time(start, tmp_path):
    again = miniatures.save_qwen_start(tmp_path / "again")
    assert {file.name: file.read_bytes() for file in start.iterdir()} == {
        file.name: file.read_bytes() for file in again.iterdir()
    }


def test_a_sentence_of_the_set_is_one_token_per_word(start):
    model = build("configs/pretraining/qwen.py", start, "rgb").general
    sentence = "show me the delivery van that gives off little heat"
    assert len(model.processor.tokenizer(sentence).input_ids) == len(sentence.split())


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_the_small_method_starts_from_what_is_kept(start, modality, tmp_path):
    trained = build("configs/pretraining/qwen.py", start, "rgb")
    optimizer = torch.optim.AdamW(trained.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = trained(dict(rgb=images()["rgb"]), samples(), mode="loss")["loss_answer"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    miniatures.write_weights("qwen", trained, tmp_path)

    model = build("configs/miniatures/vlm.py", tmp_path / "qwen", modality)
    own = model.general.model.state_dict()
    for name, tensor in trained.general.model.state_dict().items():
        torch.testing.assert_close(own[name], tensor.half().float(), msg=name)
    loss = model(images(), samples(), mode="loss")["loss_answer"]
    loss.backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name, parameter in model.general.named_parameters()} <= {
        name.removeprefix("general.") for name in learning
    }
    assert (model.residual is not None) == (modality == "rgbt")

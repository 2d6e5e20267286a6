"""Every general model of `transformers`, tiny and untrained, through its own processor."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import rgbtvg.models  # noqa: F401
from rgbtvg.errors import CheckpointError
from rgbtvg.models.general import prompts, writers
from rgbtvg.models.general.base import best_boxes
from rgbtvg.models.general.writers import pieces_of, score_of
from rgbtvg.registry import MODELS
from tests.models.general import tiny

EXPRESSIONS = ["The red car.", "person left of the bus on the road"]
DETECTORS = ("GroundingDINO", "MMGroundingDINO", "OWLv2", "OmDetTurbo")
WRITERS = ("Florence2", "PaliGemma", "Qwen2_5VL", "Qwen3VL")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    return {name: tiny.save(name, root / name) for name in tiny.MODELS}


@pytest.fixture(autouse=True)
def short_answers_without_network(monkeypatch):
    monkeypatch.setattr(writers, "MAX_TOKENS", 12)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))


def build(name: str, folder: Path):
    return MODELS.build(dict(type=name, weights=str(folder)))


def images(count: int = 2, size: tuple[int, int] = (80, 60)) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("name", tiny.MODELS)
def test_finds_the_same_alone_and_in_a_batch(name, folders):
    model = build(name, folders[name])
    shown = images()
    together = model.locate(shown, EXPRESSIONS)
    for image, expression, found in zip(shown, EXPRESSIONS, together, strict=True):
        (alone,) = model.locate([image], [expression])
        torch.testing.assert_close(alone.boxes, found.boxes, atol=1e-2, rtol=1e-4)
        assert (alone.problem is None) == (found.problem is None) == (len(found.boxes) > 0)
        assert found.boxes.shape == (len(found.scores), 4)
        assert ((found.scores >= 0) & (found.scores <= 1)).all() and (found.scores.diff() <= 0).all()
        assert (found.boxes >= 0).all() and (found.boxes <= torch.tensor([80, 60, 80, 60])).all()
        if found.problem:
            assert found.problem.startswith("the answer has no box: ")


@pytest.mark.parametrize("name", DETECTORS)
def test_best_box_of_a_detector_is_that_of_the_librarys_post_processing(name, folders):
    model = build(name, folders[name])
    (image,) = images(1, (50, 90))
    (found,) = model.locate([image], EXPRESSIONS[:1])
    batch = model.inputs([image], EXPRESSIONS[:1])
    with torch.no_grad():
        outputs = model.model(**batch)
    arguments = dict(threshold=0.0, target_sizes=[(90, 50)])
    if name.endswith("DINO"):
        arguments["input_ids"] = batch["input_ids"]
    (theirs,) = model.processor.post_process_grounded_object_detection(outputs, **arguments)
    best = theirs["scores"].argmax()
    torch.testing.assert_close(found.scores[0], theirs["scores"][best], atol=1e-5, rtol=0)
    limits = torch.tensor([50.0, 90.0, 50.0, 90.0])
    expected = torch.minimum(theirs["boxes"][best].clamp(min=0), limits)
    torch.testing.assert_close(found.boxes[0], expected, atol=1e-3, rtol=0)


TEXTS = {
    "Florence2": (["<loc_100>", "<loc_200>", "<loc_499>", "<loc_499>"], (8.04, 12.03, 39.96, 29.97)),
    "PaliGemma": (["<loc0256>", "<loc0128>", "<loc0512>", "<loc0512>", "red"], (10, 15, 40, 30)),
    "Qwen2_5VL": (list("[14,28,42,42]"), (17.5, 35, 52.5, 52.5)),
    "Qwen3VL": (list("[125,250,500,500]"), (10, 15, 40, 30)),
}
"""An answer in tokens -> its box in an image of 80 x 60 pixels; Qwen2.5-VL's is resized to 64 x 48."""


@pytest.mark.parametrize("name", WRITERS)
def test_an_answer_becomes_a_box_with_the_probability_of_its_coordinates(name, folders, monkeypatch):
    model = build(name, folders[name])
    words, box = TEXTS[name]
    tokens = torch.tensor([model.processor.tokenizer.convert_tokens_to_ids([*words, "<eos>", "<pad>"])])
    assert (tokens[0] != 1).all(), "the tiny vocabulary lacks a word"

    class Output:
        sequences = torch.cat((torch.full((1, 3), 9), tokens), dim=1)  # behind a prompt of three tokens
        logits = tuple(torch.full((1, len(model.processor.tokenizer)), 0.0) for _ in tokens[0])

    for step, token in enumerate(tokens[0]):
        Output.logits[step][0, token] = 50.0 if any(map(str.isdigit, (*words, "", "")[step])) else 0.0
    monkeypatch.setattr(model.model, "generate", lambda **_: Output)
    (found,) = model.locate(images(1), EXPRESSIONS[:1])
    assert found.boxes[0].tolist() == pytest.approx(box, abs=1e-3)
    assert found.scores.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("name", WRITERS)
def test_the_text_is_that_of_greedy_generation(name, folders):
    model = build(name, folders[name])
    (found,) = model.locate(images(1), EXPRESSIONS[:1])
    batch = model.inputs([images(1)], [prompts.filled(model.prompt, EXPRESSIONS[0])])
    tokens = model.model.generate(**batch, max_new_tokens=12, do_sample=False)
    if not model.model.config.is_encoder_decoder:
        tokens = tokens[:, batch["input_ids"].shape[1] :]
    text = "".join(pieces_of(model.processor.tokenizer, tokens[0].tolist(), {0, 3}))
    assert found.problem is None or " ".join(text.split())[:20] in found.problem


def test_score_counts_the_digits_of_one_box():
    pieces = ["see", "2", "[", "1", ",", "20", ",", "3", ",", "4", "]", "5"]
    probabilities = [0.1, 0.1, 0.1, 0.2, 0.1, 0.4, 0.1, 0.6, 0.1, 0.8, 0.1, 0.1]
    assert score_of(pieces, probabilities, 4, len("".join(pieces)) - 1) == pytest.approx(0.5)


def test_overlapping_boxes_are_dropped_and_the_rest_is_sorted():
    boxes = torch.tensor([[0.0, 0, 10, 10], [-5, -5, 10, 10.5], [20, 20, 90, 30]])
    found = best_boxes(boxes, torch.tensor([0.2, 0.9, 0.5]), (40, 40))
    assert found.boxes.tolist() == [[0, 0, 10, 10.5], [20, 20, 40, 30]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])


def changed(folder: Path, tmp_path: Path, **values) -> Path:
    """A copy of a model's folder with other values in ``config.json``."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text()) | values
    (copy / "config.json").write_text(json.dumps(config))
    return copy


HOSTILE = {
    "kernel": (dict(attn_implementation="someone/some-kernel"), "names code to load"),
    "private kernel": (dict(_attn_implementation="flash_attention_2"), "names code to load"),
    "kernels by part": (dict(attn_implementation={"text_config": "a/b"}), "names code to load"),
    "kernel of a part": (dict(text_config=dict(model_type="bert", attn_implementation="a/b")), "names code to load"),
    "experts": (dict(experts_implementation="a/b"), "names code to load"),
    "backbone": (dict(backbone="hf_hub:someone/model"), "names a model elsewhere"),
    "backbone in a part": (
        dict(backbone_config=dict(model_type="timm_backbone", backbone="local-dir:/tmp")), "names a model elsewhere"
    ),
    "other part": (dict(text_config=dict(model_type="mamba")), "has no part of type 'mamba'"),
    "quantised": (dict(quantization_config=dict(quant_method="gptq")), "quantised weights"),
    "another model": (dict(model_type="bert"), "holds a model of type 'bert'"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_configuration_that_names_code_is_refused(case, folders, tmp_path):
    values, message = HOSTILE[case]
    with pytest.raises(CheckpointError, match=message):
        build("GroundingDINO", changed(folders["GroundingDINO"], tmp_path, **values))


def test_code_in_the_folder_is_not_run(folders, tmp_path):
    folder = changed(folders["Qwen3VL"], tmp_path, auto_map={"AutoModel": "evil.Model"})
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: pass\nclass Tokenizer: pass\n")
    (folder / "modeling_qwen3_vl.py").write_text((folder / "evil.py").read_text())
    for name in ("tokenizer_config.json", "processor_config.json"):
        values = json.loads((folder / name).read_text())
        values["auto_map"] = dict.fromkeys(("AutoTokenizer", "AutoProcessor", "AutoImageProcessor"), "evil.Tokenizer")
        (folder / name).write_text(json.dumps(values))
    try:
        build("Qwen3VL", folder)
    except CheckpointError as error:
        assert "no readable processor" in str(error)
    assert not (tmp_path / "ran").exists()


def test_a_backbone_by_name_is_not_looked_up(folders, tmp_path):
    """The released OmDet-Turbo names its backbone; transformers asks the hub whether there is such a model."""
    named = dict(backbone="no_such_backbone", use_timm_backbone=True, use_pretrained_backbone=True)
    folder = changed(folders["OmDetTurbo"], tmp_path, **named, backbone_config=None, backbone_kwargs=dict(img_size=64))
    with pytest.raises(CheckpointError, match=r"cannot be read as OmDetTurbo.*no_such_backbone"):
        build("OmDetTurbo", folder)


def test_missing_and_damaged_files_are_one_sentence(folders, tmp_path):
    folder = changed(folders["OWLv2"], tmp_path)
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    first = sorted(tensors)[0]

    def refused(message: str) -> None:
        with pytest.raises(CheckpointError, match=message) as caught:
            build("OWLv2", folder)
        assert "\n" not in str(caught.value)

    save_file({name: tensor for name, tensor in tensors.items() if name != first}, weights, {"format": "pt"})
    refused("do not belong to its config.json: 1 tensors")
    save_file({**tensors, first: tensors[first].new_zeros(3, 3, 3)}, weights, {"format": "pt"})
    refused("copy")
    save_file({**tensors, first: torch.full_like(tensors[first], torch.nan)}, weights, {"format": "pt"})
    refused("hold NaN or infinite values")
    weights.write_bytes(b"nonsense")
    refused("cannot be read as Owlv2ForObjectDetection")
    torch.save(tensors, folder / "pytorch_model.bin")
    weights.unlink()
    refused("has no weights of Owlv2ForObjectDetection in safetensors format")
    save_file(tensors, weights, {"format": "pt"})
    (folder / "tokenizer.json").unlink()
    refused("has no readable processor")
    (folder / "config.json").write_text("[]")
    refused("no readable config.json")
    (folder / "adapter_config.json").write_text("{}")
    refused("an adapter over another model")
    shutil.rmtree(folder)
    refused(r"no weights of Owlv2ForObjectDetection in .*--cfg-options weights=FOLDER")


def test_a_chat_model_without_a_template_is_refused(folders, tmp_path):
    folder = changed(folders["Qwen2_5VL"], tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointError, match="has no chat template"):
        build("Qwen2_5VL", folder)

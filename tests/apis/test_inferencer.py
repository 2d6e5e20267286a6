import numpy as np
import pytest
import torch
from PIL import Image

import rgbtvg
from rgbtvg.datasets.thermal import get_thermal_normalisation
from rgbtvg.errors import CheckpointError, ConfigError, DataError
from tests.apis.conftest import make_config
from tests.run_tool import run_tool

SENTENCE = "the warm car"


def test_a_box_in_pixels_of_the_image(inferencer, images, tmp_path):
    result = inferencer(*images, SENTENCE)
    assert result.expression == SENTENCE
    assert result.boxes.shape == (1, 4) and result.scores.shape == (1,)
    x0, y0, x1, y1 = result.boxes[0]
    assert 0 <= x0 < x1 <= 90 and 0 <= y0 < y1 <= 60
    result.save(tmp_path / "answer.png")
    assert Image.open(tmp_path / "answer.png").width > 2 * 90


def test_building_an_inferencer_leaves_pytorch_as_it_was(inferencer, images):
    inferencer(*images, SENTENCE)
    linear = torch.nn.Linear(64, 64)
    x = torch.randn(64, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(linear(x).pow(3).sum(), x, create_graph=True)
    gradient.sum().backward()
    expected = 6 * (linear(x) * linear.weight.sum(1)) @ linear.weight
    torch.testing.assert_close(x.grad, expected)
    assert not [name for name in torch.library._impls if name.startswith("aten/") and name.endswith("CPU")]


def test_paths_pictures_and_arrays_give_the_same(inferencer, images):
    expected = inferencer(str(images[0]), str(images[1]), SENTENCE).boxes
    pictures = [Image.open(path) for path in images]
    for given in (pictures, [np.asarray(picture) for picture in pictures]):
        assert np.array_equal(inferencer(*given, SENTENCE).boxes, expected)
    assert np.array_equal(inferencer(pictures[0], np.asarray(pictures[1])[..., None], SENTENCE).boxes, expected)


def test_several_sentences_come_back_in_order(inferencer, images):
    sentences = [f"the {kind} {thing}" for kind in ("warm", "cold") for thing in ("car", "person")] * 5
    results = inferencer(*images, sentences)
    assert [result.expression for result in results] == sentences
    for result, sentence in zip(results[:4], sentences[:4], strict=True):
        assert np.allclose(result.boxes, inferencer(*images, sentence).boxes, atol=1e-3)
    assert inferencer(*images, []) == []


@pytest.mark.parametrize("modality, used", [("rgb", 0), ("ir", 1)])
def test_one_camera_is_enough_for_its_model(checkpoints, images, modality, used):
    inferencer = rgbtvg.GroundingInferencer(checkpoints[modality], device="cpu")
    alone = [path if index == used else None for index, path in enumerate(images)]
    result = inferencer(*alone, SENTENCE)
    assert np.array_equal(result.boxes, inferencer(*images, SENTENCE).boxes)
    assert list(result.images) == [modality]
    with pytest.raises(DataError, match=f"no {('RGB', 'thermal')[used]} image was given"):
        inferencer(*reversed(alone), SENTENCE)


def test_a_missing_thermal_image_is_one_sentence(inferencer, images):
    with pytest.raises(DataError, match="this model reads RGB and thermal, but no thermal image was given"):
        inferencer(images[0], None, SENTENCE)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0,), (5, 0), ()])
@pytest.mark.parametrize("stream", [0, 1])
def test_an_array_without_pixels_is_refused(inferencer, images, shape, stream):
    given = list(images)
    given[stream] = np.zeros(shape, np.uint8) if shape else Image.new("RGB", (0, 4))
    with pytest.raises(DataError, match=f"the {('RGB', 'thermal')[stream]} image .*has no pixels"):
        inferencer(*given, SENTENCE)


@pytest.mark.parametrize("expression", [None, 5, b"the car", iter(["the car"]), [SENTENCE, None], "the \ud800 car"])
def test_an_expression_that_is_not_text_is_refused(inferencer, images, expression):
    for ask in (inferencer, inferencer.explain):
        with pytest.raises(DataError, match=r"an expression must be a string, got|is not valid Unicode"):
            ask(*images, expression)


def test_an_array_that_is_no_image_is_refused(inferencer, images):
    with pytest.raises(DataError, match=r"the RGB image .* array of shape \(4, 4, 7\)"):
        inferencer(np.zeros((4, 4, 7)), images[1], SENTENCE)


def test_an_empty_sentence_is_refused(inferencer, images):
    with pytest.raises(DataError, match="expression is empty"):
        inferencer(*images, "  ")


def test_config_beside_checkpoint(checkpoints, images, tokenizer, inferencer):
    config = make_config("rgbt", tokenizer)
    result = rgbtvg.GroundingInferencer(config, checkpoints["rgbt"], device="cpu")(*images, SENTENCE)
    assert np.array_equal(result.boxes, inferencer(*images, SENTENCE).boxes)


def test_options_change_how_thermal_is_normalised_and_shown(checkpoints, images, inferencer, tmp_path):
    options = {"thermal_normalisation": "clahe"}
    changed = rgbtvg.GroundingInferencer(checkpoints["rgbt"], device="cpu", options=options)
    shown = {name: find(*images, SENTENCE).images["ir"] for name, find in (("dataset", inferencer), ("clahe", changed))}
    for name, picture in shown.items():
        expected = get_thermal_normalisation(name).to_8_bit(np.asarray(Image.open(images[1])), "image")
        assert np.array_equal(np.asarray(picture), expected)
    assert not np.array_equal(changed(*images, SENTENCE).boxes, inferencer(*images, SENTENCE).boxes)
    boxes = changed(*images, [SENTENCE, "the cold person"])[0].boxes
    assert np.allclose(boxes, changed(*images, SENTENCE).boxes, atol=1e-3)


def test_a_config_alone_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="a config alone has no trained weights"):
        rgbtvg.GroundingInferencer(make_config("rgb", tokenizer))


def test_a_checkpoint_of_another_model_is_refused(checkpoints, tokenizer):
    with pytest.raises(CheckpointError, match="does not fit the config"):
        rgbtvg.GroundingInferencer(make_config("rgb", tokenizer), checkpoints["rgbt"])


def test_demo_prints_the_box_and_draws_it(checkpoints, images, tmp_path, capsys):
    picture = tmp_path / "answer.jpg"
    assert run_tool("demo.py", "-", images[1], SENTENCE, "--load-from", checkpoints["ir"], "--out", picture) == 0
    assert capsys.readouterr().out.startswith("box x0 y0 x1 y1: ")
    assert Image.open(picture).width >= 480


def test_demo_takes_options(checkpoints, images, tmp_path, capsys):
    arguments = ["demo.py", *images, SENTENCE, "--load-from", checkpoints["rgbt"], "--device", "cpu"]
    assert run_tool(*arguments) == 0
    plain = capsys.readouterr().out
    assert run_tool(*arguments, "--cfg-options", "thermal_normalisation=clahe") == 0
    assert capsys.readouterr().out != plain
    assert run_tool(*arguments, "--cfg-options", "thermal_normalisation=clehe") == 1
    assert "error: no thermal normalisation is named 'clehe'" in capsys.readouterr().err


def test_demo_says_in_one_line_what_is_wrong(checkpoints, images, capsys):
    assert run_tool("demo.py", images[0], "none", SENTENCE, "--load-from", checkpoints["rgbt"]) == 1
    error = capsys.readouterr().err.strip()
    assert error == "error: this model reads RGB and thermal, but no thermal image was given"

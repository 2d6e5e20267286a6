import dataclasses
import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import rgbtvg
from rgbtvg.datasets.masks import decode_union
from rgbtvg.datasets.thermal import get_thermal_normalisation
from rgbtvg.errors import CheckpointError, ConfigError, DataError
from tests.apis.conftest import make_config
from tests.run_tool import run_tool

EXPRESSION = "the warm car"


def test_a_box_in_pixels_of_the_image(inferencer, images, tmp_path):
    result = inferencer(*images, EXPRESSION)
    assert result.expression == EXPRESSION
    assert result.boxes_xyxy.shape == (1, 4) and result.scores.shape == (1,)
    x0, y0, x1, y1 = result.boxes_xyxy[0]
    assert 0 <= x0 < x1 <= 90 and 0 <= y0 < y1 <= 60
    result.save(tmp_path / "answer.png")
    assert Image.open(tmp_path / "answer.png").width > 2 * 90


def test_building_an_inferencer_leaves_pytorch_as_it_was(inferencer, images):
    inferencer(*images, EXPRESSION)
    linear = torch.nn.Linear(64, 64)
    x = torch.randn(64, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(linear(x).pow(3).sum(), x, create_graph=True)
    gradient.sum().backward()
    expected = 6 * (linear(x) * linear.weight.sum(1)) @ linear.weight
    torch.testing.assert_close(x.grad, expected)
    assert not [name for name in torch.library._impls if name.startswith("aten/") and name.endswith("CPU")]


def test_paths_images_and_arrays_give_the_same(inferencer, images):
    expected = inferencer(str(images[0]), str(images[1]), EXPRESSION).boxes_xyxy
    opened = [Image.open(path) for path in images]
    for given in (opened, [np.asarray(each) for each in opened]):
        assert np.array_equal(inferencer(*given, EXPRESSION).boxes_xyxy, expected)
    assert np.array_equal(inferencer(opened[0], np.asarray(opened[1])[..., None], EXPRESSION).boxes_xyxy, expected)


def test_several_expressions_come_back_in_order(inferencer, images):
    expressions = [f"the {kind} {thing}" for kind in ("warm", "cold") for thing in ("car", "person")] * 5
    results = inferencer(*images, expressions)
    assert [result.expression for result in results] == expressions
    for result, expression in zip(results[:4], expressions[:4], strict=True):
        assert np.allclose(result.boxes_xyxy, inferencer(*images, expression).boxes_xyxy, atol=1e-3)
    assert inferencer(*images, []) == []


@pytest.mark.parametrize("modality, used", [("rgb", 0), ("ir", 1)])
def test_one_stream_is_enough_for_its_model(checkpoints, images, modality, used):
    inferencer = rgbtvg.GroundingInferencer(checkpoints[modality], device="cpu")
    alone = [path if index == used else None for index, path in enumerate(images)]
    result = inferencer(*alone, EXPRESSION)
    assert np.array_equal(result.boxes_xyxy, inferencer(*images, EXPRESSION).boxes_xyxy)
    assert list(result.images) == [modality]
    with pytest.raises(DataError, match=f"no {('RGB', 'thermal')[used]} image was given"):
        inferencer(*reversed(alone), EXPRESSION)


def test_a_missing_thermal_image_is_one_sentence(inferencer, images):
    with pytest.raises(DataError, match="this model reads RGB and thermal, but no thermal image was given"):
        inferencer(images[0], None, EXPRESSION)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (0,), (5, 0), ()])
@pytest.mark.parametrize("stream", [0, 1])
def test_an_array_without_pixels_is_refused(inferencer, images, shape, stream):
    given = list(images)
    given[stream] = np.zeros(shape, np.uint8) if shape else Image.new("RGB", (0, 4))
    with pytest.raises(DataError, match=f"the {('RGB', 'thermal')[stream]} image .*has no pixels"):
        inferencer(*given, EXPRESSION)


@pytest.mark.parametrize("expression", [None, 5, b"the car", iter(["the car"]), [EXPRESSION, None], "the \ud800 car"])
def test_an_expression_that_is_not_text_is_refused(inferencer, images, expression):
    for ask in (inferencer, inferencer.explain):
        with pytest.raises(DataError, match=r"an expression must be a string, got|is not valid Unicode"):
            ask(*images, expression)


def test_an_array_that_is_no_image_is_refused(inferencer, images):
    with pytest.raises(DataError, match=r"the RGB image .* array of shape \(4, 4, 7\)"):
        inferencer(np.zeros((4, 4, 7)), images[1], EXPRESSION)


def test_an_empty_expression_is_refused(inferencer, images):
    with pytest.raises(DataError, match="expression is empty"):
        inferencer(*images, "  ")


def test_pairs_in_one_call_are_answered_in_order_and_in_batches(inferencer, images, monkeypatch):
    rgb, thermal = (Image.open(path) for path in images)
    turned = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT), thermal.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sizes, test_step = [], inferencer.model.test_step
    monkeypatch.setattr(
        inferencer.model, "test_step", lambda batch: sizes.append(len(batch["data_samples"])) or test_step(batch)
    )
    count = 9
    results = inferencer(
        [rgb, turned[0]] * count, [thermal, turned[1]] * count, [EXPRESSION, "the cold person"] * count
    )
    assert sizes == [16, 2]
    alone = inferencer(*turned, "the cold person")
    assert [result.expression for result in results[:2]] == [EXPRESSION, "the cold person"]
    assert np.allclose(results[1].boxes_xyxy, alone.boxes_xyxy, atol=1e-3) and np.allclose(
        results[-1].boxes_xyxy, alone.boxes_xyxy, atol=1e-3
    )
    assert len(inferencer([rgb] * 3, [thermal] * 3, EXPRESSION)) == 3
    with pytest.raises(DataError, match="2 RGB images, 1 thermal images"):
        inferencer([rgb] * 2, [thermal], EXPRESSION)
    with pytest.raises(DataError, match="need a list of thermal images too"):
        inferencer([rgb] * 2, thermal, EXPRESSION)


def test_result_as_plain_data_table_and_image(inferencer, images):
    result = inferencer(*images, EXPRESSION)
    fields = json.loads(json.dumps(result.to_dict()))
    assert fields["boxes_xyxy"] == result.boxes_xyxy.tolist() and fields["warnings"] == []
    masked = dataclasses.replace(result, mask=np.eye(60, 90, dtype=bool)).to_dict()["mask"]
    assert np.array_equal(decode_union([masked], (60, 90)), np.eye(60, 90, dtype=bool))
    assert Image.open(io.BytesIO(result._repr_png_())).width > 90
    assert EXPRESSION in repr(result) and "Image" not in repr(result)
    assert json.loads(result.to_json()) == fields
    detections = result.to_supervision()
    assert np.array_equal(detections.xyxy, result.boxes_xyxy) and list(detections["expression"]) == [EXPRESSION]
    table = result.to_pandas()
    assert list(table.columns) == ["expression", "x0", "y0", "x1", "y1", "score"]
    assert np.allclose(table.loc[0, ["x0", "y0", "x1", "y1"]].astype(float), result.boxes_xyxy[0])


def test_an_inferencer_says_what_it_is(inferencer, checkpoints):
    text = repr(inferencer)
    assert (
        text == f"GroundingInferencer(TransVG, modality='rgbt', device='cpu', checkpoint={str(checkpoints['rgbt'])!r})"
    )


@pytest.mark.parametrize(
    "change, warning",
    [
        ({}, None),
        ({"thermal": np.full((60, 90), np.nan, np.float32)}, "the thermal image has no finite value"),
        ({"thermal": np.full((60, 90), 7000, np.uint16)}, "the thermal image is blank"),
        ({"rgb": np.zeros((60, 90, 3), np.uint8)}, "the RGB image is blank"),
        ({"expression": "the car " * 40}, "the expression is cut after"),
        ({"expression": "the xqzv car"}, "the model does not know some words: xqzv"),
        ({"expression": "машина the car"}, "letters of another script"),
    ],
)
def test_reasons_to_distrust_a_result_are_on_it(inferencer, images, change, warning):
    given = {"rgb": images[0], "thermal": images[1], "expression": EXPRESSION, **change}
    result = inferencer(**given)
    assert len(result.boxes_xyxy) == 1
    assert bool(result.warnings) == (warning is not None)
    assert warning is None or (warning in " ".join(result.warnings) and warning in result.summary())


def test_nan_weights_are_a_warning_and_no_box(checkpoints, images, caplog):
    find = rgbtvg.GroundingInferencer(checkpoints["rgbt"], device="cpu")
    with torch.no_grad():
        next(find.model.head.parameters()).fill_(float("nan"))
    result = find(*images, EXPRESSION)
    assert result.boxes_xyxy.shape == (0, 4) and "output is NaN" in result.warnings[0]
    result.draw()


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:99", "gpu", "mps:3", "", "cpu:x"])
def test_a_device_that_is_not_there_is_one_sentence(checkpoints, images, device, capsys):
    if device in ("cuda", "cuda:0") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert run_tool("demo.py", *images, EXPRESSION, "--load-from", checkpoints["rgbt"], "--device", device) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"error: there is no device {device!r} here") and "\n" not in error


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_stripped(checkpoints, images, inferencer, prefix, tmp_path):
    saved = torch.load(checkpoints["rgbt"])
    saved["state_dict"] = {f"{prefix}{name}": tensor for name, tensor in saved["state_dict"].items()}
    torch.save(saved, tmp_path / "wrapped.pth")
    find = rgbtvg.GroundingInferencer(tmp_path / "wrapped.pth", device="cpu")
    assert np.array_equal(find(*images, EXPRESSION).boxes_xyxy, inferencer(*images, EXPRESSION).boxes_xyxy)


def test_the_test_command_strips_the_same_prefixes(quickstart_run, tmp_path):
    saved = torch.load(quickstart_run / "best.pth", weights_only=False)
    saved["state_dict"] = {f"module._orig_mod.{name}": tensor for name, tensor in saved["state_dict"].items()}
    torch.save(saved, tmp_path / "wrapped.pth")
    assert run_tool("test.py", "--load-from", tmp_path / "wrapped.pth", "--work-dir", tmp_path / "test") == 0


def test_eight_threads_build_and_ask_at_once(checkpoints, images, inferencer):
    def answer(number):
        find = rgbtvg.GroundingInferencer(checkpoints["rgbt"], device="cpu")
        return find(*images, EXPRESSION).boxes_xyxy, inferencer(
            *images, f"the {'warm' if number % 2 else 'cold'} car"
        ).boxes_xyxy

    expected = {number: inferencer(*images, f"the {'warm' if number else 'cold'} car").boxes_xyxy for number in (0, 1)}
    with ThreadPoolExecutor(8) as threads:
        for number, (own, shared) in enumerate(threads.map(answer, range(8))):
            assert np.allclose(own, expected[1], atol=1e-3)
            assert np.allclose(shared, expected[number % 2], atol=1e-3)


def test_config_beside_checkpoint(checkpoints, images, tokenizer, inferencer):
    config = make_config("rgbt", tokenizer)
    result = rgbtvg.GroundingInferencer(config, checkpoints["rgbt"], device="cpu")(*images, EXPRESSION)
    assert np.array_equal(result.boxes_xyxy, inferencer(*images, EXPRESSION).boxes_xyxy)


def test_options_change_how_thermal_is_normalised_and_shown(checkpoints, images, inferencer, tmp_path):
    options = {"thermal_normalisation": "clahe"}
    changed = rgbtvg.GroundingInferencer(checkpoints["rgbt"], device="cpu", options=options)
    shown = {
        name: find(*images, EXPRESSION).images["ir"] for name, find in (("dataset", inferencer), ("clahe", changed))
    }
    for name, image in shown.items():
        expected = get_thermal_normalisation(name).to_8_bit(np.asarray(Image.open(images[1])), "image")
        assert np.array_equal(np.asarray(image), expected)
    assert not np.array_equal(changed(*images, EXPRESSION).boxes_xyxy, inferencer(*images, EXPRESSION).boxes_xyxy)
    boxes = changed(*images, [EXPRESSION, "the cold person"])[0].boxes_xyxy
    assert np.allclose(boxes, changed(*images, EXPRESSION).boxes_xyxy, atol=1e-3)


def test_a_config_alone_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="a config alone has no trained weights"):
        rgbtvg.GroundingInferencer(make_config("rgb", tokenizer))


def test_a_checkpoint_of_another_model_is_refused(checkpoints, tokenizer):
    with pytest.raises(CheckpointError, match="does not fit the config"):
        rgbtvg.GroundingInferencer(make_config("rgb", tokenizer), checkpoints["rgbt"])


def test_demo_prints_the_box_and_draws_it(checkpoints, images, tmp_path, capsys):
    image = tmp_path / "answer.jpg"
    assert run_tool("demo.py", "-", images[1], EXPRESSION, "--load-from", checkpoints["ir"], "--out", image) == 0
    assert capsys.readouterr().out.startswith("box x0 y0 x1 y1: ")
    assert Image.open(image).width >= 480


@pytest.fixture
def folders(images, tmp_path):
    """Two pairs in two folders, one RGB image without thermal."""
    for name in ("rgb", "ir"):
        (tmp_path / name).mkdir()
    for name in ("b", "a", "alone"):
        shutil.copy(images[0], tmp_path / f"rgb/{name}{Path(images[0]).suffix}")
    for name in ("a", "b"):
        shutil.copy(images[1], tmp_path / f"ir/{name}{Path(images[1]).suffix}")
    return tmp_path / "rgb", tmp_path / "ir"


def test_folders_give_their_pairs_by_name(inferencer, images, folders):
    results = inferencer(*folders, EXPRESSION)
    assert [Path(result.name).stem for result in results] == ["a", "b"]
    np.testing.assert_allclose(results[0].boxes_xyxy, inferencer(*images, EXPRESSION).boxes_xyxy, rtol=1e-4)
    with pytest.raises(DataError, match="is no folder"):
        inferencer(folders[0], images[1], EXPRESSION)
    with pytest.raises(DataError, match="has one of the same name"):
        inferencer(folders[0], folders[0].parent, EXPRESSION)


def test_demo_on_folders_writes_an_image_and_a_line_per_pair(checkpoints, folders, tmp_path, capsys):
    out, lines = tmp_path / "out", tmp_path / "answers.jsonl"
    assert run_tool("demo.py", *folders, EXPRESSION, "--load-from", checkpoints["rgbt"],
                    "--out", out, "--json", lines) == 0  # fmt: skip
    assert "2 pairs" in capsys.readouterr().out
    assert [path.name for path in sorted(out.iterdir())] == ["a.png", "b.png"]
    assert [Path(json.loads(line)["name"]).stem for line in lines.read_text().splitlines()] == ["a", "b"]


def test_demo_takes_options(checkpoints, images, tmp_path, capsys):
    arguments = ["demo.py", *images, EXPRESSION, "--load-from", checkpoints["rgbt"], "--device", "cpu"]
    assert run_tool(*arguments) == 0
    plain = capsys.readouterr().out
    assert run_tool(*arguments, "--cfg-options", "thermal_normalisation=clahe") == 0
    assert capsys.readouterr().out != plain
    assert run_tool(*arguments, "--cfg-options", "thermal_normalisation=clehe") == 1
    assert "error: no thermal normalisation is named 'clehe'" in capsys.readouterr().err


def test_demo_says_in_one_line_what_is_wrong(checkpoints, images, capsys):
    assert run_tool("demo.py", images[0], "none", EXPRESSION, "--load-from", checkpoints["rgbt"]) == 1
    error = capsys.readouterr().err.strip()
    assert error == "error: this model reads RGB and thermal, but no thermal image was given"

import numpy as np
import pytest
import torch
from PIL import Image

from rgbtvg.datasets.transforms import (
    CheckBoxes,
    DirectionAwareChoice,
    HorizontalFlip,
    LoadImages,
    PadToSquare,
    RandomResizeCrop,
    ResizeLongSide,
    build_transforms,
)
from rgbtvg.errors import ConfigError, DataError

BOX = (40.0, 30.0, 70.0, 90.0)


def make_results(width=160, height=120, box=BOX, expression="the car", thermal=None):
    """A pair in which a white box stands on grey, with its mask."""
    rgb = np.full((height, width, 3), 90, np.uint8)
    x0, y0, x1, y1 = (round(value) for value in box)
    rgb[y0:y1, x0:x1] = 255
    thermal = rgb[..., 0] if thermal is None else np.full((height, width), thermal, np.uint8)
    results = LoadImages("rgbt")(
        {
            "images": {"rgb": rgb, "ir": thermal},
            "image_paths": {"rgb": "x.png"},
            "boxes": [box],
            "expression": expression,
        }
    )
    results["masks"] = (rgb[None, ..., 0] == 255).astype(np.uint8)
    return results


def white_box(image):
    """Corners of what is white in an image (H, W)."""
    rows, columns = np.nonzero(image > 172)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def assert_moved_together(results, tolerance=1.5):
    """Images, mask, box and frame agree on where the target is."""
    box = results["boxes"][0]
    for image in (results["images"]["rgb"][..., 1], results["images"]["ir"], results["masks"][0] * 255):
        np.testing.assert_allclose(white_box(image), box, atol=tolerance)
    from_frame = results["frame"].to_input(torch.from_numpy(results["gt_boxes_xyxy"]))[0].numpy()
    height, width = results["images"]["ir"].shape
    np.testing.assert_allclose(np.clip(from_frame, 0, [width, height, width, height]), box, atol=1e-3)


@pytest.fixture(autouse=True)
def seeded():
    np.random.seed(0)


PIPELINES = {
    "resize": [dict(type="ResizeLongSide", size=100)],
    "enlarge": [dict(type="ResizeLongSide", size=333)],
    "crop": [dict(type="RandomResizeCrop")],
    "flip": [dict(type="HorizontalFlip", prob=1.0)],
    "all": [
        dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=1.0),
        dict(type="HorizontalFlip", prob=1.0),
        dict(type="ResizeLongSide", size=256, scale_steps=4),
    ],
    "flip, resize, crop": [
        dict(type="HorizontalFlip", prob=1.0),
        dict(type="ResizeLongSide", size=200),
        dict(type="RandomResizeCrop", short_sides=(120,), crop_range=(90, 110)),
    ],
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("size", [(160, 120), (120, 160)])
def test_images_masks_boxes_and_frame_move_together(name, size):
    transforms = build_transforms(PIPELINES[name])
    for _ in range(5):
        results = make_results(*size)
        for transform in transforms:
            results = transform(results)
        assert_moved_together(results)


def test_long_side_sizes_are_those_of_the_benchmark_and_of_the_originals():
    assert ResizeLongSide(224, scale_steps=7).sizes == [224, 196, 168, 140, 112, 84, 56]
    assert ResizeLongSide(640, scale_steps=7).sizes == [640, 560, 480, 400, 320, 240, 160]
    assert ResizeLongSide(640, scale_steps=7, scale_stride=32).sizes == [640, 608, 576, 544, 512, 480, 448]
    assert ResizeLongSide(224).sizes == [224]


def test_resize_is_pils_and_sides_are_rounded():
    results = make_results(161, 120)
    expected = Image.fromarray(results["images"]["rgb"]).resize((100, 75), Image.Resampling.BILINEAR)
    resized = ResizeLongSide(100)(results)
    np.testing.assert_array_equal(resized["images"]["rgb"], np.asarray(expected))
    np.testing.assert_allclose(resized["boxes"], np.array([BOX]) * (100 / 161), rtol=1e-6)


@pytest.mark.parametrize("size", [40, 112, 500])
def test_the_quick_resize_differs_by_one_level_at_most(size):
    y, x = np.mgrid[:240, :320]
    image = np.dstack([127 + 120 * np.sin(x / (7 + c)) * np.cos(y / (11 - c)) for c in range(3)]).astype(np.uint8)
    images = {"rgb": image[10:, ::-1], "ir": image[10:, :, 1]}
    exact = ResizeLongSide(size)({**make_results(), "images": dict(images), "masks": np.zeros((0, 230, 320))})
    quick = ResizeLongSide(size, exact=False)(
        {**make_results(), "images": dict(images), "masks": np.zeros((0, 230, 320))}
    )
    for stream, resized in exact["images"].items():
        difference = np.abs(resized.astype(int) - quick["images"][stream])
        assert difference.max() <= 1
        assert difference.mean() < 0.02
        assert resized.shape == quick["images"][stream].shape


def test_every_length_is_drawn():
    transform = ResizeLongSide(224, scale_steps=7)
    drawn = {transform(make_results())["images"]["ir"].shape[1] for _ in range(80)}
    assert drawn == set(transform.sizes)


@pytest.mark.parametrize("thermal", [0, 7, 60, 255])
@pytest.mark.parametrize("size", [96, 160])
def test_premultiplied_resize_is_that_of_an_rgba_image(thermal, size):
    results = make_results(thermal=thermal)
    results["images"]["rgb"] = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    images = dict(results["images"])
    rgba = Image.fromarray(np.dstack((images["rgb"], images["ir"])))
    assert rgba.mode == "RGBA"
    reference = np.asarray(rgba.resize((size, size * 3 // 4), Image.Resampling.BILINEAR))

    compat = ResizeLongSide(size, rgbt_resize="premultiplied")(results)["images"]
    np.testing.assert_array_equal(compat["rgb"], reference[..., :3])
    np.testing.assert_array_equal(compat["ir"], reference[..., 3])

    clean = ResizeLongSide(size)({**make_results(), "images": images})["images"]
    np.testing.assert_array_equal(clean["ir"], compat["ir"])
    if thermal == 255 or size == 160:
        np.testing.assert_array_equal(clean["rgb"], compat["rgb"])
    elif thermal == 0:
        assert compat["rgb"].max() == 0
    else:
        assert (clean["rgb"] != compat["rgb"]).any()


def test_premultiplied_resize_with_thermal_that_varies():
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 4), dtype=np.uint8)
    results = {**make_results(), "images": {"rgb": noise[..., :3], "ir": noise[..., 3]}}
    found = ResizeLongSide(70, rgbt_resize="premultiplied")(results)["images"]
    reference = np.asarray(Image.fromarray(noise).resize((70, 52), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(np.dstack((found["rgb"], found["ir"])), reference)


def test_premultiplied_resize_of_one_stream_is_the_plain_one():
    results = make_results()
    results["images"].pop("ir")
    plain = np.asarray(Image.fromarray(results["images"]["rgb"]).resize((80, 60), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(ResizeLongSide(80, rgbt_resize="premultiplied")(results)["images"]["rgb"], plain)


def test_crop_keeps_the_centre_and_the_documented_sides():
    for _ in range(50):
        results = RandomResizeCrop()(make_results(640, 512, (600.0, 480.0, 630.0, 505.0)))
        height, width = results["images"]["ir"].shape
        x0, y0, x1, y1 = results["boxes"][0]
        assert 0 < (x0 + x1) / 2 < width
        assert 0 < (y0 + y1) / 2 < height
        assert x1 > x0
        assert y1 > y0
        # At the scale of the short side: 384 to 600 pixels of a short side of 400, 500 or 600.
        assert 384 / 600 - 0.01 <= height / 512 <= 1
        assert 384 / 750 - 0.01 <= width / 640 <= 1


def test_crop_of_the_reference_compares_swapped_axes():
    """At the bottom left y is large: the reference accepts cuts to the right of the target, without any of it."""
    emptied = whole = 0
    for _ in range(200):
        results = RandomResizeCrop(swapped_axes=True)(make_results(640, 512, (2.0, 450.0, 12.0, 500.0)))
        x0, _, x1, _ = results["boxes"][0]
        emptied += x0 == x1
        whole += results["images"]["ir"].shape == (512, 640)
    assert emptied > 0
    for _ in range(50):
        results = RandomResizeCrop()(make_results(640, 512, (2.0, 450.0, 12.0, 500.0)))
        assert results["boxes"][0][2] > results["boxes"][0][0]


def test_crop_gives_up_when_no_try_fits():
    results = make_results(box=(159.0, 0.0, 160.0, 1.0))
    results["boxes"] = np.array([[-300.0, 0, 2, 4]], np.float32)
    assert RandomResizeCrop()(results)["images"]["rgb"].shape == (120, 160, 3)


def test_crop_keeps_all_of_several_targets_and_takes_none():
    results = make_results()
    results["boxes"] = np.array([[0, 0, 10, 10], [150, 110, 160, 120]], np.float32)
    found = RandomResizeCrop(tries=500)(results)["boxes"]
    assert (found[:, 2:] > found[:, :2]).all()
    results = make_results()
    results["boxes"] = np.zeros((0, 4), np.float32)
    assert RandomResizeCrop()(results)["boxes"].shape == (0, 4)


@pytest.mark.parametrize(
    ("expression", "whole_word", "substring"),
    [
        ("the car on the LEFT", True, True),
        ("the leftmost car", True, True),
        ("the right-hand car", True, True),
        ("the top-left window", True, True),
        ("the bright stop sign", False, True),
        ("leftover boxes", False, True),
        ("the red car", False, False),
    ],
)
def test_no_crop_for_expressions_that_say_a_direction(expression, whole_word, substring):
    applied = []
    for mode, expected in ((False, whole_word), (True, substring)):
        applied.clear()
        choice = DirectionAwareChoice([lambda results: applied.append(1) or results], prob=1.0, substring=mode)
        choice({"expression": expression})
        assert applied == ([] if expected else [1])


def test_choice_has_its_probability():
    applied = []
    choice = DirectionAwareChoice([lambda results: applied.append(1) or results], prob=0.5)
    for _ in range(1000):
        choice({"expression": "the red car"})
    assert 440 < len(applied) < 560


@pytest.mark.parametrize(
    ("expression", "whole_word", "substring"),
    [
        ("the left car, right of the leftmost one", "the right car, left of the rightmost one", None),
        ("Left-hand and RIGHT", "Right-hand and LEFT", None),
        ("the bright light", "the bright light", "the bleft light"),
        ("leftover", "leftover", "rightover"),
        ("the rightward arrow", "the leftward arrow", None),
    ],
)
def test_flip_swaps_the_words(expression, whole_word, substring):
    assert HorizontalFlip(1.0)(make_results(expression=expression))["expression"] == whole_word
    found = HorizontalFlip(1.0, substring=True)(make_results(expression=expression))["expression"]
    assert found == (substring or whole_word)


def test_two_flips_are_none():
    results = make_results(expression="the left car")
    rgb = results["images"]["rgb"].copy()
    flipped = HorizontalFlip(1.0)(HorizontalFlip(1.0)(results))
    np.testing.assert_array_equal(flipped["images"]["rgb"], rgb)
    np.testing.assert_array_equal(flipped["boxes"], [BOX])
    assert flipped["expression"] == "the left car"
    assert flipped["frame"] == make_results()["frame"]


@pytest.mark.parametrize("width", [101, 100, 64])
def test_centred_padding_is_that_of_the_references(width):
    results = PadToSquare(128)(make_results(width, 60, (1.0, 1.0, 9.0, 9.0)))
    left, top = results["pad_offset"]
    assert left == (128 - width) // 2 == round((128 - width) / 2 - 0.1)
    assert top == 34
    assert results["input_shape"] == (128, 128)


def test_random_padding_reaches_both_ends():
    pad = PadToSquare(64, random=True)
    offsets = np.array([pad(make_results(62, 61, (1.0, 1.0, 9.0, 9.0)))["pad_offset"] for _ in range(200)])
    assert set(offsets[:, 0]) == {0, 1, 2}
    assert set(offsets[:, 1]) == {0, 1, 2, 3}


def test_an_image_that_does_not_fit_is_one_sentence():
    with pytest.raises(ConfigError, match="an image of 160x120 does not fit into 128x128: resize it before"):
        PadToSquare(128)(make_results())


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ((5, 5, 5, 9), "has no area"),
        ((9, 9, 5, 12), "has no area"),
        ((float("nan"), 1, 2, 3), "has no area"),
        ((200, 5, 220, 9), "lies outside the image of 160x120"),
        ((-9, -9, -1, 5), "lies outside the image of 160x120"),
    ],
)
def test_boxes_that_teach_nothing_are_refused(box, fault):
    results = make_results()
    results["gt_boxes_xyxy"] = np.array([box], np.float32)
    with pytest.raises(DataError, match=rf"^the box \(.*\) of x\.png {fault}$"):
        CheckBoxes()(results)


def test_boxes_across_the_border_are_kept_as_they_are():
    results = make_results()
    results["gt_boxes_xyxy"] = np.array([[-20, 100, 30, 150]], np.float32)
    assert CheckBoxes()(results)["gt_boxes_xyxy"].tolist() == [[-20, 100, 30, 150]]


def test_the_same_state_of_numpy_gives_the_same_sample():
    transforms = build_transforms(
        [*PIPELINES["all"], dict(type="ColorJitter"), dict(type="PadToSquare", size=256, random=True)]
    )
    runs = []
    for _ in range(2):
        np.random.seed(7)
        for _ in range(3):
            results = make_results()
            for transform in transforms:
                results = transform(results)
        runs.append(results)
    np.testing.assert_array_equal(runs[0]["images"]["rgb"], runs[1]["images"]["rgb"])
    assert runs[0]["pad_offset"] == runs[1]["pad_offset"]


@pytest.mark.parametrize("options", [{"size": 64, "scale_steps": 9}, {"size": 64, "rgbt_resize": "rgba"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        ResizeLongSide(**options)

import numpy as np
import pytest
from PIL import Image

from rgbtvg.errors import DataError
from rgbtvg.visualization import contact_sheet, draw_grounding, overlay_mask, save_image
from rgbtvg.visualization.drawing import PREDICTION, TRUTH

GREY = (128, 128, 128)


def pair(size=(480, 320)):
    return {"rgb": Image.new("RGB", size, GREY), "ir": Image.new("L", size, 128)}


def count(image, colour):
    """Pixels of exactly this colour."""
    return int((np.asarray(image) == colour).all(axis=-1).sum())


def test_truth_and_prediction_are_drawn_on_both_images():
    box = [100.0, 80.0, 200.0, 180.0]
    one = draw_grounding(
        {"rgb": pair()["rgb"]}, "a car", gt_boxes_xyxy=[box], pred_boxes_xyxy=[[120.0, 90.0, 220.0, 190.0]]
    )
    both = draw_grounding(pair(), "a car", gt_boxes_xyxy=[box], pred_boxes_xyxy=[[120.0, 90.0, 220.0, 190.0]])
    for colour in (TRUTH, PREDICTION):
        assert count(one, colour) > 300
        assert count(both, colour) == 2 * count(one, colour)
    assert both.width > 2 * 480


def test_a_perfect_prediction_does_not_hide_the_truth():
    box = [100.0, 80.0, 200.0, 180.0]
    image = draw_grounding(pair(), "a car", gt_boxes_xyxy=[box], pred_boxes_xyxy=[box])
    assert count(image, TRUTH) > 300
    assert count(image, PREDICTION) > 300


def test_boxes_lie_where_they_belong_after_enlarging():
    image = draw_grounding(
        {"rgb": Image.new("RGB", (60, 40), GREY)}, "a car", pred_boxes_xyxy=[[15.0, 10.0, 45.0, 30.0]]
    )
    assert image.width == 480
    rows, columns = np.nonzero((np.asarray(image) == PREDICTION).all(axis=-1))
    assert (columns.min(), columns.max()) == (15 * 8, 45 * 8)
    assert rows.max() - rows.min() == 20 * 8


def test_a_long_expression_is_cut_and_a_wide_word_broken():
    short = draw_grounding(pair(), "a car")
    long = draw_grounding(pair(), "a very long expression " * 100)
    assert short.height < long.height < short.height + 200
    assert draw_grounding(pair(), "x" * 400 + " 😀 車").width == short.width


def test_nothing_predicted_and_boxes_without_area_are_drawn():
    plain = draw_grounding(pair(), "a car")
    assert count(plain, PREDICTION) == count(plain, TRUTH) == 0
    assert count(draw_grounding(pair(), "a car", pred_boxes_xyxy=[[50.0, 50.0, 50.0, 50.0]]), PREDICTION) > 0


def test_masks_are_translucent():
    mask = np.zeros((320, 480), dtype=bool)
    mask[:, 240:] = True
    pixels = np.asarray(overlay_mask(pair()["rgb"], mask, TRUTH))
    assert tuple(pixels[100, 100]) == GREY
    assert GREY[1] < pixels[100, 400, 1] < TRUTH[1]


def test_sheet_holds_tiles_of_different_sizes():
    tiles = [draw_grounding(pair((480, height)), "a car") for height in (200, 300, 100)]
    sheet = contact_sheet(tiles, columns=2, title="three")
    assert sheet.width > 2 * tiles[0].width
    assert sheet.height > tiles[1].height + tiles[2].height
    assert contact_sheet(tiles[:1], columns=4).width < 2 * tiles[0].width


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot write the image"):
        save_image(Image.new("RGB", (4, 4)), tmp_path / "new" / "image.xyz")

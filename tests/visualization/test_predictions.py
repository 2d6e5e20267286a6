import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.evaluation import save_predictions
from rgbtvg.visualization import draw_row, draw_sheet, select_rows
from rgbtvg.visualization.drawing import PREDICTION, TRUTH
from tests.run_tool import run_tool


def make_row(index, folder=None, **changes):
    return {
        "sample_id": f"d/test/{index:06d}",
        "split": "test",
        "subsets": ["testB"] if index % 2 else ["testA"],
        "conditions": {"lighting": "weak" if index % 2 else "strong"},
        "expression": f"the car number {index}",
        "image_paths": {stream: str(folder / f"{stream}.png") for stream in ("rgb", "ir")} if folder else {},
        "size": [60, 80],
        "gt_boxes_xyxy": [[10, 10, 30, 30]],
        "pred_boxes_xyxy": [[12, 12, 30, 30]],
        "pred_scores": [1.0],
        "iou": index / 10,
        **changes,
    }


@pytest.fixture
def image_folder(tmp_path):
    """A colour image, and thermal of 16 bits and half the size."""
    Image.new("RGB", (80, 60), (90, 120, 90)).save(tmp_path / "rgb.png")
    ramp = np.linspace(20_000, 21_000, 30 * 40).astype(np.uint16).reshape(30, 40)
    Image.fromarray(ramp).save(tmp_path / "ir.png")
    return tmp_path


def ids(rows):
    return [int(row["sample_id"][-6:]) for row in rows]


def test_selection():
    rows = [make_row(i) for i in range(10)]
    assert ids(select_rows(rows, 3, order="worst")) == [0, 1, 2]
    assert ids(select_rows(rows, 3, order="best")) == [9, 8, 7]
    assert ids(select_rows(rows, 2, split="testB", order="first")) == [1, 3]
    assert ids(select_rows(rows, 9, where={"lighting": "strong"}, order="first")) == [0, 2, 4, 6, 8]
    assert ids(select_rows(rows, 5, seed=1)) == ids(select_rows(rows, 5, seed=1)) != ids(select_rows(rows, 5, seed=2))


def test_an_empty_selection_says_what_there_is():
    with pytest.raises(DataError, match="there are splits test, testA and conditions lighting=strong"):
        select_rows([make_row(0)], 3, split="val")


def test_a_pair_is_drawn_in_the_frame_of_the_boxes(image_folder):
    row = make_row(0, image_folder)
    assert draw_row(row, width=200).width > 2 * 200
    assert draw_row(row, "ir", width=200).width == 200
    # Thermal of more than 8 bits is stretched: the ramp shows.
    thermal = np.asarray(draw_row(row | {"gt_boxes_xyxy": [], "pred_boxes_xyxy": []}, "ir", width=80).convert("L"))
    assert thermal.min() < 40


def masks():
    """Truth and prediction as in a row of mask_predictions.json."""
    truth, predicted = np.zeros((2, 60, 80), dtype=bool)
    truth[20:40, 20:40] = True
    predicted[30:50, 50:70] = True
    return dict(
        gt_mask=encode_binary_mask(truth), pred_mask=encode_binary_mask(predicted), gt_boxes_xyxy=[], pred_boxes_xyxy=[]
    )


def test_masks_of_a_row_are_drawn_on_both_streams_and_the_truth_beside(image_folder):
    plain = draw_row(make_row(0, image_folder, gt_boxes_xyxy=[], pred_boxes_xyxy=[]), width=160)
    masked = draw_row(make_row(0, image_folder, **masks()), width=160)
    assert plain.width == 2 * 160 + 6 and masked.width == 3 * 160 + 2 * 6
    assert masked.height == plain.height
    first_row = next(y for y in range(plain.height) if plain.getpixel((80, y)) == (90, 120, 90))

    def at(x, y, image):
        return np.array(masked.getpixel((image * 166 + 2 * x, first_row + 2 * y)), dtype=int)

    for image in (0, 1):
        inside, border, outside = at(60, 40, image), at(50, 40, image), at(10, 10, image)
        assert inside[2] > inside[0] + 40 and inside[2] > outside[2]  # translucent cyan
        assert tuple(border) == PREDICTION
        assert tuple(at(20, 30, image)) == TRUTH  # outline only
        assert at(30, 30, image)[1] - at(30, 30, image)[2] < 60
    assert at(30, 30, 2)[1] > at(10, 10, 2)[1] + 20
    assert tuple(at(50, 40, 2)) != PREDICTION


def test_tool_draws_mask_predictions(image_folder):
    save_predictions([make_row(i, image_folder, **masks()) for i in range(2)], image_folder / "mask_predictions.json")
    sheet = image_folder / "sheet.png"
    assert run_tool("analysis/draw_predictions.py", image_folder, "--columns", 1, "--width", 100, "--out", sheet) == 0
    assert Image.open(sheet).width > 3 * 100


def test_thermal_is_shown_as_it_is_normalised(image_folder):
    def thermal(name):
        row = make_row(0, image_folder, gt_boxes_xyxy=[], pred_boxes_xyxy=[], iou=0.5)
        return np.asarray(draw_row(row, "ir", 80, name))

    assert (thermal("dataset") != thermal("percentile")).any()
    with pytest.raises(ConfigError, match="no thermal normalisation is named 'clehe'"):
        thermal("clehe")


def test_a_sheet_leaves_out_what_could_not_be_read(image_folder):
    rows = [make_row(0, image_folder), make_row(1, image_folder, error="cannot be read")]
    assert draw_sheet(rows).size == draw_sheet(rows[:1]).size
    with pytest.raises(DataError, match="no readable sample"):
        draw_sheet(rows[1:])


def test_a_missing_image_is_named(image_folder):
    (image_folder / "ir.png").unlink()
    with pytest.raises(DataError, match=r"ir\.png does not exist"):
        draw_row(make_row(0, image_folder))


def test_drawing_tool(image_folder, capsys):
    save_predictions([make_row(i, image_folder) for i in range(4)], image_folder / "predictions.json")
    sheet = image_folder / "sheet.png"
    options = ["--num", 2, "--where", "lighting=weak", "--order", "best", "--out", sheet]
    assert run_tool("analysis/draw_predictions.py", image_folder, *options) == 0
    assert Image.open(sheet).width > 2 * 2 * 360
    assert run_tool("analysis/draw_predictions.py", image_folder, "--where", "lighting") == 1
    assert "--where takes CONDITION=VALUE" in capsys.readouterr().err

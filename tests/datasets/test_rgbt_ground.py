import pickle
from pathlib import Path

import pytest
import torch
from PIL import Image

from rgbtvg.datasets import RGBTGround
from rgbtvg.datasets.published import published_revisions
from rgbtvg.errors import ConfigError, DataError
from tests.datasets.conftest import HEIGHT, TEST_ROWS, WIDTH


def records(folder, dataset="rgbtvg_flir", split="test", **kwargs):
    built = RGBTGround(dataset, split, **folder.roots, serialize_data=False, **kwargs)
    return [built.get_data_info(index) for index in range(len(built))]


def expressions(folder, **kwargs):
    return [record["expression"] for record in records(folder, **kwargs)]


def test_record_has_the_documented_form(flir):
    record = records(flir)[1]
    assert record["sample_id"] == "rgbtvg_flir/test/000001"
    assert (record["dataset"], record["split"]) == ("rgbtvg_flir", "test")
    assert record["boxes"] == [pytest.approx([1.5, 2.7, 4.7, 7.6])]
    assert record["size"] == (HEIGHT, WIDTH)
    assert record["masks"] is None
    assert record["conditions"] == {
        "lighting": "normal",
        "size": "small",
        "crowded": "not crowded",
        "scene": "urban",
        "weather": "sunny",
        "occlusion": "partial",
    }
    assert {stream: Path(path).name for stream, path in record["image_paths"].items()} == {
        "rgb": "a.png",
        "ir": "a.png",
    }
    assert all(Path(path).is_file() for path in record["image_paths"].values())


def test_reference_truncation_cuts_position_and_size_before_adding(flir):
    assert records(flir, truncate_boxes=True)[1]["boxes"] == [[1.0, 2.0, 4.0, 6.0]]


@pytest.mark.parametrize("length", [4, 6, 10])
def test_everything_after_the_expression_is_optional(empty_folder, length):
    empty_folder.add_split("rgbtvg_m3fd", "test", [list(row[:length]) for row in TEST_ROWS])
    empty_folder.add_pair("a.png")
    first = records(empty_folder, "rgbtvg_m3fd")[0]
    assert list(first["conditions"]) == ["lighting", "size", "crowded", "scene", "weather", "occlusion"][: length - 4]
    assert first["subsets"] == (["testA"] if length > 4 else [])


def test_subsets_of_test_follow_from_light_and_size(flir):
    assert [record["subsets"] for record in records(flir)] == [["testA"], ["testC"], ["testB"], ["testB", "testC"]]
    assert expressions(flir, split="testA") == ["the bright car"]
    assert expressions(flir, split="testB") == ["the left person", "the lamp"]
    assert expressions(flir, split="testC") == ["the small dog", "the lamp"]


def test_subset_files_decide_where_they_exist(flir):
    flir.add_split("rgbtvg_flir", "testA", TEST_ROWS[3:])
    assert [record["subsets"] for record in records(flir)] == [[], ["testC"], ["testB"], ["testA", "testB", "testC"]]
    assert expressions(flir, split="testA") == ["the lamp"]


@pytest.mark.parametrize(
    ("tag", "folder"),
    [("FY", "weather"), ("WL", "illumination"), ("SS", "obj_size"), ("HO", "occlusion"), ("WF", "scene")],
)
def test_condition_split_is_read_from_the_folder_of_its_tag(flir, tag, folder):
    flir.add_split("rgbtvg_flir", f"test_{tag}", TEST_ROWS[:1], folder)
    assert expressions(flir, split=f"test_{tag}") == ["the bright car"]


@pytest.mark.parametrize(
    ("tag", "rows"), [("FY", [2]), ("VWL", [2]), ("SS", [1, 3]), ("NO", [0, 3]), ("HC", [3]), ("IT", [3])]
)
def test_condition_split_without_a_file_is_derived_from_test(flir, tag, rows):
    assert expressions(flir, split=f"test_{tag}") == [TEST_ROWS[row][3] for row in rows]


def test_several_splits_come_one_after_another(flir):
    found = records(flir, split=["val", "test"])
    assert [record["split"] for record in found] == ["val"] + ["test"] * 4
    assert len({record["sample_id"] for record in found}) == 5
    assert expressions(flir, split=["val", "test"], indices=2) == ["the left person", "the bright car"]


def test_mixup_without_files_is_the_three_sets(flir):
    for source, rows in (("m3fd", TEST_ROWS[:1]), ("mfad", TEST_ROWS[2:])):
        flir.add_split(f"rgbtvg_{source}", "train", [])
        flir.add_split(f"rgbtvg_{source}", "test", rows)
    assert len(records(flir, "rgbtvg_mixup", "train")) == 2
    assert [record["subsets"] for record in records(flir, "rgbtvg_mixup")] == [
        ["testA", "flir_test", "flir_testA", "m3fd_test", "m3fd_testA"],
        ["testC", "flir_test", "flir_testC"],
        ["testB", "flir_test", "flir_testB", "mfad_test", "mfad_testB"],
        ["testB", "testC", "flir_test", "flir_testB", "flir_testC", "mfad_test", "mfad_testB", "mfad_testC"],
        ["testA", "flir_test", "flir_testA", "m3fd_test", "m3fd_testA"],
        ["testB", "flir_test", "flir_testB", "mfad_test", "mfad_testB"],
        ["testB", "testC", "flir_test", "flir_testB", "flir_testC", "mfad_test", "mfad_testB", "mfad_testC"],
    ]
    assert len(records(flir, "rgbtvg_mixup", "mfad_testB")) == 2
    assert len(records(flir, "rgbtvg_mixup", "test_FY")) == 2


def test_mixup_files_come_first(flir):
    flir.add_split("rgbtvg_mixup", "test", TEST_ROWS[:2])
    flir.add_split("rgbtvg_mixup", "m3fd_val", TEST_ROWS[3:])
    assert [record["subsets"] for record in records(flir, "rgbtvg_mixup")] == [["testA"], ["testC"]]
    assert expressions(flir, dataset="rgbtvg_mixup", split="m3fd_val") == ["the lamp"]


@pytest.mark.parametrize(
    "layout",
    [
        "rgbtvg/rgbtvg-images/all/{stream}",
        "rgbtvg/rgbtvg-images/flir/{stream}",
        "image_data/flir/{stream}",
    ],
)
def test_every_published_layout_of_images_is_found(empty_folder, layout):
    empty_folder.add_split("rgbtvg_flir", "test", TEST_ROWS[:1])
    empty_folder.add_pair("a.png", layout)
    assert all(Path(path).is_file() for path in records(empty_folder)[0]["image_paths"].values())


def test_a_twin_with_another_extension_is_found_by_its_stem(empty_folder):
    empty_folder.add_split("rgbtvg_flir", "test", TEST_ROWS[:1])
    empty_folder.add_pair("a.jpg", streams=("ir",))
    empty_folder.add_pair("a.png", streams=("rgb",))
    paths = records(empty_folder)[0]["image_paths"]
    assert {stream: Path(path).name for stream, path in paths.items()} == {"rgb": "a.png", "ir": "a.jpg"}


def test_missing_thermal_twin_matters_only_where_it_is_read(flir):
    (flir.root / "rgbtvg/rgbtvg-images/all/ir/a.png").unlink()
    pipeline = [dict(type="LoadImages", modality="rgbt")]
    built = RGBTGround("rgbtvg_flir", "test", **flir.roots, pipeline=pipeline, serialize_data=False)
    with pytest.raises(DataError, match=r"^rgbtvg_flir/test/000000: image .*all/ir/a\.png does not exist$"):
        built[0]
    assert "ir" not in records(flir, modality="rgb")[0]["image_paths"]
    Image.open(records(flir, modality="rgb")[0]["image_paths"]["rgb"]).verify()


def test_a_set_of_ones_own(flir):
    flir.add_split("harbour", "test", TEST_ROWS)
    assert [record["sample_id"] for record in records(flir, "harbour", "testC")] == [
        "harbour/testC/000000",
        "harbour/testC/000001",
    ]


def test_published_counts_are_recognised():
    assert published_revisions("rgbtvg_m3fd", "test", 4177) == ["former README"]
    assert published_revisions("rgbtvg_m3fd", "val", 168) == ["evaluation logs", "public release"]
    assert published_revisions("rgbtvg_m3fd", "val", 169) == []


def test_unpublished_counts_and_unknown_codes_are_reported_in_one_line_each(flir, monkeypatch):
    said = []
    for room in ("rgbt_ground", "published"):
        monkeypatch.setattr(f"rgbtvg.datasets.{room}.print_log", lambda text, **kwargs: said.append(text))
    flir.add_split("rgbtvg_flir", "test", [(*TEST_ROWS[0][:7], 99, None, 0)])
    assert records(flir)[0]["conditions"]["scene"] == "unknown 99"
    assert said == [
        "rgbtvg_flir test has condition codes that the table lacks: scene 99 in 1 rows, weather None in 1 rows",
        "rgbtvg_flir test: 1 rows",
        "rgbtvg_flir test has 1 rows, published revisions have 2130 (former README, evaluation logs, public release): "
        "results are not comparable with published ones",
    ]
    flir.add_split("rgbtvg_synthetic", "test", TEST_ROWS)
    said.clear()
    assert len(records(flir, "rgbtvg_synthetic")) == 4
    assert said == ["rgbtvg_synthetic test: 4 rows"]


class Hostile:
    def __reduce__(self):
        return print, ("executed",)


def hostile(folder):
    folder.add_split("rgbtvg_flir", "test", [Hostile()])
    return r"annotation file .*rgbtvg_flir_test\.pth is refused: it wants to load .*print"


def bare_pickle(folder):
    folder.add_split("rgbtvg_flir", "test", []).write_bytes(pickle.dumps([Hostile()]))
    return r"annotation file .*rgbtvg_flir_test\.pth .*refused.*print"


def no_list(folder):
    folder.add_split("rgbtvg_flir", "test", {"rows": 1})
    return r"rgbtvg_flir_test\.pth must hold a list of rows, not a dict"


def short_row(folder):
    folder.add_split("rgbtvg_flir", "test", [*TEST_ROWS, ("a.png", None, [1, 2, 3])])
    return r"row 4 of .*rgbtvg_flir_test\.pth must be \(file name, size, box xywh, expression"


def box_of_three(folder):
    folder.add_split("rgbtvg_flir", "test", [("a.png", None, [1, 2, 3], "the car")])
    return r"row 0 of .*rgbtvg_flir_test\.pth must be"


def empty_split(folder):
    folder.add_split("rgbtvg_flir", "test", [])
    return "^rgbtvg_flir has no rows in test$"


def no_thermal_folder(folder):
    (folder.root / "rgbtvg/rgbtvg-images/all/ir").rename(folder.root / "elsewhere")
    return "there is no folder of ir images for rgbtvg_flir under .*; looked for rgbtvg/rgbtvg-images/all/ir, "


def no_annotations(folder):
    folder.split_root.rename(folder.root / "elsewhere")
    return r"splits/rgbtvg_flir holds no annotation files; put rgbtvg_flir_train\.pth .*come from\)$"


@pytest.mark.parametrize(
    "spoil",
    [hostile, bare_pickle, no_list, short_row, box_of_three, empty_split, no_thermal_folder, no_annotations],
)
def test_bad_files_are_one_sentence(flir, spoil, capsys):
    expression = spoil(flir)
    with pytest.raises(DataError, match=expression) as caught:
        records(flir)
    assert "\n" not in str(caught.value)
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("split", ["tset", "test_FOG", "flir_test"])
def test_unknown_split_lists_those_that_exist(flir, split):
    with pytest.raises(DataError, match=rf"rgbtvg_flir has no split '{split}'; there are train, val, test, .*FY"):
        records(flir, split=split)


def test_unknown_names_are_one_sentence(flir):
    with pytest.raises(DataError, match=r"splits/flir holds no annotation files; put .*, or use rgbtvg_flir$"):
        records(flir, "flir")
    with pytest.raises(ConfigError, match="modality must be one of rgb, ir, rgbt, got 'rgbd'"):
        records(flir, modality="rgbd")


def test_records_survive_the_way_to_a_worker(flir):
    built = RGBTGround("rgbtvg_flir", "test", **flir.roots)
    again = pickle.loads(pickle.dumps(built))
    assert again.get_data_info(3) == built.get_data_info(3)
    assert torch.utils.data.Subset(built, [0])[0]["expression"] == "the bright car"

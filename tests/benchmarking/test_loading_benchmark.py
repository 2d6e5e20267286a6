import json

import pytest

from rgbtvg.benchmarking import loading_benchmark
from rgbtvg.datasets.transforms import LoadImages
from tests.run_tool import run_tool


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(loading_benchmark, "KINDS", {"jpeg": ((640, 480), ".jpg"), "png": ((96, 72), ".png")})


def test_images_are_pairs_that_load(small, tmp_path):
    record = loading_benchmark.make_pairs(tmp_path, "jpeg", 1)[0]
    images = LoadImages("rgbt")(record)["images"]
    assert images["rgb"].shape == (480, 640, 3) and images["ir"].shape == (480, 640)
    assert images["rgb"].std() > 20 and images["ir"].std() > 20


def test_command_measures_every_variant_and_what_it_does_to_pixels(small, tmp_path, capsys):
    assert run_tool("analysis/benchmark_loading.py", "--pairs", 2, "--rounds", 1, "--json", tmp_path / "x.json") == 0
    rows = {(row["format"], row["variant"]): row for row in json.loads((tmp_path / "x.json").read_text())}
    names = ["C3", "exact", "reduced to 448", "reduced to 320", "resized copy"]
    assert list(rows) == [("jpeg", name) for name in names] + [
        ("png", name) for name in (names[0], names[1], names[-1])
    ]
    for row in rows.values():
        assert row["pairs_per_second"] > 0
    for kind in ("jpeg", "png"):
        assert rows[kind, "C3"]["of_c3"] == 1
        assert rows[kind, "exact"]["rgb_largest_difference"] == 0
    assert 0 < rows["jpeg", "reduced to 320"]["rgb_mean_difference"] < 3
    assert 0 < rows["jpeg", "resized copy"]["ir_mean_difference"] < 3
    assert rows["png", "resized copy"]["ir_largest_difference"] == 0  # smaller than the copy's long side, lossless
    assert "jpeg reduced to 448" in capsys.readouterr().out

"""The released archives, written by the tests: unpacked safely, taken up after a break, counted and compared."""

import io
import tarfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from rgbtvg.datasets import JSONLinesDataset, read_records
from rgbtvg.datasets.rgbt_archives import prepare_rgbt_ground
from rgbtvg.errors import DataError
from tests.datasets.conftest import TEST_ROWS
from tests.run_tool import run_tool

SMALL = [row for row in TEST_ROWS if row[5] == "small"]


def add(tar, name, content, **attributes):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in attributes.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(content))


def saved(rows):
    stream = io.BytesIO()
    torch.save(rows, stream)
    return stream.getvalue()


def image():
    stream = io.BytesIO()
    Image.new("L", (64, 48)).save(stream, "PNG")
    return stream.getvalue()


def write_archives(folder, subset=SMALL, prefix=""):
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / "ann_flir.tar", "w") as tar:
        add(tar, f"{prefix}rgbtvg_flir", b"", type=tarfile.DIRTYPE)
        for split, rows in (("train", TEST_ROWS[:2]), ("val", TEST_ROWS[2:3]), ("test", TEST_ROWS), ("testC", subset)):
            add(tar, f"{prefix}rgbtvg_flir/rgbtvg_flir_{split}.pth", saved(rows))
        add(tar, f"{prefix}rgbtvg_flir/weather/rgbtvg_flir_test_CY.pth", saved(TEST_ROWS[3:]))
    with tarfile.open(folder / "data_flir.tar", "w") as tar:
        for stream in ("rgb", "ir"):
            for name in ("a.png", "b.png", "._a.png"):
                add(tar, f"{prefix}image_data/flir/{stream}/{name}", image())
        add(tar, f"{prefix}image_data/README.md", b"how to cite")
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


EXPECTED = [
    "image_data/flir/ir/a.png",
    "image_data/flir/ir/b.png",
    "image_data/flir/rgb/a.png",
    "image_data/flir/rgb/b.png",
    "splits/rgbtvg_flir.jsonl",
    "splits/rgbtvg_flir/rgbtvg_flir_test.pth",
    "splits/rgbtvg_flir/rgbtvg_flir_testC.pth",
    "splits/rgbtvg_flir/rgbtvg_flir_train.pth",
    "splits/rgbtvg_flir/rgbtvg_flir_val.pth",
    "splits/rgbtvg_flir/weather/rgbtvg_flir_test_CY.pth",
]


@pytest.mark.parametrize("prefix", ["", "./", "release/v1/"])
def test_archives_become_a_tree_and_canonical_lines(tmp_path, prefix):
    out = tmp_path / "out"
    result = prepare_rgbt_ground(write_archives(tmp_path / "downloads", prefix=prefix), out)
    assert files(out) == EXPECTED
    assert result.unpacked == {"unpacked": 9}
    assert {(count.split, count.rows) for count in result.counts} == {
        ("train", 2),
        ("val", 1),
        ("test", 4),
        ("testA", 1),
        ("testB", 2),
        ("testC", 2),
    }
    assert any("train has 2 rows, published revisions have 7000" in warning for warning in result.warnings)
    records = read_records(out / "splits/rgbtvg_flir.jsonl", out)
    assert [record["subsets"] for record in records[3:]] == [["testA"], ["testC"], ["testB"], ["testB", "testC"]]
    assert all(Path(path).is_file() for record in records for path in record["image_paths"].values())
    dataset = JSONLinesDataset("rgbtvg_flir", "testC", data_root=out, split_root=out / "splits")
    assert len(dataset) == 2


def test_a_second_call_changes_nothing(tmp_path):
    downloads, out = write_archives(tmp_path / "downloads"), tmp_path / "out"
    prepare_rgbt_ground(downloads, out)
    before = {name: (out / name).read_bytes() for name in files(out)}
    times = {name: (out / name).stat().st_mtime_ns for name in EXPECTED if not name.endswith("jsonl")}
    assert prepare_rgbt_ground(downloads, out).unpacked == {"already there": 9}
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert {name: (out / name).stat().st_mtime_ns for name in times} == times


@pytest.mark.parametrize("after", range(0, 9, 2))
def test_broken_off_at_any_file_the_next_call_goes_on(tmp_path, after):
    downloads, out = write_archives(tmp_path / "downloads"), tmp_path / "out"
    left = after

    def broken_off(items, what, total):
        nonlocal left
        for item in items:
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            yield item

    with pytest.raises(KeyboardInterrupt):
        prepare_rgbt_ground(downloads, out, broken_off)
    # A process that is killed while it writes leaves half of a file in the folder of unfinished ones.
    (out / ".unpacking").mkdir(parents=True, exist_ok=True)
    (out / ".unpacking" / "b.png").write_bytes(b"half")
    assert prepare_rgbt_ground(downloads, out).unpacked == {"already there": after, "unpacked": 9 - after} or after == 0
    assert files(out) == EXPECTED


def test_subset_files_that_say_otherwise_are_reported(tmp_path):
    result = prepare_rgbt_ground(write_archives(tmp_path / "downloads", subset=TEST_ROWS[1:2]), tmp_path / "out")
    (warning,) = [warning for warning in result.warnings if "testC.pth" in warning]
    assert "lacks 1 rows that the labels of test give it" in warning


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("../rgbtvg_flir/rgbtvg_flir_train.pth", {}),
        ("rgbtvg_flir/../../x/rgbtvg_flir/rgbtvg_flir_train.pth", {}),
        ("rgbtvg_flir/rgbtvg_flir_train.pth", dict(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0)),
        ("rgbtvg_flir/rgbtvg_flir_train.pth", dict(type=tarfile.SYMTYPE, linkname="rgbtvg_flir_val.pth", size=0)),
        ("rgbtvg_flir/rgbtvg_flir_train.pth", dict(type=tarfile.LNKTYPE, linkname="../../x", size=0)),
        ("rgbtvg_flir/rgbtvg_flir_train.pth", dict(type=tarfile.FIFOTYPE, size=0)),
    ],
)
def test_hostile_archives_are_refused_before_anything_is_written(tmp_path, name, attributes):
    downloads, out = tmp_path / "downloads", tmp_path / "out"
    downloads.mkdir()
    with tarfile.open(downloads / "ann_flir.tar", "w") as tar:
        add(tar, "rgbtvg_flir/rgbtvg_flir_val.pth", saved(TEST_ROWS))
        add(tar, name, b"" if attributes else saved(TEST_ROWS), **attributes)
    with pytest.raises(DataError, match=r"ann_flir.tar is refused"):
        prepare_rgbt_ground(downloads, out)
    assert not out.exists()


def test_absolute_names_stay_inside(tmp_path):
    downloads, out = tmp_path / "downloads", tmp_path / "out"
    downloads.mkdir()
    with tarfile.open(downloads / "ann_flir.tar", "w") as tar:
        add(tar, f"{tmp_path}/x/rgbtvg_flir/rgbtvg_flir_val.pth", saved(TEST_ROWS))
    with pytest.raises(DataError, match="leads out of the folder"):
        prepare_rgbt_ground(downloads, out)
    assert not (tmp_path / "x").exists()


def test_what_cannot_be_prepared_is_one_sentence(tmp_path):
    downloads, out = write_archives(tmp_path / "downloads"), tmp_path / "out"
    whole = (downloads / "data_flir.tar").read_bytes()
    (downloads / "data_flir.tar").write_bytes(whole[:2000])
    with pytest.raises(DataError, match=r"data_flir.tar is cut off or no tar archive"):
        prepare_rgbt_ground(downloads, out)
    (downloads / "data_flir.tar").write_bytes(whole)
    (out / "image_data/flir/rgb").mkdir(parents=True, exist_ok=True)
    (out / "image_data/flir/rgb/a.png").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"rgb/a.png has 4 bytes, .* in .*data_flir.tar: move it away"):
        prepare_rgbt_ground(downloads, out)
    assert (out / "image_data/flir/rgb/a.png").read_bytes() == b"mine"
    with pytest.raises(DataError, match="no annotations in"):
        prepare_rgbt_ground(tmp_path / "out/image_data", tmp_path / "other")
    with pytest.raises(DataError, match="is no folder"):
        prepare_rgbt_ground(tmp_path / "nowhere", out)


@pytest.mark.parametrize(
    "layout", ["rgbtvg/rgbtvg-images/all/{}", "rgbtvg/rgbtvg-images/flir/{}", "image_data/flir/{}"]
)
def test_unpacked_trees_of_every_layout_serve_where_they_lie(flir, tmp_path, capsys, layout):
    old = flir.root / "rgbtvg/rgbtvg-images/all"
    for stream in ("rgb", "ir"):
        target = flir.root / "deep" / layout.format(stream)
        target.parent.mkdir(parents=True, exist_ok=True)
        (old / stream).rename(target)
    flir.split_root.rename(flir.root / "deep" / "ref_data")
    out = tmp_path / "prepared"
    assert run_tool("data/prepare_rgbt_ground.py", flir.root, "--out", out) == 0
    assert files(out) == ["splits/rgbtvg_flir.jsonl"]
    records = read_records(out / "splits/rgbtvg_flir.jsonl", flir.root / "deep")
    assert all(Path(path).is_file() for record in records for path in record["image_paths"].values())
    assert len(records) == 7
    printed = capsys.readouterr().out
    assert "rgbtvg_flir.jsonl: 7 records" in printed
    assert run_tool("data/prepare_rgbt_ground.py", tmp_path / "nowhere") == 1

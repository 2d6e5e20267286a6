import multiprocessing
import os
import random
import time

import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets import picture_cache
from rgbtvg.datasets.transforms import LoadImages
from rgbtvg.datasets.transforms.base import resize_image
from rgbtvg.errors import ConfigError, DataError

WIDTH, HEIGHT = 320, 240


def write_pair(folder, name="a", seed=0, size=(HEIGHT, WIDTH)):
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 4), dtype=np.uint8)
    paths = {}
    for stream, image in (("rgb", pixels[..., :3]), ("ir", pixels[..., 3])):
        paths[stream] = str(folder / f"{name}_{stream}.png")
        Image.fromarray(np.ascontiguousarray(image)).save(paths[stream], compress_level=1)
    return paths


def load(paths, folder, modality="rgbt", size=96, max_gb=1.0, **options):
    transform = LoadImages(modality, cache=dict(folder=str(folder), size=size, max_gb=max_gb), **options)
    return transform({"image_paths": dict(paths), "boxes": [[40.0, 20.0, 120.0, 60.0]]})


def entries(folder):
    return sorted(folder.glob("*/*.pixels"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def decodings(monkeypatch):
    """Paths of the files that were decoded."""
    seen = []
    original = picture_cache.loading.read_image
    monkeypatch.setattr(
        picture_cache.loading, "read_image", lambda path, *rest: seen.append(str(path)) or original(path, *rest)
    )
    return seen


@pytest.fixture
def warnings(monkeypatch):
    said = []
    monkeypatch.setattr(picture_cache, "print_log", lambda text, **kwargs: said.append(text))
    return said


def test_a_picture_is_decoded_once_and_comes_back_shrunk(tmp_path, folder, decodings):
    paths = write_pair(tmp_path)
    first, second = load(paths, folder), load(paths, folder)
    assert decodings == [paths["rgb"], paths["ir"]]
    for results in (first, second):
        assert results["ori_shape"] == (HEIGHT, WIDTH)
        assert results["frame"].scale_x == pytest.approx(0.3)
        np.testing.assert_allclose(results["boxes"], [[12, 6, 36, 18]], rtol=1e-6)
        for stream, image in results["images"].items():
            whole = np.asarray(Image.open(paths[stream]))
            np.testing.assert_array_equal(image, resize_image(whole, 96, 72))


def test_small_pictures_are_kept_as_they_are(tmp_path, folder):
    paths = write_pair(tmp_path, size=(40, 60))
    for _ in range(2):
        results = load(paths, folder)
        np.testing.assert_array_equal(results["images"]["rgb"], np.asarray(Image.open(paths["rgb"])))
        assert results["frame"].scale_x == 1


def test_another_file_of_that_name_is_noticed(tmp_path, folder):
    paths = write_pair(tmp_path)
    load(paths, folder)
    times = os.stat(paths["rgb"])
    write_pair(tmp_path, seed=1)
    # Even when size and time of the last change are made to look the same.
    with open(paths["rgb"], "r+b") as file:
        file.truncate(times.st_size)
    write_pair(tmp_path, seed=1)
    os.utime(paths["rgb"], ns=(times.st_atime_ns, times.st_mtime_ns))
    expected = resize_image(np.asarray(Image.open(paths["rgb"])), 96, 72)
    np.testing.assert_array_equal(load(paths, folder)["images"]["rgb"], expected)
    assert len(entries(folder)) == 2  # the old ones were replaced


@pytest.mark.parametrize("options", [{"thermal_normalisation": "percentile"}, {"size": 64}, {"thermal_range": "full"}])
def test_another_way_to_load_is_another_entry(tmp_path, folder, decodings, options):
    paths = write_pair(tmp_path)
    load(paths, folder)
    decodings.clear()
    found = load(paths, folder, **options)["images"]["ir"]
    assert paths["ir"] in decodings
    size = options.pop("size", 96)
    whole = LoadImages("ir", **options)({"image_paths": paths})["images"]["ir"]
    np.testing.assert_array_equal(found, resize_image(whole, size, size * 3 // 4))


def test_an_edit_of_the_code_makes_entries_stale(tmp_path, folder, decodings, monkeypatch):
    paths = write_pair(tmp_path)
    load(paths, folder)
    monkeypatch.setattr(picture_cache, "_code_digest", lambda: "edited")
    load(paths, folder)
    assert len(decodings) == 4
    assert len(entries(folder)) == 2


def spoil_header(data):
    return b"X" + data[1:]


@pytest.mark.parametrize(
    "spoil", [spoil_header, lambda data: data[:-1], lambda data: data + b"x", lambda data: data[:10], lambda data: b""]
)
def test_a_spoilt_entry_is_made_anew(tmp_path, folder, spoil):
    paths = write_pair(tmp_path)
    expected = load(paths, folder)["images"]
    for entry in entries(folder):
        entry.write_bytes(spoil(entry.read_bytes()))
    for _ in range(2):
        for stream, image in load(paths, folder)["images"].items():
            np.testing.assert_array_equal(image, expected[stream])
    assert all(entry.stat().st_size > 96 * 72 for entry in entries(folder))


def test_the_limit_holds_over_all_processes(tmp_path, folder, warnings):
    thermal_bytes = 96 * 72
    max_gb = 1.5 * thermal_bytes * 256 / 1e9  # one thermal picture, no RGB picture, in each of the 256 folders
    for index in range(40):
        paths = write_pair(tmp_path, str(index), index, (96, 128))
        load(paths, folder, max_gb=max_gb)
    sizes = [entry.stat().st_size for entry in entries(folder)]
    assert 20 < len(sizes) <= 40
    assert max(sizes) < 1.5 * thermal_bytes
    assert len({entry.parent for entry in entries(folder)}) == len(sizes)
    assert "has reached its limit of 0.0026" in warnings[0] and "training goes on" in warnings[0]


def test_what_a_killed_process_left_is_removed(tmp_path, folder):
    paths = write_pair(tmp_path)
    load(paths, folder, "ir")
    (entry,) = entries(folder)
    entry.unlink()
    (entry.parent / "half.part").write_bytes(b"half")
    load(paths, folder, "ir")
    assert list(entry.parent.iterdir()) == [entry]


def test_a_full_disk_is_one_warning_and_loading_goes_on(tmp_path, folder, warnings, monkeypatch):
    paths = write_pair(tmp_path)
    expected = load(paths, tmp_path / "other")["images"]
    # Every write of the cache meets a device that is full.
    real_replace_target = picture_cache.Path.with_suffix

    def on_full_device(path, suffix):
        beside = real_replace_target(path, suffix)
        if suffix == ".part" and not beside.is_symlink():
            beside.symlink_to("/dev/full")
        return beside

    monkeypatch.setattr(picture_cache.Path, "with_suffix", on_full_device)
    transform = LoadImages("rgbt", cache=dict(folder=str(folder), size=96))
    for _ in range(3):
        found = transform({"image_paths": dict(paths)})["images"]
        for stream, image in found.items():
            np.testing.assert_array_equal(image, expected[stream])
    assert len(warnings) == 1
    assert "cannot be written (No space left on device): training goes on" in warnings[0]
    assert entries(folder) == [] and not list(folder.glob("*/*.part"))


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path, warnings):
    (tmp_path / "file").write_text("no folder")
    paths = write_pair(tmp_path)
    assert load(paths, tmp_path / "file" / "cache")["images"]["rgb"].shape == (72, 96, 3)
    assert len(warnings) == 1
    assert "Not a directory" in warnings[0]


def test_bad_files_are_the_same_sentence_as_without_a_cache(tmp_path, folder):
    with pytest.raises(DataError, match=r"image .*missing\.png does not exist"):
        load({"rgb": str(tmp_path / "missing.png")}, folder, "rgb")
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"image .*x\.png cannot be read"):
        load({"rgb": str(tmp_path / "x.png")}, folder, "rgb")


def test_wrong_sizes_are_refused(folder):
    with pytest.raises(ConfigError, match="positive size and max_gb"):
        LoadImages(cache=dict(folder=str(folder), size=0))


def fill(folder, paths, seed):
    order = list(range(len(paths)))
    random.Random(seed).shuffle(order)
    while True:
        for index in order:
            load(paths[index], folder)
        for entry in entries(folder):
            if random.random() < 0.3:
                entry.unlink(missing_ok=True)


def test_processes_that_write_together_and_are_killed_leave_only_whole_entries(tmp_path, folder):
    paths = [write_pair(tmp_path, str(index), index) for index in range(6)]
    expected = [load(pair, tmp_path / "other")["images"] for pair in paths]
    context = multiprocessing.get_context("fork")
    chance = random.Random(0)
    for attempt in range(4):
        writers = [context.Process(target=fill, args=(folder, paths, attempt * 2 + k)) for k in range(2)]
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.1, 0.4))
        for writer in writers:
            writer.kill()
            writer.join()
        for pair, images in zip(paths, expected, strict=True):
            for stream, image in load(pair, folder)["images"].items():
                np.testing.assert_array_equal(image, images[stream])

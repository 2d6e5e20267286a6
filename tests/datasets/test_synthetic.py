import json
import re
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets.conditions import CONDITIONS, SPLIT_FOLDERS
from rgbtvg.datasets.synthetic import (
    SyntheticSpec,
    annotate,
    annotate_grec,
    make_synthetic,
    oracle_accuracy,
    read_extras,
    vocabulary,
)
from rgbtvg.datasets.synthetic.phrases import Phrase, candidates, is_unique, needs, observer_choices
from rgbtvg.datasets.synthetic.rendering import render_rgb, render_thermal
from rgbtvg.datasets.synthetic.scenes import COLOURS
from rgbtvg.errors import DataError

SPEC = SyntheticSpec(train=30, val=7, test=80)
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "synthetic"
    make_synthetic(out, SPEC, workers=1, progress=False)
    return out


@pytest.fixture(scope="module")
def annotated():
    """200 scenes with their expressions, without images."""
    return [annotate(seed=3, split="train", index=index, count=2 + index % 2) for index in range(200)]


def rows_of(root, name, folder=""):
    path = root / "splits" / "rgbtvg_synthetic" / folder / f"rgbtvg_synthetic_{name}.pth"
    return torch.load(path, weights_only=True)


def test_same_bytes_for_any_number_of_workers(root, tmp_path):
    manifest = make_synthetic(tmp_path / "again", SPEC, workers=2, progress=False)
    assert manifest == json.loads((root / "manifest.json").read_text())
    image = "rgbtvg/rgbtvg-images/all/ir/synthetic_test_00003.jpg"
    assert (root / image).read_bytes() == (tmp_path / "again" / image).read_bytes()


def test_an_image_does_not_depend_on_the_size_of_the_set(root, tmp_path):
    make_synthetic(tmp_path / "less", replace(SPEC, train=10, test=5, grec=False), workers=1, progress=False)
    assert rows_of(tmp_path / "less", "train") == rows_of(root, "train")[:10]
    assert rows_of(tmp_path / "less", "test") == rows_of(root, "test")[:5]
    assert not list(tmp_path.glob("less/splits/*/grec_*.json"))


def test_another_seed_gives_another_set():
    assert annotate(0, "train", 0, 2)[1] != annotate(1, "train", 0, 2)[1]
    assert annotate(0, "train", 0, 2)[1] != annotate(0, "val", 0, 2)[1]


@pytest.mark.parametrize("split", SPLITS)
def test_rows_and_images(root, split):
    rows = rows_of(root, split)
    assert len(rows) == getattr(SPEC, split)
    for row in rows:
        file_name, size, (x, y, w, h), expression, *codes = row
        assert isinstance(row, tuple)
        assert size == {"height": 128, "width": 160}
        assert min(x, y) >= 0 and x + w <= 160 and y + h <= 128 and min(w, h) >= 2
        assert 4 <= len(expression.split()) <= 14
        for (condition, labels), code in zip(CONDITIONS.items(), codes, strict=True):
            assert code in [label.code for label in labels], condition
        for stream, mode in (("rgb", "RGB"), ("ir", "L")):
            with Image.open(root / "rgbtvg/rgbtvg-images/all" / stream / file_name) as image:
                assert (image.mode, image.size) == (mode, (160, 128))


def test_splits_share_no_image(root):
    files = [{row[0] for row in rows_of(root, split)} for split in SPLITS]
    assert not files[0] & files[1] and not files[0] & files[2] and not files[1] & files[2]


def test_condition_files_are_the_subsets_of_test(root):
    test = rows_of(root, "test")
    for field, (condition, labels) in enumerate(CONDITIONS.items(), start=4):
        for label in labels:
            subset = [row for row in test if row[field] == label.code]
            if subset and label.tag not in (None, "NO", "NC", "C", "HC"):
                assert rows_of(root, f"test_{label.tag}", SPLIT_FOLDERS[condition]) == subset
    assert rows_of(root, "testA") == [row for row in test if row[4] in (3, 4) and row[5] != "small"]
    assert rows_of(root, "testB") == [row for row in test if row[4] in (0, 1, 2)]
    assert rows_of(root, "testC") == [row for row in test if row[5] == "small"]


def test_extras_hold_the_row_boxes_and_masks(root):
    boxes = {(row[0], row[3]): row[2] for split in SPLITS for row in rows_of(root, split)}
    found = 0
    for record in read_extras(root):
        for expression in record["expressions"]:
            item = record["objects"][expression["target"]]
            assert boxes[record["file_name"], expression["expression"]] == item["box_xywh"]
            assert coco_mask.toBbox(item["mask"]).tolist() == item["box_xywh"]
            assert Phrase.from_dict(expression["phrase"]).category == item["category"]
            found += 1
    assert found == SPEC.train + SPEC.val + SPEC.test


def test_grec_rows(root):
    rows = json.loads((root / "splits/rgbtvg_synthetic/grec_test.json").read_text())
    targets = Counter(min(len(row["boxes_xywh"]), 2) for row in rows)
    assert set(targets) == {0, 1, 2}
    for row in rows:
        assert list(row["conditions"]) == list(CONDITIONS)
        assert [coco_mask.toBbox(mask).tolist() for mask in row["masks"]] == row["boxes_xywh"]


def test_every_expression_singles_out_one_object(annotated):
    for scene, expressions in annotated:
        assert len({expression.phrase for expression in expressions}) == len(expressions)
        for expression in expressions:
            assert is_unique(expression.phrase, scene, *expression.targets)
            assert not scene.theme.dark or not set(COLOURS) & set(expression.text.split())


def test_grec_expressions_mean_several_objects_or_none(annotated):
    counts = Counter()
    for index, (scene, _) in enumerate(annotated[:60]):
        for expression in annotate_grec(3, "train", index, scene):
            assert candidates(expression.phrase, scene) == list(expression.targets)
            counts[len(expression.targets) > 0] += 1
    assert min(counts[True], counts[False]) >= 55


def test_neither_stream_is_enough(annotated):
    choices = [observer_choices(s.phrase, scene) for scene, expressions in annotated for s in expressions]
    oracle = oracle_accuracy(choices)
    assert oracle["rgbt"] == 1
    assert oracle["rgb"] < 0.64 and oracle["ir"] < 0.64
    dark = [
        observer_choices(s.phrase, scene) for scene, expressions in annotated for s in expressions if scene.theme.dark
    ]
    assert oracle_accuracy(dark)["rgb"] < 0.25


def test_needs_follow_from_what_is_hidden(annotated):
    shares = Counter(name for scene, expressions in annotated for s in expressions for name in needs(s.phrase, scene))
    total = sum(len(expressions) for _, expressions in annotated)
    assert 0.5 < shares["colour"] / total < 0.7
    assert 0.4 < shares["heat"] / total < 0.65


def test_streams_show_what_they_should(annotated):
    scene, _ = next(pair for pair in annotated if pair[0].theme.lighting == 3)
    recoloured = tuple(replace(item, colour="red") for item in scene.objects)
    heated = tuple(replace(item, heat="warm") for item in scene.objects)

    def images(objects, theme=scene.theme):
        seen = replace(scene, objects=objects, theme=theme)
        rng = np.random.default_rng(0)
        return np.asarray(render_rgb(seen, rng)), np.asarray(render_thermal(seen, np.random.default_rng(0)))

    rgb, thermal = images(scene.objects)
    assert (images(recoloured)[1] == thermal).all() and (images(recoloured)[0] != rgb).any()
    assert (images(heated)[0] == rgb).all() and (images(heated)[1] != thermal).any()
    dark_rgb, dark_thermal = images(scene.objects, replace(scene.theme, lighting=1))
    assert dark_rgb.mean() < 12 and (dark_thermal == thermal).all()


def test_tokenizer_knows_every_word(root, annotated):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(root / "tokenizer")
    words = vocabulary()
    assert len(tokenizer) == len(words) + 4
    assert tokenizer.pad_token_id == 0 and tokenizer.eos_token_id == len(tokenizer) - 1
    said = {word for _, expressions in annotated for s in expressions for word in s.text.split()}
    for index, (scene, _) in enumerate(annotated[:100]):
        said.update(word for s in annotate_grec(3, "train", index, scene) for word in s.text.split())
    assert said <= set(words)
    assert all(re.fullmatch("[a-z]+", word) for word in words)
    ids = tokenizer("The red car on the LEFT")["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert ids[0] == tokenizer.bos_token_id and max(ids) == ids[-1] == tokenizer.eos_token_id


def test_a_finished_set_is_left_alone_and_a_broken_one_made_again(root, tmp_path):
    out, spec = tmp_path / "set", SyntheticSpec(train=2, val=2, test=2)
    manifest = make_synthetic(out, spec, workers=1, progress=False)
    stamp = (out / "extras.jsonl").stat().st_mtime_ns
    assert make_synthetic(out, spec, workers=1, progress=False) == manifest
    assert (out / "extras.jsonl").stat().st_mtime_ns == stamp

    (out / "manifest.json").unlink()
    shutil.rmtree(out / "splits")
    shutil.copytree(out, tmp_path / "set.partial")
    assert make_synthetic(out, spec, workers=1, progress=False) == manifest
    assert rows_of(out, "train") and not (tmp_path / "set.partial").exists()


def test_what_is_not_ours_is_not_deleted(tmp_path):
    spec = SyntheticSpec(train=2, val=2, test=2)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="other things"):
        make_synthetic(tmp_path, spec, workers=1, progress=False)
    make_synthetic(tmp_path / "set", spec, workers=1, progress=False)
    with pytest.raises(DataError, match="overwrite"):
        make_synthetic(tmp_path / "set", replace(spec, seed=1), workers=1, progress=False)
    again = make_synthetic(tmp_path / "set", replace(spec, seed=1), workers=1, overwrite=True, progress=False)
    assert again["arguments"]["seed"] == 1


@pytest.mark.parametrize(
    "arguments", [{"train": 0}, {"seed": -1}, {"image_size": (32, 32)}, {"image_size": (640, 64)}], ids=str
)
def test_bad_arguments(arguments):
    with pytest.raises(DataError):
        SyntheticSpec(**arguments)


def test_other_image_sizes():
    for size in ((96, 128), (320, 160)):
        scene, expressions = annotate(0, "train", 0, 2, size)
        assert scene.label_map.shape == size[::-1] and len(expressions) == 2

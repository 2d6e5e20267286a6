"""The pre-training set of the miniatures, apart from the sets that methods are compared on, and their tokenizer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from rgbtvg.datasets.canonical import read_records
from rgbtvg.datasets.synthetic import PretrainingSpec, annotate, make_pretraining, vocabulary
from rgbtvg.datasets.synthetic.annotation import benchmark_row
from rgbtvg.errors import DataError

SPEC = PretrainingSpec(train=20, val=6)
TOKENIZER = Path(__file__).parents[2] / "pretrain_weights/miniature/tokenizer"
FINGERPRINTS = {
    "train": "bf9934ebbd34db47",
    "val": "e4567f2057060be7",
    "test": "459a18478ad4e776",
}
"""Of the first 20 images of each split with seed 0: published tables compare methods on these splits."""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "pretraining"
    make_pretraining(out, SPEC, workers=1, progress=False)
    return read_records(out / "rgbtvg_synthetic_pretraining.jsonl")


@pytest.mark.parametrize("split", FINGERPRINTS)
def test_the_splits_of_published_tables_stay_as_they_are(split):
    digest = hashlib.sha256()
    for index in range(20):
        scene, expressions = annotate(0, split, index, 2 + index % 2)
        digest.update(json.dumps([benchmark_row("name", scene, one) for one in expressions]).encode())
    assert digest.hexdigest()[:16] == FINGERPRINTS[split]


def test_images_are_of_one_camera_and_not_dark(records):
    assert all(set(record["image_paths"]) == {"rgb"} for record in records)
    for split in ("pretraining_train", "pretraining_val"):
        assert not any(annotate(0, split, index, 2)[0].theme.dark for index in range(40))


def test_captions_name_whole_images_and_expressions_one_object(records):
    for record in records:
        count = len(record["boxes"])
        assert count == len(record["extra"]["categories"]) == len(record["extra"]["colours"])
        assert count == 1 if record["split"].startswith("expressions") else count > 2
        assert all(x0 < x1 <= 160 and y0 < y1 <= 128 for x0, y0, x1, y1 in record["boxes"])
    assert {record["split"] for record in records} == {
        f"{kind}_{part}" for kind in ("captions", "expressions") for part in ("train", "val")
    }


def test_scenes_are_not_those_of_other_splits():
    seen = {annotate(0, split, index, 2)[0].objects for split in FINGERPRINTS for index in range(20)}
    assert not seen & {annotate(0, "pretraining_train", index, 2)[0].objects for index in range(20)}


def test_another_set_is_replaced_only_on_purpose(tmp_path):
    small = PretrainingSpec(train=2, val=1)
    make_pretraining(tmp_path / "set", small, workers=1, progress=False)
    with pytest.raises(DataError, match="made with other arguments"):
        make_pretraining(tmp_path / "set", replace(small, train=3), workers=1, progress=False)
    manifest = make_pretraining(tmp_path / "set", replace(small, train=3), workers=1, overwrite=True, progress=False)
    assert manifest["arguments"]["train"] == 3


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="other things"):
        make_pretraining(tmp_path, SPEC, workers=1, progress=False)


def test_the_tokenizer_knows_every_word_by_its_pieces(records):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    assert len(tokenizer) <= 2000
    assert tokenizer.pad_token_id == 0
    assert tokenizer.mask_token_id == len(tokenizer) - 3
    assert tokenizer.eos_token_id == len(tokenizer) - 1
    text = "the Zephyr's 7th quixotic café-bus (№) at 3:40pm".replace("№", "#")
    assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
    whole = [word for word in vocabulary() if len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1]
    assert len(whole) > 0.85 * len(vocabulary())
    assert all(len(tokenizer(record["expression"])["input_ids"]) <= 32 for record in records)

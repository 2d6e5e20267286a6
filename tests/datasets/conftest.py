"""Small datasets and tokenizers in the real formats, written by the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

WIDTH, HEIGHT = 64, 48

# File name, size, box xywh, expression, lighting, scale, crowded, scene, weather, occlusion.
TEST_ROWS = [
    ("a.png", {"height": HEIGHT, "width": WIDTH}, [4, 6, 20, 10], "the bright car", 4, "normal", 0, 0, 2, 0),
    ("a.png", {"height": HEIGHT, "width": WIDTH}, [1.5, 2.7, 3.2, 4.9], "the small dog", 3, "small", 0, 0, 2, 1),
    ("b.png", {"height": HEIGHT, "width": WIDTH}, [30, 20, 10, 10], "the left person", 1, "normal", 1, 12, 0, 2),
    ("b.png", {"height": HEIGHT, "width": WIDTH}, [40, 20, 4, 4], "the lamp", 2, "small", 2, 7, 1, 0),
]


class RGBTFolder:
    """An RGBT-Ground tree in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.split_root = root / "splits"

    def add_split(self, dataset: str, split: str, rows: list, folder: str = "") -> Path:
        path = self.split_root / dataset / folder / f"{dataset}_{split}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(rows, path)
        return path

    def add_pair(self, name: str, layout: str = "rgbtvg/rgbtvg-images/all/{stream}", streams=("rgb", "ir")) -> None:
        for stream in streams:
            path = self.root / layout.format(stream=stream) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(len(name)).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(noise if stream == "rgb" else noise[..., 0]).save(path)

    @property
    def roots(self) -> dict[str, str]:
        return {"data_root": str(self.root), "split_root": str(self.split_root)}


@pytest.fixture
def empty_folder(tmp_path):
    return RGBTFolder(tmp_path)


@pytest.fixture
def flir(empty_folder):
    """rgbtvg_flir with train, val and test, whose condition and subset files are missing."""
    for split, rows in (("train", TEST_ROWS[:2]), ("val", TEST_ROWS[2:3]), ("test", TEST_ROWS)):
        empty_folder.add_split("rgbtvg_flir", split, rows)
    empty_folder.add_pair("a.png")
    empty_folder.add_pair("b.png")
    return empty_folder


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    """Words to ids, [CLS] before and [SEP] after, as BERT's."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "red", "left", "right", "car", "of"]
    plain = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    plain.pre_tokenizer = BertPreTokenizer()
    plain.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    return str(folder)

"""A short run on synthetic pairs, and tiny checkpoints with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

import rgbtvg
from rgbtvg.engine.config import override
from rgbtvg.registry import MODELS
from tests.engine.synthetic import make_small, options_of
from tests.models import tiny
from tests.models.tiny import transvg
from tests.run_tool import run_tool

QUICKSTART = Path(__file__).parents[2] / "configs/quickstart/quickstart.py"


@pytest.fixture(scope="session")
def quickstart_run(tmp_path_factory):
    """Work dir of one epoch of the quickstart in rgbt, as `tools/train.py` leaves it."""
    folder = tmp_path_factory.mktemp("quickstart")
    options = options_of(make_small(folder / "data", train=16, val=4, test=8), max_epochs=1, loggers="[]")
    pairs = [f"{name}={value}" for name, value in options.items()]
    assert run_tool("train.py", QUICKSTART, "--work-dir", folder / "run", "--cfg-options", *pairs) == 0
    return folder / "run"


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    words = ["[PAD]", "[UNK]", "the", "warm", "cold", "car", "person"]
    plain = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    return folder


def make_config(modality, tokenizer):
    pipeline = [
        dict(type="LoadImages", modality=modality, thermal_normalisation="$thermal_normalisation"),
        dict(type="LoadMasks"),
        dict(type="ResizeLongSide", size=tiny.IMAGE_SIZE),
        dict(type="PadToSquare", size=tiny.IMAGE_SIZE),
        dict(type="Tokenize", tokenizer=str(tokenizer), max_length=tiny.MAX_LENGTH),
        dict(type="PackGroundingInputs"),
    ]
    dataset = dict(type="RGBTGround", dataset="rgbtvg_flir", split="test", pipeline=pipeline)
    preprocessor = dict(type="GroundingPreprocessor", modality=modality, thermal_normalisation="$thermal_normalisation")
    return override(
        Config(
            dict(
                thermal_normalisation="dataset",
                model=transvg.config(modality),
                data_preprocessor=preprocessor,
                test_dataloader=dict(dataset=dict(type="ConcatDataset", datasets=[dataset])),
            )
        ),
        None,
    )


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory, tokenizer):
    """Modality -> checkpoint of a model with random weights that carries its config."""
    folder, paths = tmp_path_factory.mktemp("checkpoints"), {}
    for modality in ("rgb", "ir", "rgbt"):
        torch.manual_seed(0)
        config = make_config(modality, tokenizer)
        state = MODELS.build(config.model.to_dict()).state_dict()
        paths[modality] = folder / f"{modality}.pth"
        torch.save({"state_dict": state, "meta": {"cfg": config.pretty_text}}, paths[modality])
    return paths


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A pair as files, thermal of 16 bits."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    Image.fromarray(generator.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(folder / "rgb.png")
    Image.fromarray(generator.integers(0, 65535, (60, 90), dtype=np.uint16)).save(folder / "ir.png")
    return folder / "rgb.png", folder / "ir.png"


@pytest.fixture(scope="session")
def inferencer(checkpoints):
    return rgbtvg.GroundingInferencer(checkpoints["rgbt"], device="cpu")

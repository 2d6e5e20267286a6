"""A vision-language model of the transformers library, tiny and untrained, from a folder on disk."""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from rgbtvg.annotation import Answer, LocalModel, Turn
from rgbtvg.errors import ConfigError
from tests.run_tool import run_tool

WORDS = ["[PAD]", "[UNK]", "</s>", "<image>", "USER", "ASSISTANT", "the", "car", "left", "of", "road", "digit", "2"]
CHAT = (
    "{% for message in messages %}{{ message.role.upper() }} "
    "{% for part in message.content %}{% if part.type == 'image' %}<image> {% else %}{{ part.text }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT {% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("llava")
    core = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    core.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="[UNK]", pad_token="[PAD]", eos_token="</s>", extra_special_tokens=["<image>"]
    )
    size = {"height": 16, "width": 16}
    images = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=size)
    processor = LlavaProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default", chat_template=CHAT,
        num_additional_image_tokens=1,
    )  # fmt: skip
    shape = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(image_size=16, patch_size=8, **shape),
        text_config=LlamaConfig(vocab_size=len(WORDS), num_key_value_heads=2, **shape),
        image_token_index=WORDS.index("<image>"),
    )
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(path)
    processor.save_pretrained(path)
    return path


def test_answers_images_and_corrections(folder):
    from PIL import Image

    model = LocalModel(str(folder), device="cpu", max_tokens=5)
    image = Image.new("L", (20, 30))
    first = model.answer([Turn("user", "the car", (image, image))])
    assert isinstance(first, Answer)
    again = model.answer([Turn("user", "the car", (image,)), Turn("assistant", "road"), Turn("user", "left")])
    assert isinstance(again.text, str)


def test_annotation_run_with_it_ends_and_tells_what_it_refused(folder, raw, tmp_path, capsys):
    arguments = (raw, "--out", tmp_path / "out.jsonl", "--limit", 2, "--attempts", 2, "--max-tokens", 5)
    assert run_tool("data/annotate.py", *arguments, "--local", folder, "--device", "cpu") == 0
    entries = [json.loads(line) for line in (tmp_path / "out.journal.jsonl").read_text().splitlines()[1:]]
    assert len(entries) == 2 + 2 * 2  # one image and two expressions, each refused twice
    assert {entry["host"] for entry in entries} == {"local"}
    assert "0 records accepted, 2 rejected" in capsys.readouterr().out


def test_folder_without_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is no vision-language model"):
        LocalModel(str(tmp_path), device="cpu")

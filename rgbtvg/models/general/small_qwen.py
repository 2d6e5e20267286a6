"""Small Qwen models with random weights and a tokenizer that can write boxes, in folders of Hugging Face's layout."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rgbtvg.models.general import prompts

SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>"]
MARKS = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
CHAT = (
    "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}\n"
)
PATCH = 8


def tokenizer(words: Iterable[str], extra: list[str], image_token: str | None = None) -> Any:
    """A token per known word, with or without a blank before it, and per other character, as Qwen's digits are.

    Args:
        words: known ones beside those of the questions.
        extra: special tokens, such as locations.
        image_token: the one that stands for an image, for processors that ask the tokenizer.
    """
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    questions = re.findall("[A-Za-z]{2,}", prompts.CHAT + prompts.BOTH_IMAGES + prompts.THERMAL)
    known = sorted({*(word for word in words if len(word) > 1), *questions, "bbox"})
    characters = [chr(code) for code in range(32, 127)] + ["\n"]
    tokens = [*SPECIAL, *dict.fromkeys([*known, *(f" {word}" for word in known), *characters]), *extra]
    core = Tokenizer(WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="<unk>"))
    pattern = "|".join(rf" ?\b{word}\b" for word in known)
    core.pre_tokenizer = Split(Regex(rf"<loc_?\d+>|{pattern}|[\s\S]"), "isolated")
    special: Any = {"image_token": image_token} if image_token else extra
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<eos>",
        extra_special_tokens=special,
    )


def build(kind: str, words: Iterable[str], width: int, pixels: int, spread: float = 0.02) -> tuple[Any, Any]:
    """A model of three layers in each part, and its processor; see :func:`save`."""
    import transformers as hf

    known = tokenizer(words, MARKS)
    ids = known.convert_tokens_to_ids(MARKS)
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    ends = dict(pad_token_id=0, bos_token_id=2, eos_token_id=3)
    shape = dict(hidden_size=width, intermediate_size=2 * width, initializer_range=spread)
    text: dict[str, Any] = {}
    vision: dict[str, Any] = dict(window_size=32, fullatt_block_indexes=[1])
    if kind == "Qwen3VL":
        text = dict(head_dim=width // 4)
        vision = dict(num_position_embeddings=64, deepstack_visual_indexes=[1])
    half = width // 8
    rope = dict(rope_type="default", rope_theta=10000.0, mrope_section=[half - 2 * (half // 3), half // 3, half // 3])
    text.update(
        shape, vocab_size=len(known), num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        rope_parameters=rope, tie_word_embeddings=True, **ends,
    )  # fmt: skip
    vision.update(shape, depth=3, num_heads=4, patch_size=PATCH, temporal_patch_size=1, out_hidden_size=width)
    name = "Qwen3VL" if kind == "Qwen3VL" else "Qwen2_5_VL"
    config = getattr(hf, f"{name}Config")(
        text_config=text, vision_config=vision, tie_word_embeddings=True, **ends, **dict(zip(names, ids, strict=True))
    )
    size = {"shortest_edge": pixels, "longest_edge": pixels}
    images = hf.Qwen2VLImageProcessor(size=size, patch_size=PATCH, temporal_patch_size=1)
    video = hf.Qwen3VLVideoProcessor if kind == "Qwen3VL" else hf.Qwen2VLVideoProcessor
    processor = getattr(hf, f"{name}Processor")(images, known, video(patch_size=PATCH), chat_template=CHAT)
    return getattr(hf, f"{name}ForConditionalGeneration")(config), processor


def save(
    kind: str,
    folder: Path,
    words: Iterable[str],
    width: int = 32,
    pixels: int = 64 * 64,
    seed: int = 0,
    spread: float = 0.02,
) -> Path:
    """Write a model and its processor, and return the folder.

    Args:
        kind: name of our class, ``Qwen3VL`` or ``Qwen2_5VL``.
        folder: is created.
        words: that are one token each.
        width: channels.
        pixels: of an image after the processor.
        seed: of the weights.
        spread: standard deviation of the initial weights. Qwen's default of 0.02 is meant for larger widths.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = build(kind, words, width, pixels, spread)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder

"""Tiny vision-language models with a tokenizer that can write and read boxes, in folders of Hugging Face's layout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from rgbtvg.models.general import prompts

SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>"]
MARKS = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
EXTRA = ["warm", "cold", "red", "green", "blue", "square", "thing", "left", "big", "detect"]
WORDS = sorted({*EXTRA, *re.findall("[A-Za-z]{2,}", prompts.CHAT + prompts.BOTH_IMAGES + prompts.THERMAL), "bbox"})
CHAT = (
    "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}\n"
)


def tokenizer(extra: list[str], image_token: str | None = None) -> hf.PreTrainedTokenizerFast:
    """A token per known word, with or without a blank before it, and per other character, as Qwen's digits are."""
    characters = [chr(code) for code in range(32, 127)] + ["\n"]
    tokens = [*SPECIAL, *dict.fromkeys([*WORDS, *(f" {word}" for word in WORDS), *characters]), *extra]
    core = Tokenizer(WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="<unk>"))
    words = "|".join(rf" ?\b{word}\b" for word in WORDS)
    core.pre_tokenizer = Split(Regex(rf"<loc_?\d+>|{words}|[\s\S]"), "isolated")
    special: Any = {"image_token": image_token} if image_token else extra
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<bos>", eos_token="<eos>",
        extra_special_tokens=special,
    )  # fmt: skip


def qwen(kind: str, width: int, pixels: int) -> tuple[Any, Any]:
    words = tokenizer(MARKS)
    ids = words.convert_tokens_to_ids(MARKS)
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    ends = dict(pad_token_id=0, bos_token_id=2, eos_token_id=3)
    patch = 8
    shape = dict(hidden_size=width, intermediate_size=2 * width)
    if kind == "Qwen3VL":
        text, vision = dict(head_dim=width // 4), dict(num_position_embeddings=64, deepstack_visual_indexes=[1])
    else:
        text, vision = {}, dict(window_size=32, fullatt_block_indexes=[1])
    half = width // 8
    rope = dict(rope_type="default", rope_theta=10000.0, mrope_section=[half - 2 * (half // 3), half // 3, half // 3])
    config = getattr(hf, f"{kind}Config" if kind == "Qwen3VL" else "Qwen2_5_VLConfig")(
        text_config=dict(
            shape, vocab_size=len(words), num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            rope_parameters=rope, tie_word_embeddings=True, **ends, **text,
        ),
        vision_config=dict(
            shape, depth=3, num_heads=4, patch_size=patch, temporal_patch_size=1, out_hidden_size=width, **vision
        ),
        tie_word_embeddings=True, **ends, **dict(zip(names, ids, strict=True)),
    )  # fmt: skip
    images = hf.Qwen2VLImageProcessor(
        size={"shortest_edge": pixels, "longest_edge": pixels}, patch_size=patch, temporal_patch_size=1
    )
    video = hf.Qwen3VLVideoProcessor if kind == "Qwen3VL" else hf.Qwen2VLVideoProcessor
    name = kind if kind == "Qwen3VL" else "Qwen2_5_VL"
    processor = getattr(hf, f"{name}Processor")(images, words, video(patch_size=patch), chat_template=CHAT)
    return getattr(hf, f"{name}ForConditionalGeneration")(config), processor


def paligemma(width: int, pixels: int) -> tuple[Any, Any]:
    words = tokenizer([f"<loc{i:04}>" for i in range(1024)] + ["<image>"], image_token="<image>")
    side = round(pixels**0.5)
    images = hf.SiglipImageProcessor(size={"height": side, "width": side})
    images.image_seq_length = (side // 8) ** 2
    processor = hf.PaliGemmaProcessor(images, words)
    shape = dict(hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3, num_attention_heads=4)
    ends = dict(pad_token_id=0, bos_token_id=2, eos_token_id=3)
    config = hf.PaliGemmaConfig(
        vision_config=dict(
            model_type="siglip_vision_model", image_size=side, patch_size=8, vision_use_head=False, **shape
        ),
        text_config=dict(
            model_type="gemma", vocab_size=len(words), num_key_value_heads=2, head_dim=width // 4, **ends, **shape
        ),
        image_token_index=words.convert_tokens_to_ids("<image>"), projection_dim=width, hidden_size=width,
        vocab_size=len(words), **ends,
    )  # fmt: skip
    return hf.PaliGemmaForConditionalGeneration(config), processor


def florence2(width: int, pixels: int) -> tuple[Any, Any]:
    words = tokenizer([f"<loc_{i}>" for i in range(1000)] + ["<image>"], image_token="<image>")
    from tokenizers.processors import TemplateProcessing

    words.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 3)]
    )
    text = dict(
        d_model=width, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=width, decoder_ffn_dim=width, max_position_embeddings=256, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, decoder_start_token_id=3, forced_eos_token_id=3,
    )  # fmt: skip
    vision = dict(
        depths=[1, 1, 1, 1], embed_dim=[8, 8, 16, width], num_heads=[1, 1, 1, 1], num_groups=[1, 1, 1, 1],
        window_size=2, projection_dim=width,
    )  # fmt: skip
    config = hf.Florence2Config(
        text_config=hf.BartConfig(vocab_size=len(words), **text).to_dict(),
        vision_config=vision,
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    side = round(pixels**0.5)
    images = hf.CLIPImageProcessor(size={"height": side, "width": side}, do_center_crop=False)
    images.image_seq_length = (side // 32) ** 2 + 1
    return hf.Florence2ForConditionalGeneration(config), hf.Florence2Processor(images, words)


def save(name: str, folder: Path, width: int = 32, pixels: int = 64 * 64, seed: int = 0) -> Path:
    """Write a tiny model and its processor, and return the folder.

    Args:
        name: of our class.
        folder: is created.
        width: channels.
        pixels: of an image after the processor.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    if name.startswith("Qwen"):
        model, processor = qwen(name, width, pixels)
    else:
        model, processor = {"PaliGemma": paligemma, "Florence2": florence2}[name](width, pixels)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder

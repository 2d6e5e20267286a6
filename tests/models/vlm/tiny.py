"""Tiny vision-language models with a tokenizer that can write and read boxes, in folders of Hugging Face's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as hf

from rgbtvg.models.general import small_qwen

WORDS = ["warm", "cold", "red", "green", "blue", "square", "thing", "left", "big", "detect"]


def tokenizer(extra: list[str], image_token: str | None = None) -> Any:
    """The package's, with the words of the tests."""
    return small_qwen.tokenizer(WORDS, extra, image_token)


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
    if name.startswith("Qwen"):
        return small_qwen.save(name, folder, WORDS, width, pixels, seed)
    torch.manual_seed(seed)
    model, processor = {"PaliGemma": paligemma, "Florence2": florence2}[name](width, pixels)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder

"""Every general model of `transformers`, tiny and untrained, in a folder of Hugging Face's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = ["the", "car", "red", "person", "left", "of", "on", "in", "a", "detect", ".", ",", "bus", "locate", "image"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SWIN = dict(
    image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
    out_indices=[2, 3, 4],
)  # fmt: skip
SHAPE = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2)
CHAT = (
    "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %} {{ part.text }} {% endif %}{% endfor %}{% endfor %}"
)


def tokenizer(extra: list[str] | None = None, image_token: str | None = None) -> hf.PreTrainedTokenizerFast:
    """One token per known word, digit and bracket; an expression stands between [CLS] and [SEP]."""
    words = [*SPECIAL, *WORDS, *"0123456789[]", *(extra or [])]
    core = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = Whitespace()
    core.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = dict(unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    special: Any = {"image_token": image_token} if image_token else (extra or [])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="[CLS]", eos_token="[SEP]", extra_special_tokens=special, **names
    )


def grounding_dino(kind: str = "GroundingDino") -> tuple[Any, Any]:
    words = tokenizer()
    config = getattr(hf, f"{kind}Config")(
        backbone_config=hf.SwinConfig(**SWIN),
        text_config=hf.BertConfig(vocab_size=len(words), **SHAPE),
        d_model=32, num_queries=12, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_n_points=1, decoder_n_points=1, max_text_len=32,
    )  # fmt: skip
    images = hf.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    return getattr(hf, f"{kind}ForObjectDetection")(config), hf.GroundingDinoProcessor(images, words)


def mm_grounding_dino() -> tuple[Any, Any]:
    return grounding_dino("MMGroundingDino")


def owlv2() -> tuple[Any, Any]:
    words = tokenizer()
    config = hf.Owlv2Config(
        text_config=dict(vocab_size=len(words), max_position_embeddings=16, **SHAPE),
        vision_config=dict(image_size=32, patch_size=8, **SHAPE),
        projection_dim=16,
    )
    images = hf.Owlv2ImageProcessor(size={"height": 32, "width": 32})
    return hf.Owlv2ForObjectDetection(config), hf.Owlv2Processor(images, words)


def omdet_turbo() -> tuple[Any, Any]:
    words = tokenizer()
    config = hf.OmDetTurboConfig(
        backbone_config=hf.SwinConfig(**SWIN),
        text_config=hf.CLIPTextConfig(vocab_size=len(words), max_position_embeddings=77, projection_dim=16, **SHAPE),
        apply_layernorm_after_vision_backbone=False, image_size=64,
        text_projection_in_dim=16, text_projection_out_dim=16, class_embed_dim=16,
        task_encoder_hidden_dim=16, num_queries=12, encoder_hidden_dim=32, vision_features_channels=[32, 32, 32],
        encoder_in_channels=[16, 32, 64], encoder_attention_heads=2, encoder_dim_feedforward=16,
        decoder_hidden_dim=32, decoder_num_heads=2, decoder_num_layers=1, decoder_dim_feedforward=16,
    )  # fmt: skip
    images = hf.DetrImageProcessor(size={"height": 64, "width": 64}, do_pad=False)
    return hf.OmDetTurboForObjectDetection(config), hf.OmDetTurboProcessor(images, words)


def florence2() -> tuple[Any, Any]:
    words = tokenizer([f"<loc_{i}>" for i in range(1000)] + ["<image>"], image_token="<image>")
    text = dict(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=256, pad_token_id=0, bos_token_id=2,
        eos_token_id=3, decoder_start_token_id=3, forced_eos_token_id=3,
    )  # fmt: skip
    vision = dict(
        depths=[1, 1, 1, 1], embed_dim=[8, 8, 8, 16], num_heads=[1, 1, 1, 1], num_groups=[1, 1, 1, 1], window_size=2,
        projection_dim=16,
    )  # fmt: skip
    config = hf.Florence2Config(
        text_config=hf.BartConfig(vocab_size=len(words), **text).to_dict(),
        vision_config=vision,
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    images = hf.CLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = 5
    return hf.Florence2ForConditionalGeneration(config), hf.Florence2Processor(images, words)


def paligemma() -> tuple[Any, Any]:
    words = tokenizer(["<image>"], image_token="<image>")
    images = hf.SiglipImageProcessor(size={"height": 32, "width": 32})
    images.image_seq_length = 16
    processor = hf.PaliGemmaProcessor(images, words)
    config = hf.PaliGemmaConfig(
        vision_config=dict(model_type="siglip_vision_model", image_size=32, patch_size=8, **SHAPE),
        text_config=dict(
            model_type="gemma", vocab_size=len(words), num_key_value_heads=1, head_dim=8, pad_token_id=0,
            bos_token_id=2, eos_token_id=3, **SHAPE,
        ),
        image_token_index=words.convert_tokens_to_ids("<image>"), projection_dim=16, hidden_size=16,
        vocab_size=len(words), pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    return hf.PaliGemmaForConditionalGeneration(config), processor


def qwen(kind: str, text: dict[str, Any], vision: dict[str, Any], patch: int) -> tuple[Any, Any]:
    marks = ["<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    words = tokenizer(marks)
    ids = dict(zip(("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
                   words.convert_tokens_to_ids(marks), strict=True))  # fmt: skip
    rope = dict(rope_type="default", rope_theta=10000.0, mrope_section=[1, 1, 2])
    config = getattr(hf, f"{kind}Config")(
        text_config=dict(
            vocab_size=len(words), num_key_value_heads=1, rope_parameters=rope, pad_token_id=0, bos_token_id=2,
            eos_token_id=3, **SHAPE, **text,
        ),
        vision_config=dict(
            depth=2, hidden_size=16, intermediate_size=16, num_heads=2, patch_size=patch, out_hidden_size=16, **vision
        ),
        pad_token_id=0, bos_token_id=2, eos_token_id=3, **ids,
    )  # fmt: skip
    size = {"shortest_edge": 4 * (2 * patch) ** 2, "longest_edge": 16 * (2 * patch) ** 2}
    images = hf.Qwen2VLImageProcessor(size=size, patch_size=patch)
    videos = (hf.Qwen2VLVideoProcessor if kind == "Qwen2_5_VL" else hf.Qwen3VLVideoProcessor)(patch_size=patch)
    processor = getattr(hf, f"{kind.replace('Qwen3_VL', 'Qwen3VL')}Processor")(
        images, words, videos, chat_template=CHAT
    )
    return getattr(hf, f"{kind}ForConditionalGeneration")(config), processor


def qwen2_5_vl() -> tuple[Any, Any]:
    return qwen("Qwen2_5_VL", {}, dict(window_size=56, fullatt_block_indexes=[1]), 14)


def qwen3_vl() -> tuple[Any, Any]:
    return qwen("Qwen3VL", dict(head_dim=8), dict(num_position_embeddings=16, deepstack_visual_indexes=[0]), 16)


MODELS = {
    "GroundingDINO": grounding_dino,
    "MMGroundingDINO": mm_grounding_dino,
    "OWLv2": owlv2,
    "OmDetTurbo": omdet_turbo,
    "Florence2": florence2,
    "PaliGemma": paligemma,
    "Qwen2_5VL": qwen2_5_vl,
    "Qwen3VL": qwen3_vl,
}
"""Name of our class -> function that builds its model and processor."""


def save(name: str, folder: Path) -> Path:
    """Write a tiny model and its processor, and return the folder."""
    torch.manual_seed(0)
    model, processor = MODELS[name]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder

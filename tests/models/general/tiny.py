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

from tests.models.vlm import tiny as written

WORDS = ["the", "car", "red", "person", "left", "of", "on", "in", "a", "detect", ".", ",", "bus", "locate", "image"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SWIN = dict(
    image_size=64, patch_size=4, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
    out_indices=[2, 3, 4],
)  # fmt: skip
SHAPE = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2)


def tokenizer() -> hf.PreTrainedTokenizerFast:
    """One token per known word; an expression stands between [CLS] and [SEP]."""
    words = [*SPECIAL, *WORDS]
    core = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = Whitespace()
    core.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = dict(unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    return hf.PreTrainedTokenizerFast(tokenizer_object=core, bos_token="[CLS]", eos_token="[SEP]", **names)


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


DETECTORS = {
    "GroundingDINO": grounding_dino,
    "MMGroundingDINO": mm_grounding_dino,
    "OWLv2": owlv2,
    "OmDetTurbo": omdet_turbo,
}
"""Name of our class -> function that builds its model and processor."""
WRITERS = ("Florence2", "PaliGemma", "Qwen2_5VL", "Qwen3VL")
MODELS = (*DETECTORS, *WRITERS)


def save(name: str, folder: Path) -> Path:
    """Write a tiny model and its processor, and return the folder."""
    if name in WRITERS:
        return written.save(name, folder)
    torch.manual_seed(0)
    model, processor = DETECTORS[name]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder

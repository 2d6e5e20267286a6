"""Configs and layouts of parts that several methods share, from a case's config."""

from __future__ import annotations

from cases import Case
from torch import Tensor


def is_benchmark(case: Case) -> bool:
    """Whether the reference is the RGB-T benchmark's variant, not the authors' own code."""
    return "RGBTVG" in case.spec["reference"]


def resnet_detr(case: Case, modality: str) -> dict:
    config = case.spec["config"]
    return dict(
        type="ResNetDETR",
        depth=int(config["backbone"].removeprefix("resnet")),
        width=config["hidden_dim"],
        num_layers=config["enc_layers"],
        num_heads=config["nheads"],
        ffn_width=config["dim_feedforward"],
        pre_norm=config.get("pre_norm", False),
        dilation=config["dilation"],
        use_padding_mask=not (is_benchmark(case) and modality == "rgbt"),
    )


def clip_arch(width: int, layers: int, heads: int, embed_dim: int, mlp_width: int | None = None, **sizes: int) -> dict:
    """Sizes of one tower of CLIP; `sizes` are those of images or of words."""
    return dict(width=width, layers=layers, heads=heads, mlp_width=mlp_width or 4 * width, embed_dim=embed_dim, **sizes)


def clip_encoders(case: Case, image_size: int | None = None, **vision: object) -> dict:
    """Both towers of an OpenAI-style CLIP, from ``config.clip``; heads of the image tower are 64 wide.

    `image_size` is that of the position table, and `vision` further arguments of the image encoder.
    """
    clip = case.spec["config"]["clip"]
    image = clip_arch(
        clip["vision_width"],
        clip["vision_layers"],
        clip["vision_width"] // 64,
        clip["embed_dim"],
        patch_size=clip["vision_patch_size"],
        image_size=image_size or clip["image_resolution"],
    )
    text = clip_arch(
        clip["transformer_width"],
        clip["transformer_layers"],
        clip["transformer_heads"],
        clip["embed_dim"],
        vocabulary_size=clip["vocab_size"],
        context_length=clip["context_length"],
    )
    return dict(
        image_encoder=dict(type="CLIPVisionEncoder", arch=image, **vision),
        text_encoder=dict(type="CLIPTextEncoder", arch=text),
    )


def bert(case: Case, prefix: str = "textmodel.bert", num_layers: int | None = None, **kwargs: object) -> dict:
    """BERT of the sizes in the state dict; heads are 64 wide, as in every published size.

    `num_layers` is how many are kept (default: all of them).
    """
    shapes = case.spec["state_dict"]
    vocabulary, width = shapes[f"{prefix}.embeddings.word_embeddings.weight"]
    stem = f"{prefix}.encoder.layer."
    stored = 1 + max(
        (int(name.removeprefix(stem).split(".")[0]) for name in shapes if name.startswith(stem)), default=-1
    )
    arch = dict(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=stored,
        num_attention_heads=max(width // 64, 1),
        max_position_embeddings=shapes[f"{prefix}.embeddings.position_embeddings.weight"][0],
    )
    if stored:
        arch["intermediate_size"] = shapes[f"{stem}0.intermediate.dense.weight"][0]
    return dict(type="BertEncoder", arch=arch, num_layers=num_layers, **kwargs)


def bert_layer(case: Case) -> int:
    """How many BERT layers are read: the benchmark's index is one off."""
    number = case.spec["config"]["bert_enc_num"]
    return number - 1 if number and is_benchmark(case) else number


def joint_encoder(case: Case) -> dict:
    config = case.spec["config"]
    return dict(
        type="JointEncoder",
        width=config["vl_hidden_dim"],
        depth=config["vl_enc_layers"],
        num_heads=config["vl_nheads"],
        ffn_width=config["vl_dim_feedforward"],
        pre_norm=config.get("normalize_before", False),
    )


def per_stream(named: dict[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Outputs of one batched pass over the streams, taken apart under the reference's prefix of each stream."""
    if len(prefixes) == 1:
        return {prefixes[0] + name: tensor for name, tensor in named.items()}
    return {
        prefix + name: part
        for name, tensor in named.items()
        for prefix, part in zip(prefixes, tensor.chunk(len(prefixes)), strict=True)
    }


def grey_streams(image: Tensor, modality: str) -> dict[str, Tensor]:
    """Streams of the references that repeat one thermal channel: the fourth of four or more, else the first."""
    thermal = image[:, 3:4] if image.shape[1] >= 4 else image[:, :1]
    streams = {"rgb": image[:, :3], "ir": thermal.repeat(1, 3, 1, 1)}
    return streams if modality == "rgbt" else {modality: streams[modality]}


def bracketed(named: dict[str, Tensor], modality: str) -> dict[str, Tensor]:
    """Outputs of one batched pass, as ``name[rgb]`` and ``name[thermal]`` where there are two streams."""
    if modality != "rgbt":
        return named
    return {
        f"{name}[{stream}]": part
        for name, tensor in named.items()
        for stream, part in zip(("rgb", "thermal"), tensor.chunk(2), strict=True)
    }

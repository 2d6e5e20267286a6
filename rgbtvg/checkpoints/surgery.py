"""Operations on the weights of the CLIP-based methods (CLIP-VG, HiVG, RGBT-VGNet), as plain functions of a state dict
of ours.

Each returns a new dict and leaves the given one as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rgbtvg.errors import CheckpointError
from rgbtvg.structures.grid_tables import resize_grid_rows, resize_grid_table

State = dict[str, Tensor]
UPDATE = re.compile(r"(?P<linear>.+)\.lora\.(?P<group>\w+)\.(?P<factor>down|up)")
JOINT_POSITIONS = "fusion.positions.weight"
PER_STREAM = {"guide": r"(.*\.slots\.guide)\.", "level_proj": r"(level_proj)\.", "image_proj": r"(image_proj)\."}
"""Modules that a model may have once, or once per stream."""
PATCHES = "image_encoder.patch_embedding.weight"
CLIP_POSITIONS = "image_encoder.position_embedding"
WRAPPERS = re.compile(r"^(clip\.)?(base_model\.model\.)+|^clip\.")
CLIP_MODULES = (
    "text_model.",
    "vision_model.",
    "vision_model_ir.",
    "visual_projection.",
    "text_projection.",
    "logit_scale",
)


def lora_groups(state: Mapping[str, Tensor]) -> list[str]:
    """Names of the groups of low-rank updates in a state dict.

    Raises:
        CheckpointError: they have peft's names, or are AdaLoRA's, which have a third factor.
    """
    of_peft = next((name for name in state if ".lora_A." in name), None)
    if of_peft is not None:
        raise CheckpointError(f"{of_peft} is peft's name: convert the file first (convert_checkpoint.py METHOD)")
    adaptive = next((name for name in state if re.search(r"\.lora\.\w+\.values$", name)), None)
    if adaptive is not None:
        raise CheckpointError(f"{adaptive} is of AdaLoRA, whose updates can be neither merged nor split in a file")
    return sorted({match["group"] for name in state if (match := UPDATE.fullmatch(name))})


def thermal_norm(state: Mapping[str, Tensor]) -> float | None:
    """L2 norm of all up factors of thermal's own group, which start at zero; None where there is no such group."""
    updates = [tensor for name, tensor in state.items() if name.endswith(".lora.ir.up")]
    return math.sqrt(sum(float(up.double().square().sum()) for up in updates)) if updates else None


def lora_group(state: Mapping[str, Tensor], group: str | None, action: str) -> str:
    """The LoRA group of this name, or the only one.

    Raises:
        CheckpointError: no such group, or several and none named.
    """
    groups = lora_groups(state)
    group = groups[0] if group is None and len(groups) == 1 else group
    if group is None or group not in groups:
        raise CheckpointError(f"name the LoRA group to {action}; the file has {', '.join(groups) or 'none'}")
    return group


def merge_lora(state: Mapping[str, Tensor], group: str | None, alpha: float) -> State:
    """Add the low-rank updates of a group to the weights and drop the updates of all groups.

    Args:
        state: weights.
        group: LoRA group; may be None if there is only one. With one group per stream, merging each gives the two
            weight sets of a pair.
        alpha: the updates are scaled by alpha / rank.

    Raises:
        CheckpointError: no such group, or several and none named.
    """
    group = lora_group(state, group, "merge")
    merged = {name: tensor for name, tensor in state.items() if not UPDATE.fullmatch(name)}
    for name in state:
        match = UPDATE.fullmatch(name)
        if match and match["group"] == group and match["factor"] == "down":
            down, up = state[name], state[f"{match['linear']}.lora.{group}.up"]
            weight = f"{match['linear']}.weight"
            merged[weight] = merged[weight] + alpha / len(down) * up @ down
    return merged


def split_lora(state: Mapping[str, Tensor], ranks: Mapping[str, int], source: str | None = None) -> State:
    """Make several groups out of one, each the same update at the start.

    A higher rank is filled up with directions that do nothing yet; a lower one keeps the best approximation.

    Args:
        state: weights.
        ranks: new group -> its rank. The text encoder gets only the first, since it runs no thermal stream.
        source: group to split; may be left out where there is only one.
    """
    if min(ranks.values()) < 1:
        raise CheckpointError(f"ranks must be 1 or more, got {dict(ranks)}")
    source = lora_group(state, source, "split")
    split: State = {}
    for name, tensor in state.items():
        match = UPDATE.fullmatch(name)
        if not match or match["group"] != source:
            split[name] = tensor
        elif match["factor"] == "down":
            linear = match["linear"]
            targets = list(ranks.items())[:1] if linear.startswith("text_encoder.") else ranks.items()
            for group, rank in targets:
                down, up = change_rank(tensor, state[f"{linear}.lora.{source}.up"], rank)
                split[f"{linear}.lora.{group}.down"], split[f"{linear}.lora.{group}.up"] = down, up
    return split


def change_rank(down: Tensor, up: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factors (rank, in) and (out, rank) of the same update at another rank, and so at another scale alpha / rank."""
    old = len(down)
    if rank > old:
        fresh = torch.empty(rank - old, down.shape[1])
        torch.nn.init.kaiming_uniform_(fresh, a=math.sqrt(5))
        down, up = torch.cat((down, fresh)), torch.cat((up, up.new_zeros(len(up), rank - old)), dim=1)
    elif rank < old:
        left, values, right = torch.linalg.svd(up @ down, full_matrices=False)
        root = values[:rank].sqrt()
        down, up = root[:, None] * right[:rank], left[:, :rank] * root
    else:
        down, up = down.clone(), up.clone()
    return down, up * (rank / old)


def copy_to_thermal(state: Mapping[str, Tensor], modules: Sequence[str] = tuple(PER_STREAM)) -> State:
    """Give thermal its own copy of what a shared or RGB-only model has once.

    Args:
        state: weights.
        modules: which ones, of ``guide``, ``level_proj`` and ``image_proj``; all by default.

    Raises:
        CheckpointError: the file has none of them.
    """
    patterns = [PER_STREAM[module] for module in modules]
    copied: State = {}
    for name, tensor in state.items():
        stem = next((match[1] for pattern in patterns if (match := re.match(pattern, name))), None)
        if stem is None:
            copied[name] = tensor
            continue
        rest = name.removeprefix(f"{stem}.").removeprefix("rgb.")
        if rest.startswith("ir."):
            continue
        copied[f"{stem}.rgb.{rest}"], copied[f"{stem}.ir.{rest}"] = tensor, tensor.clone()
    if copied.keys() == state.keys():
        raise CheckpointError(f"the file has no {', '.join(modules)} to copy: it is not of HiVG or RGBT-VGNet")
    return copied


def double_image_rows(state: Mapping[str, Tensor]) -> State:
    """Joint positions from one stream to two side by side: the patches' rows are repeated for thermal."""
    before, count, num_streams = image_rows(state)
    if num_streams > 1:
        raise CheckpointError("the joint position table already has two streams")
    table, end = state[JOINT_POSITIONS], before + count
    return {**state, JOINT_POSITIONS: torch.cat((table[:end], table[before:end], table[end:]))}


def widen_projections(state: Mapping[str, Tensor]) -> State:
    """Let the first projections of FAOA or ReSC take two streams side by side in the channels.

    Each stream gets half of the weight, so that two equal images give what one gave.
    """
    widened = dict(state)
    for name, tensor in state.items():
        if re.fullmatch(r"image_proj\.(\d+\.)?conv\.weight", name):
            widened[name] = torch.cat((tensor, tensor), dim=1) / 2
    if not widened or all(widened[name] is state[name] for name in state):
        raise CheckpointError("the file has no projections image_proj.*.conv to widen: it is not of FAOA or ReSC")
    return widened


def resize_positions(
    state: Mapping[str, Tensor], image_size: int, old_size: int | None = None, num_words: int | None = None
) -> State:
    """Resample the position table that belongs to the image size; class, regression and word rows are kept.

    That is the joint table, or CLIP's own for FSVG, which has no joint table. The CLIP encoder of the other methods
    resamples its table in every pass.

    Args:
        state: weights.
        image_size: in pixels.
        old_size: image size of the weights in pixels, for methods without a CLIP patch embedding.
        num_words: tokens of a sentence, for methods without CLIP's text encoder.

    Raises:
        CheckpointError: the table is missing or is not made of square grids.
    """
    if JOINT_POSITIONS not in state and CLIP_POSITIONS in state:
        grid = _grid(image_size, state[PATCHES].shape[-1])
        return {**state, CLIP_POSITIONS: resize_grid_table(state[CLIP_POSITIONS], grid, num_prefix=1, antialias=False)}
    before, count, num_streams = image_rows(state, num_words)
    if PATCHES in state:
        cell = state[PATCHES].shape[-1]
    elif old_size is not None:
        cell = old_size // math.isqrt(count)
    else:
        raise CheckpointError("the image size of the file is unknown: name its config")
    table = resize_grid_rows(state[JOINT_POSITIONS], before, count, num_streams, _grid(image_size, cell))
    return {**state, JOINT_POSITIONS: table}


def _grid(image_size: int, cell: int) -> tuple[int, int]:
    if image_size < cell:
        raise CheckpointError(f"{image_size} pixels are less than a patch of {cell}")
    return (image_size // cell, image_size // cell)


def image_rows(state: Mapping[str, Tensor], num_words: int | None = None) -> tuple[int, int, int]:
    """(rows before the first patch, patches of one stream, number of streams) of the joint position table.

    HiVG and RGBT-VGNet, which have ``level_proj``, put the image before the words.

    Args:
        state: weights.
        num_words: word rows, where there is no CLIP text encoder that says so.
    """
    if JOINT_POSITIONS not in state:
        raise CheckpointError("the file has no joint position table (fusion.positions.weight)")
    of_clip = "text_encoder.position_embedding" in state
    words = len(state["text_encoder.position_embedding"]) if of_clip else num_words
    if words is None:
        raise CheckpointError("the number of words in the joint position table is unknown: name the file's config")
    prefix = 2 if of_clip else 1  # the regression token, and CLIP's class token
    patches = len(state[JOINT_POSITIONS]) - prefix - words
    # A number cannot be both a square and twice a square.
    num_streams = next((n for n in (1, 2) if patches % n == 0 and math.isqrt(patches // n) ** 2 == patches // n), None)
    if patches < 1 or num_streams is None:
        raise CheckpointError(f"{patches} patch rows of the joint position table are neither one nor two square grids")
    text_first = not any(name.startswith("level_proj.") for name in state)
    return (prefix + words if text_first else prefix), patches // num_streams, num_streams


def rename_peft(names: Sequence[str], version: str, wrappers: int = 1, targets: Sequence[str] = ()) -> dict[str, str]:
    """Names of a reference's state dict as another version of peft writes them.

    Args:
        names: of any version, with any number of wrapper prefixes or none.
        version: ``'0.3'`` (a LoRA Linear is a Linear) or ``'0.7'`` (it is wrapped: ``base_layer``), which hold for all
            versions up to 0.6 and from 0.7 on.
        wrappers: ``base_model.model.`` prefixes to write.
        targets: attentions of CLIP (``self_attn``, ``cross_attn``) that the reader adapts, for names without LoRA, such
            as those of merged weights: nothing else tells there which Linears are wrapped.

    Returns:
        given name -> name.

    Raises:
        CheckpointError: no such version, or nothing tells which Linears are wrapped.
    """
    if version not in ("0.3", "0.7"):
        raise CheckpointError(f"peft layouts are '0.3' (up to 0.6) and '0.7' (from 0.7 on), got {version!r}")
    prefix = "base_model.model." * wrappers
    plain_names = {name: WRAPPERS.sub("", name).replace(".base_layer.", ".") for name in names}
    adapted = adapted_by_peft(names, targets)
    if version == "0.7" and not adapted:
        raise CheckpointError("no LoRA in the file: name the attentions that its reader adapts (--peft-targets)")
    renamed = {}
    for name, plain in plain_names.items():
        linear, _, kind = plain.rpartition(".")
        if version == "0.7" and linear in adapted:
            plain = f"{linear}.base_layer.{kind}"
        in_model = name.startswith("clip.")
        of_clip = in_model or plain.startswith(CLIP_MODULES)
        renamed[name] = ("clip." if in_model else "") + (prefix if of_clip else "") + plain
    return renamed


def adapted_by_peft(names: Sequence[str], targets: Sequence[str]) -> set[str]:
    """Linears of a reference, without wrappers, that have LoRA or a ``base_layer``; where none has, CLIP's projections
    in these attentions."""
    marked = [re.split(r"\.lora_A\.|\.base_layer\.", name) for name in names]
    adapted = {WRAPPERS.sub("", parts[0]) for parts in marked if len(parts) > 1}
    if adapted or not targets:
        return adapted
    projection = re.compile(rf"((text|vision)_model\w*\..*\.({'|'.join(targets)})\.(q|k|v|out)_proj)\.(weight|bias)")
    return {match[1] for name in names if (match := projection.fullmatch(WRAPPERS.sub("", name)))}

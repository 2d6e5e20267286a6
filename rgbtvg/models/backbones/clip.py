"""CLIP's two towers (Radford et al. 2021) with taps at any layer and slots for what methods plug into them.

Parameter names follow Hugging Face's ``CLIPModel``. Weights of the usual files are read by ``clip_weights.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.backbones.clip_weights import load_clip_weights
from rgbtvg.models.layers.clip_layers import CLIPLayer, Groups, Linear
from rgbtvg.models.layers.convolution import patch_embedding
from rgbtvg.models.layers.detr_layers import sine_grid
from rgbtvg.models.layers.positions import POSITION_STARTS
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures
from rgbtvg.structures.grid_tables import resize_grid_table

VISION_ARCHS = {
    "B/16": dict(width=768, layers=12, heads=12, mlp_width=3072, patch_size=16, image_size=224, embed_dim=512),
    "B/32": dict(width=768, layers=12, heads=12, mlp_width=3072, patch_size=32, image_size=224, embed_dim=512),
    "L/14": dict(width=1024, layers=24, heads=16, mlp_width=4096, patch_size=14, image_size=224, embed_dim=768),
    "L/14-336": dict(width=1024, layers=24, heads=16, mlp_width=4096, patch_size=14, image_size=336, embed_dim=768),
}
_TEXT_BASE = dict(
    width=512, layers=12, heads=8, mlp_width=2048, vocabulary_size=49408, context_length=77, embed_dim=512
)
_TEXT_LARGE = dict(
    width=768, layers=12, heads=12, mlp_width=3072, vocabulary_size=49408, context_length=77, embed_dim=768
)
TEXT_ARCHS = {"B/16": _TEXT_BASE, "B/32": _TEXT_BASE, "L/14": _TEXT_LARGE, "L/14-336": _TEXT_LARGE}


def resolve_arch(arch: str | dict, known: dict[str, dict]) -> dict:
    """Sizes of an architecture given by name, or by a dict that has all of them."""
    if isinstance(arch, str):
        if arch not in known:
            raise ConfigError(
                f"unknown CLIP architecture {arch!r}; known are {', '.join(known)}, or give a dict of sizes"
            )
        return dict(known[arch])
    needed = set(next(iter(known.values())))
    if set(arch) != needed:
        raise ConfigError(
            f"a CLIP architecture is a dict of {', '.join(sorted(needed))}; got {', '.join(sorted(arch))}"
        )
    return dict(arch)


class CLIPTower(BaseModule):
    """Base of both towers: the layers, hidden states by index, and weights from a file.

    Hidden state 0 enters the first layer, hidden state i is the output of layer i - 1.
    """

    part: str

    def __init__(self, arch: dict, out_levels: Sequence[int], project_tokens: bool, pretrained: str | None) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.arch = arch
        self.embed_dim = arch["embed_dim"]
        self.out_levels = tuple(out_levels)
        self.project_tokens = project_tokens
        self.width = self.embed_dim if project_tokens else arch["width"]
        self.level_widths = (arch["width"],) * len(self.out_levels)
        if any(not 0 <= level <= arch["layers"] for level in self.out_levels):
            raise ConfigError(f"out_levels must lie in 0..{arch['layers']}, got {self.out_levels}")
        self.layers = nn.ModuleList(
            CLIPLayer(arch["width"], arch["heads"], arch["mlp_width"]) for _ in range(arch["layers"])
        )

    def run_layers(
        self,
        x: Tensor,
        language: TextFeatures | None = None,
        groups: Groups = (),
        causal: bool = False,
        attention_mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """x (B, N, D) -> the last hidden state and those of `out_levels`."""
        hidden = {0: x}
        for index, layer in enumerate(self.layers, start=1):
            x = layer(x, language, groups, causal, attention_mask)
            if index in self.out_levels:
                hidden[index] = x
        return x, tuple(hidden[level] for level in self.out_levels)

    def init_weights(self) -> None:
        """Read the pre-trained weights, or start from scratch where there are none."""
        if self.pretrained is None:
            self.reset_parameters()
        else:
            load_clip_weights(self, self.pretrained, self.part)

    def reset_parameters(self) -> None:
        """Start from scratch, as the CLIP paper's published code does: deviations shrink with width and depth."""
        depth, width = len(self.layers), self.arch["width"]
        residual_std = width**-0.5 * (2 * depth) ** -0.5
        for layer in cast("list[CLIPLayer]", list(self.layers)):
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
                nn.init.normal_(projection.weight, std=width**-0.5)
                nn.init.zeros_(projection.bias)
            for residual in (layer.self_attn.out_proj, layer.mlp.fc2):
                nn.init.normal_(residual.weight, std=residual_std)
                nn.init.zeros_(residual.bias)
            nn.init.normal_(layer.mlp.fc1.weight, std=(2 * width) ** -0.5)
            nn.init.zeros_(layer.mlp.fc1.bias)


@MODELS.register_module()
class CLIPVisionEncoder(CLIPTower):
    """CLIP's vision Transformer.

    Any image size works: the position table is resampled to the patch grid at every forward pass (bicubic,
    antialiased, class row kept). CLIP itself sees padded pixels; the mask is for what comes after it. Thermal patches
    that show nothing are left out of its attention.

    Args:
        arch: ``'B/16'``, ``'B/32'``, ``'L/14'``, ``'L/14-336'``, or a dict of `width`, `layers`, `heads`, `mlp_width`,
            `patch_size`, `image_size` (of the position table) and `embed_dim`.
        out_levels: hidden states to return; raw outputs of the residual stream, without normalisation.
        project_tokens: whether `tokens` are all tokens after the last norm and the projection to `embed_dim`, as CLIP
            does with the class token, instead of the raw last hidden state.
        in_channels: channels of the images. Weights of a file for three are carried over (`clip_weights.py`).
        patch_size: another patch size than the architecture's; weights of a file are resampled.
        image_size: side of the input in pixels that the position table is for, if other than the architecture's; the
            table of a file is resampled when it is read.
        position_jitter: in training, shift every patch's place in the position table by up to this many patches,
            uniformly ("fuzzy" positions, ViTAR, Fan et al. 2024, with 0.5). It softens a change of the image size.
        stem_widths: channels of convolutions of stride 2 that stand before the patch embedding, which then covers as
            many fewer pixels ("early convolutions", Xiao et al. 2021): small models from scratch learn faster with
            them. None as published; only files of ours with such a stem fit.
        position_start: how the position table begins where there are no weights to read: ``'normal'`` at random, as
            CLIP's; ``'sine'`` with the sine code of each place, from which a small model learns places much faster.
        pretrained: a Hugging Face directory or weight file, or OpenAI's ``.pt`` archive, read when training starts.
    """

    part = "vision"
    takes_invalid = True

    def __init__(
        self,
        arch: str | dict = "B/16",
        out_levels: Sequence[int] = (),
        project_tokens: bool = False,
        in_channels: int = 3,
        patch_size: int | None = None,
        image_size: int | None = None,
        position_jitter: float = 0.0,
        stem_widths: Sequence[int] = (),
        position_start: str = "normal",
        pretrained: str | None = None,
    ) -> None:
        arch = resolve_arch(arch, VISION_ARCHS)
        arch["image_size"] = image_size or arch["image_size"]
        super().__init__(arch, out_levels, project_tokens, pretrained)
        if position_start not in POSITION_STARTS:
            raise ConfigError(f"position_start must be one of {', '.join(POSITION_STARTS)}, got {position_start!r}")
        self.position_jitter = position_jitter
        self.position_start = position_start
        self.patch_size = patch_size or arch["patch_size"]
        side = arch["image_size"] // arch["patch_size"]
        self.table_grid = (side, side)
        self.class_embedding = nn.Parameter(torch.empty(arch["width"]))
        self.patch_embedding = patch_embedding(in_channels, arch["width"], self.patch_size, stem_widths)
        self.position_embedding = nn.Parameter(torch.empty(1 + side * side, arch["width"]))
        self.pre_layernorm = nn.LayerNorm(arch["width"])
        self.post_layernorm = nn.LayerNorm(arch["width"])
        self.projection = Linear(arch["width"], self.embed_dim, bias=False)
        for parameter in (self.class_embedding, self.position_embedding, self.projection.weight):
            nn.init.normal_(parameter, std=arch["width"] ** -0.5)

    def reset_parameters(self) -> None:
        """Start from scratch; see :class:`CLIPTower`."""
        super().reset_parameters()
        if self.position_start == "sine":
            # About as large as the embedded pixels of a new patch embedding.
            self.position_embedding.data[1:] = 0.5 * sine_grid(self.table_grid, self.arch["width"])

    def grid_of(self, input_shape: tuple[int, int]) -> tuple[int, int]:
        """Patch grid (h, w) of an input of (H, W) pixels."""
        return input_shape[0] // self.patch_size, input_shape[1] // self.patch_size

    def num_tokens(self, image_size: int) -> int:
        """Patches of a square image of `image_size` pixels."""
        return (image_size // self.patch_size) ** 2

    def embed(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> class token and patches with their positions, (B, 1 + h*w, D)."""
        grid = self.grid_of((images.shape[-2], images.shape[-1]))
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)  # (B, h*w, D)
        x = torch.cat((self.class_embedding.to(patches.dtype).expand(images.shape[0], 1, -1), patches), dim=1)
        return x + self.positions(grid)

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Position table (1 + h*w, D) of a patch grid."""
        if self.training and self.position_jitter:
            return jittered_grid_table(self.position_embedding, grid, self.position_jitter)
        if grid == self.table_grid:
            return self.position_embedding
        return resize_grid_table(self.position_embedding, grid, num_prefix=1)

    def forward(
        self,
        images: Tensor,
        padding_mask: Tensor,
        language: TextFeatures | None = None,
        groups: Groups = (),
        invalid: Tensor | None = None,
    ) -> ImageFeatures:
        """Encode images.

        Args:
            images: (B, C, H, W), H and W multiples of the patch size.
            padding_mask: (B, H, W) bool, True where padded.
            language: passed to the modules in the layers' slots.
            groups: streams that the equal parts of the batch belong to, for adapters: ``('rgb', 'ir')``.
            invalid: (B, h*w) bool, True at patches that no token attends to; their outputs are zero.
        """
        grid = self.grid_of((images.shape[-2], images.shape[-1]))
        unseen = None if invalid is None else F.pad(invalid, (1, 0), value=False)  # the class token is always seen
        seen = None if unseen is None else ~unseen[:, None, None]  # (B, 1, 1, 1 + h*w)
        last, levels = self.run_layers(self.pre_layernorm(self.embed(images)), language, groups, attention_mask=seen)
        if self.project_tokens:
            tokens = self.projection(self.post_layernorm(last), groups)
            pooled = tokens[:, 0]
        else:
            tokens, pooled = last, self.projection(self.post_layernorm(last[:, 0]), groups)
        token_padding = F.pad(patch_mask(padding_mask, grid), (1, 0), value=False)
        if unseen is not None:
            token_padding = token_padding | unseen
            tokens = tokens.masked_fill(unseen[..., None], 0)
            levels = tuple(level.masked_fill(unseen[..., None], 0) for level in levels)
        return ImageFeatures(tokens, token_padding, grid, 1, levels, pooled, unseen)


@MODELS.register_module()
class CLIPTextEncoder(CLIPTower):
    """CLIP's text Transformer: causal, padding not masked (it comes after every word).

    Args:
        arch: as for the vision encoder, or a dict of `width`, `layers`, `heads`, `mlp_width`, `vocabulary_size`,
            `context_length` and `embed_dim`.
        out_levels: hidden states to return, before the final norm.
        project_tokens: whether all tokens are projected to `embed_dim`, or left after the final norm.
        pretrained: as for the vision encoder.
    """

    part = "text"

    def __init__(
        self,
        arch: str | dict = "B/16",
        out_levels: Sequence[int] = (),
        project_tokens: bool = True,
        pretrained: str | None = None,
    ) -> None:
        arch = resolve_arch(arch, TEXT_ARCHS)
        super().__init__(arch, out_levels, project_tokens, pretrained)
        self.vocabulary_size = arch["vocabulary_size"]
        self.token_embedding = nn.Embedding(self.vocabulary_size, arch["width"])
        self.position_embedding = nn.Parameter(torch.empty(arch["context_length"], arch["width"]))
        self.final_layer_norm = nn.LayerNorm(arch["width"])
        self.projection = Linear(arch["width"], self.embed_dim, bias=False)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding, std=0.01)
        nn.init.normal_(self.projection.weight, std=arch["width"] ** -0.5)

    def forward(self, token_ids: Tensor, padding_mask: Tensor, groups: Groups = ("text",)) -> TextFeatures:
        """token_ids (B, L) int64, padding_mask (B, L) bool; the largest id ends the sentence and pools it."""
        length = token_ids.shape[1]
        if length > len(self.position_embedding):
            raise ConfigError(
                f"{length} tokens are more than the {len(self.position_embedding)} that CLIP's text encoder takes"
            )
        x = self.token_embedding(token_ids) + self.position_embedding[:length]
        last, levels = self.run_layers(x, groups=groups, causal=True)
        tokens = self.final_layer_norm(last)
        projected = self.projection(tokens, groups)
        pooled = projected[torch.arange(projected.shape[0]), token_ids.argmax(dim=-1)]
        return TextFeatures(projected if self.project_tokens else tokens, padding_mask, levels=levels, pooled=pooled)


def patch_mask(padding_mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """Padding mask of patches, by the rule of the CLIP-based references.

    The 0/1 mask is resized bilinearly with antialiasing and rounded half to even, so a patch is masked when more than
    half of its triangle-weighted neighbourhood is padding.

    Args:
        padding_mask: (B, H, W) bool, True where padded.
        grid: (h, w).

    Returns:
        (B, h*w) bool, True where padded.
    """
    share = F.interpolate(padding_mask[:, None].float(), grid, mode="bilinear", align_corners=False, antialias=True)
    return share.round().bool().flatten(1)


def jittered_grid_table(table: Tensor, grid: tuple[int, int], amount: float) -> Tensor:
    """Position table (1 + h*w, D) sampled at a grid's places, each moved by up to `amount` patches."""
    side = round((len(table) - 1) ** 0.5)
    image = table[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    axes = [torch.arange(count, device=table.device) + 0.5 for count in grid]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)  # (h, w, 2) as (y, x)
    places = places + (2 * torch.rand_like(places) - 1) * amount
    rows, columns = places.unbind(-1)
    places = torch.stack((columns / grid[1], rows / grid[0]), dim=-1) * 2 - 1
    sampled = F.grid_sample(image, places[None], padding_mode="border", align_corners=False)  # (1, D, h, w)
    return torch.cat((table[:1], sampled.flatten(2)[0].t().to(table.dtype)))

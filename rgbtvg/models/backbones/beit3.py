"""BEiT-3 (Wang et al. 2022): one transformer over image patches and words, with a set of weights for each kind.

Attention is joint; everything that has weights exists twice (``vision``, ``text``). ``beit3_weights.py`` reads the
weights of the released files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.backbones.beit3_weights import load_beit3_weights, resize_positions
from rgbtvg.models.layers.clip_layers import Groups, Linear
from rgbtvg.models.layers.convolution import patch_embedding
from rgbtvg.models.layers.padding import find_invalid_patches, nearest_padding
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures
from rgbtvg.structures.grid_tables import resize_grid_table

ARCHS = {
    "base": dict(width=768, layers=12, heads=12, ffn_width=3072),
    "large": dict(width=1024, layers=24, heads=16, ffn_width=4096),
}
# Learned positions are read from the third row on, as in the released files; the class token has the first of them.
FIRST_POSITION = 2


@dataclass
class BEiT3Features:
    """The output sequence, taken apart again.

    Args:
        images: one entry per image stream: class token and patches.
        text: the words, or None when no sentence went in.
        extra: (B, E, D), outputs of the extra tokens, or None.
    """

    images: tuple[ImageFeatures, ...]
    text: TextFeatures | None
    extra: Tensor | None


class Multiway(nn.Module):
    """A module in two copies: ``vision`` for the rows before the split, ``text`` for the rest (BEiT-3, section 2.1).

    Args:
        make: makes one copy.
    """

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.vision = make()
        self.text = make()

    def forward(self, x: Tensor, split: int, **kwargs: Any) -> Tensor:
        """x (B, L, D), of which the first `split` rows are vision -> (B, L, D'); `kwargs` go to both copies."""
        if split == x.shape[1]:
            return self.vision(x, **kwargs)
        if split == 0:
            return self.text(x, **kwargs)
        return torch.cat((self.vision(x[:, :split], **kwargs), self.text(x[:, split:], **kwargs)), dim=1)


class BEiT3Attention(nn.Module):
    """Joint attention over all rows; projections are multiway, and the last one follows a normalisation."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = Multiway(lambda: Linear(width, width))
        self.k_proj = Multiway(lambda: Linear(width, width))
        self.v_proj = Multiway(lambda: Linear(width, width))
        self.inner_norm = Multiway(lambda: nn.LayerNorm(width))
        self.out_proj = Multiway(lambda: Linear(width, width))

    def forward(self, x: Tensor, split: int, attention_mask: Tensor | None, groups: Groups = ()) -> Tensor:
        """x (B, L, D); attention_mask (B, 1, 1, L), True where a row is attended to."""
        query, key, value = (  # (B, heads, L, D / heads)
            projection(x, split, groups=groups).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(query, key, value, attention_mask).transpose(1, 2).flatten(2)
        return self.out_proj(self.inner_norm(attended, split), split, groups=groups)


class BEiT3FeedForward(nn.Module):
    """Linear, GELU, normalisation, linear; one of the two copies."""

    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden_width)
        self.inner_norm = nn.LayerNorm(hidden_width)
        self.fc2 = Linear(hidden_width, width)

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        return self.fc2(self.inner_norm(F.gelu(self.fc1(x, groups))), groups)


class BEiT3Layer(nn.Module):
    """Pre-norm layer with a further norm inside attention and feed-forward (sub-LayerNorm, Wang et al. 2022).

    ``slots`` (in series) lie between attention and feed-forward; a module there sees x (B, L, D),
    images and words together, and adds its own residual.
    """

    def __init__(self, width: int, num_heads: int, ffn_width: int, drop_path: float) -> None:
        from timm.layers import DropPath  # timm costs every start a second

        super().__init__()
        self.attention_norm = Multiway(lambda: nn.LayerNorm(width))
        self.attention = BEiT3Attention(width, num_heads)
        self.ffn_norm = Multiway(lambda: nn.LayerNorm(width))
        self.ffn = Multiway(lambda: BEiT3FeedForward(width, ffn_width))
        self.drop_path = DropPath(drop_path)
        self.slots = nn.ModuleDict()

    def forward(self, x: Tensor, split: int, attention_mask: Tensor | None, groups: Groups = ()) -> Tensor:
        x = x + self.drop_path(self.attention(self.attention_norm(x, split), split, attention_mask, groups))
        for module in self.slots.values():
            x = module(x, None, groups=groups)
        return x + self.drop_path(self.ffn(self.ffn_norm(x, split), split, groups=groups))


@MODELS.register_module()
class BEiT3(BaseModule):
    """BEiT-3 over any number of image streams, extra tokens and a sentence.

    The sequence is ``[class | patches]`` of every image stream, then the extra tokens (all of them with the vision
    weights), then the words. Every image stream reads the same position table. Padded words are no keys, nor are
    thermal patches that show nothing; padded pixels are, as in the references.

    Args:
        arch: ``'base'``, ``'large'``, or a dict of `width`, `layers`, `heads` and `ffn_width`.
        image_size: side of the square input that the position table is made for; other sizes resample it (bicubic).
        patch_size: side of a patch.
        in_channels: channels of an image.
        stem_widths: channels of strided convolutions in front of the patch embedding, for small models.
        vocab_size, max_words: sizes of the two text tables.
        drop_path_rate: stochastic depth of the last layer; it grows linearly from 0 at the first.
        mask_token: whether there is a learned token that can stand in for patches (masked image modelling).
        frozen: keep every weight fixed and every layer in evaluation mode (the reference leaves drop path on).
        frozen_layers: the same for the first layers only, embeddings included; 0 freezes nothing.
        pretrained: released file such as ``pretrain_weights/beit3_base_patch16_224.pth``, read when training starts.
    """

    def __init__(
        self,
        arch: str | dict = "base",
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        stem_widths: Sequence[int] = (),
        vocab_size: int = 64010,
        max_words: int = 1022,
        drop_path_rate: float = 0.1,
        mask_token: bool = False,
        frozen: bool = False,
        frozen_layers: int = 0,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        sizes = resolve_arch(arch)
        if image_size % patch_size:
            raise ConfigError(
                f"image_size={image_size} of BEiT-3 is no multiple of patch_size={patch_size}; change one of them"
            )
        self.width = width = sizes["width"]
        self.patch_size = patch_size
        depth = sizes["layers"]
        if not 0 <= frozen_layers <= depth:
            raise ConfigError(f"frozen_layers must lie in 0..{depth}, got {frozen_layers}")
        self.num_frozen = depth if frozen else frozen_layers
        self.frozen = frozen
        side = image_size // patch_size
        self.patch_embedding = patch_embedding(in_channels, width, patch_size, stem_widths, bias=True)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width)) if mask_token else None
        self.vocabulary_size = vocab_size
        self.text_embedding = nn.Embedding(vocab_size, width)
        self.vision_positions = nn.Parameter(torch.empty(FIRST_POSITION + 1 + side * side, width))
        self.text_positions = nn.Parameter(torch.empty(FIRST_POSITION + max_words, width))
        rates = [drop_path_rate * index / max(1, depth - 1) for index in range(depth)]
        self.layers = nn.ModuleList(BEiT3Layer(width, sizes["heads"], sizes["ffn_width"], rate) for rate in rates)
        self.norm = Multiway(lambda: nn.LayerNorm(width))
        self.reset_parameters()
        for module in self._frozen_modules():
            module.requires_grad_(False)

    def reset_parameters(self) -> None:
        """Start from scratch as the released code does: linear weights from a normal cut at one deviation of 0.02."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.02, b=0.02)
                nn.init.zeros_(module.bias)
        for table in (self.text_embedding.weight, self.vision_positions, self.text_positions):
            nn.init.normal_(table, std=self.width**-0.5)

    def init_weights(self) -> None:
        """Read the pre-trained weights; without a file the start of :meth:`reset_parameters` stays."""
        if self.pretrained is not None:
            load_beit3_weights(self, self.pretrained)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Checkpoints of another input size fit: their position table is resampled."""
        name = f"{prefix}vision_positions"
        if name in state_dict and len(state_dict[name]) != len(self.vision_positions):
            side = round((len(self.vision_positions) - FIRST_POSITION - 1) ** 0.5)
            state_dict[name] = resize_positions(state_dict[name], (side, side))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen:
            return [self]
        return list(self.layers[: self.num_frozen])

    def train(self, mode: bool = True) -> BEiT3:
        """Frozen layers stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            nn.Module.train(module, False)
        return self

    def forward(
        self,
        images: Sequence[Tensor] = (),
        padding_mask: Tensor | None = None,
        token_ids: Tensor | None = None,
        token_padding_mask: Tensor | None = None,
        extra_tokens: Tensor | None = None,
        masked_patches: Tensor | None = None,
        groups: Groups = (),
        invalid: Tensor | None = None,
    ) -> BEiT3Features:
        """Encode together.

        Args:
            images: streams of (B, C, H, W), all of one size; H and W multiples of the patch size. May be empty.
            padding_mask: (B, H, W) bool, True where padded; only handed on, at the resolution of the patches.
            token_ids, token_padding_mask: (B, L) int64 and bool, True where padded.
            extra_tokens: (B, E, D), put between images and words with the vision weights; positions are the caller's.
            masked_patches: (B, h*w) bool, patches of every stream that the mask token replaces.
            groups: streams that the equal parts of the batch belong to, for adapters.
            invalid: (B, h*w) bool, patches of every stream that no token attends to; their outputs are zero.
        """
        parts = [self.embed_image(image, masked_patches) for image in images]
        if extra_tokens is not None:
            parts.append(extra_tokens)
        split = sum(part.shape[1] for part in parts)
        attention_mask = None
        if token_ids is not None and token_padding_mask is not None:
            parts.append(self.embed_text(token_ids, token_padding_mask))
            attention_mask = ~F.pad(token_padding_mask, (split, 0), value=False)[:, None, None]  # (B, 1, 1, L)
        unseen = None
        if invalid is not None:
            unseen = F.pad(invalid, (1, 0), value=False)  # class tokens are always seen
            length = sum(part.shape[1] for part in parts)
            hidden = unseen.repeat(1, len(images))
            seen = ~F.pad(hidden, (0, length - hidden.shape[1]), value=False)[:, None, None]
            attention_mask = seen if attention_mask is None else attention_mask & seen
        x = self.encode(torch.cat(parts, dim=1), split, attention_mask, groups)
        return self._take_apart(
            x, [part.shape[1] for part in parts], images, padding_mask, token_padding_mask, extra_tokens, unseen
        )

    def encode_streams(
        self, inputs: GroundingInputs, streams: Sequence[str], masked_patches: Tensor | None = None
    ) -> dict[str, BEiT3Features]:
        """Encode every stream with the whole sentence, all streams stacked along the batch.

        Args:
            masked_patches: (B, h*w) bool, as in :meth:`forward`.
        """
        count = len(streams)
        height, width = inputs.input_shape
        invalid = find_invalid_patches(inputs, streams, (height // self.patch_size, width // self.patch_size))
        joined = self(
            [torch.cat([inputs.images[stream] for stream in streams])],
            inputs.padding_mask.repeat(count, 1, 1),
            inputs.token_ids.repeat(count, 1),
            inputs.token_padding_mask.repeat(count, 1),
            masked_patches=None if masked_patches is None else masked_patches.repeat(count, 1),
            groups=tuple(streams),
            invalid=invalid,
        )
        image, text = joined.images[0], joined.text
        hidden = [None] * count if image.invalid is None else image.invalid.chunk(count)
        words = map(TextFeatures, text.tokens.chunk(count), text.padding_mask.chunk(count))
        parts = zip(streams, image.tokens.chunk(count), image.padding_mask.chunk(count), hidden, words, strict=True)
        return {
            stream: BEiT3Features((replace(image, tokens=x, padding_mask=padded, invalid=unseen),), sentence, None)
            for stream, x, padded, unseen, sentence in parts
        }

    def embed_image(self, image: Tensor, masked_patches: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B, 1 + h*w, D), positions added."""
        patches = self.patch_embedding(image)
        grid = tuple(patches.shape[-2:])
        patches = patches.flatten(2).transpose(1, 2)  # (B, h*w, D)
        if masked_patches is not None:
            if self.mask_token is None:
                raise ConfigError("patches can only be masked in a BEiT-3 that was built with mask_token=True")
            patches = torch.where(masked_patches[..., None], self.mask_token.to(patches.dtype), patches)
        x = torch.cat((self.class_token.to(patches.dtype).expand(image.shape[0], -1, -1), patches), dim=1)
        positions = resize_grid_table(
            self.vision_positions[FIRST_POSITION:], grid, num_prefix=1, mode="bicubic", antialias=False
        )
        return x + positions

    def embed_text(self, token_ids: Tensor, token_padding_mask: Tensor) -> Tensor:
        """(B, L) -> (B, L, D), positions added; padded words start from zero."""
        length, longest = token_ids.shape[1], len(self.text_positions) - FIRST_POSITION
        if length > longest:
            raise ConfigError(f"{length} tokens are more than the {longest} that BEiT-3's text table holds")
        x = self.text_embedding(token_ids) + self.text_positions[FIRST_POSITION : FIRST_POSITION + length]
        return x * ~token_padding_mask[..., None]

    def encode(self, x: Tensor, split: int, attention_mask: Tensor | None, groups: Groups = ()) -> Tensor:
        """All layers and the last normalisation on an embedded sequence (B, L, D)."""
        for layer in self.layers:
            x = layer(x, split, attention_mask, groups)
        return self.norm(x, split)

    def _take_apart(
        self,
        x: Tensor,
        sizes: list[int],
        images: Sequence[Tensor],
        padding_mask: Tensor | None,
        token_padding_mask: Tensor | None,
        extra_tokens: Tensor | None,
        unseen: Tensor | None,
    ) -> BEiT3Features:
        pieces = list(x.split(sizes, dim=1))
        text = None if token_padding_mask is None else TextFeatures(pieces.pop(), token_padding_mask)
        extra = None if extra_tokens is None else pieces.pop()
        streams = []
        for image, tokens in zip(images, pieces, strict=True):
            grid = (image.shape[-2] // self.patch_size, image.shape[-1] // self.patch_size)
            padded = self._patch_padding(tokens, padding_mask, grid)
            if unseen is not None:
                tokens, padded = tokens.masked_fill(unseen[..., None], 0), padded | unseen
            streams.append(ImageFeatures(tokens, padded, grid, num_prefix=1, invalid=unseen))
        return BEiT3Features(tuple(streams), text, extra)

    @staticmethod
    def _patch_padding(tokens: Tensor, padding_mask: Tensor | None, grid: tuple[int, int]) -> Tensor:
        """(B, 1 + h*w) bool, True at padded patches: the pixel mask at the patches' first corners (nearest)."""
        if padding_mask is None:
            return tokens.new_zeros(tokens.shape[:2], dtype=torch.bool)
        return F.pad(nearest_padding(padding_mask, grid), (1, 0), value=False)


def resolve_arch(arch: str | dict) -> dict:
    """Sizes of an architecture given by name, or by a dict that has all of them."""
    if isinstance(arch, str):
        if arch not in ARCHS:
            raise ConfigError(
                f"unknown BEiT-3 architecture {arch!r}; known are {', '.join(ARCHS)}, or give a dict of sizes"
            )
        return ARCHS[arch]
    needed = set(ARCHS["base"])
    if set(arch) != needed:
        raise ConfigError(
            f"a BEiT-3 architecture is a dict of {', '.join(sorted(needed))}; got {', '.join(sorted(arch))}"
        )
    return dict(arch)

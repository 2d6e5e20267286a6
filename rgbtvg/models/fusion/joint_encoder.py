"""One transformer over a regression token, words and image cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers import TransformerEncoder
from rgbtvg.models.layers.detr_layers import TransformerEncoderLayer, sine_grid
from rgbtvg.models.layers.positions import POSITION_STARTS, sine_sequence
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures

STREAM_OFFSET = 0.3
"""Deviation of what tells several grids apart, beside sine codes of amplitude 1."""


@dataclass
class JointFeatures:
    """Fused tokens, taken apart again.

    Args:
        regression: (B, D), the output of the regression token, where there is one.
        image: (B, N, D) in the order of the image features that went in; zero where those are left out.
        text: (B, L, D).
        inputs, sequence, padding_mask: the whole input and output (B, 1 + N + L, D) and their padding (B, 1 + N + L).
        attention: (depth, B, V) of the regression token over the V image cells, summing to 1, where it was requested;
            see :meth:`JointEncoder.forward`.
    """

    regression: Tensor | None
    image: Tensor
    text: Tensor
    inputs: Tensor
    sequence: Tensor
    padding_mask: Tensor
    attention: Tensor | None = None


@MODELS.register_module()
class JointEncoder(nn.Module):
    """DETR-style encoder over ``[REG | words | image]`` with learned positions (TransVG, Deng et al. 2021, sec. 3.2).

    Args:
        num_image, num_text: tokens of each kind, which size the position table.
        order: which kind comes first after the regression token.
        regression: whether there is a regression token (Dynamic-MDETR has none).
        image_grids: (h, w) of each level of patches of a stream, in the order of the tokens. Used by
            ``position_start='sine'`` only, once per stream, behind what comes before the patches.
        position_start: how the learned positions begin: ``'normal'`` at random, as published; ``'sine'`` with the sine
            codes of places in the image and in the sentence, from which a small model learns places much faster.
        width, depth, num_heads, ffn_width, dropout, pre_norm: of the encoder.

    Raises:
        ConfigError: unknown start, or a sine start without a grid.
    """

    def __init__(
        self,
        num_image: int,
        num_text: int,
        order: tuple[str, str] = ("text", "image"),
        regression: bool = True,
        image_grids: Sequence[tuple[int, int]] | None = None,
        position_start: str = "normal",
        width: int = 256,
        depth: int = 6,
        num_heads: int = 8,
        ffn_width: int = 2048,
        dropout: float = 0.1,
        pre_norm: bool = False,
    ) -> None:
        super().__init__()
        self.order = order
        self.width = width
        self.regression_token = nn.Embedding(1, width) if regression else None
        self.positions = nn.Embedding(int(regression) + num_image + num_text, width)
        self.encoder = TransformerEncoder(width, depth, num_heads, ffn_width, dropout, pre_norm)
        if position_start not in POSITION_STARTS or (position_start == "sine" and image_grids is None):
            raise ConfigError(
                f"position_start must be one of {', '.join(POSITION_STARTS)}, 'sine' with image_grids; got "
                f"{position_start!r} and {image_grids}"
            )
        if position_start == "sine" and image_grids is not None:
            self._start_with_sine(image_grids, dict(image=num_image, text=num_text))

    @torch.no_grad()
    def _start_with_sine(self, grids: Sequence[tuple[int, int]], counts: dict[str, int]) -> None:
        """Sine codes in place of the random rows of patches and words; each stream keeps an offset of its own."""
        table, start = self.positions.weight, int(self.regression_token is not None)
        code = torch.cat([sine_grid(grid, self.width) for grid in grids])
        for kind in self.order:
            end = start + counts[kind]
            if kind == "text":
                table[start:end] = sine_sequence(counts[kind], self.width)
            else:
                for first in range(start + counts[kind] % len(code), end, len(code)):
                    # The first row of the random start, so that the streams can be told apart.
                    table[first : first + len(code)] = code + STREAM_OFFSET * table[first].clone()
            start = end

    def forward(self, image: ImageFeatures, text: TextFeatures, return_attention: bool = False) -> JointFeatures:
        """Join the tokens.

        Args:
            image: tokens (B, N, D), projected to the encoder's width.
            text: tokens (B, L, D), likewise.
            return_attention: also return the attention of the regression token over the image cells in every layer: the
                softmax, over these cells alone, of the logits averaged over heads (AttBalance, Kang et al. 2024).
                Padded cells are not masked, prefix tokens are left out.
        """
        parts = {"image": (image.tokens, image.padding_mask), "text": (text.tokens, text.padding_mask)}
        parts = {kind: parts[kind] for kind in self.order}
        if self.regression_token is not None:
            token = self.regression_token.weight.expand(image.tokens.shape[0], 1, -1)
            parts = {"regression": (token, image.padding_mask.new_zeros(token.shape[:2])), **parts}
        sequence = torch.cat([tokens for tokens, _ in parts.values()], dim=1)  # (B, 1 + N + L, D)
        padding_mask = torch.cat([padded for _, padded in parts.values()], dim=1)
        fused = self.encoder(
            sequence, padding_mask, self.positions.weight[None, : sequence.shape[1]], return_logits=return_attention
        )
        fused, logits = fused if return_attention else (fused, None)
        sizes = [tokens.shape[1] for tokens, _ in parts.values()]
        out = dict(zip(parts, fused.split(sizes, dim=1), strict=True))
        regression = out["regression"][:, 0] if "regression" in out else None
        attention = None
        if logits is not None:
            cells = dict(zip(parts, logits.split(sizes, dim=-1), strict=True))["image"][..., image.num_prefix :]
            attention = cells.softmax(-1)
        if image.invalid is not None:
            out["image"] = out["image"].masked_fill(image.invalid[..., None], 0)
        return JointFeatures(regression, out["image"], out["text"], sequence, fused, padding_mask, attention)

    def answer_attention(self, joint: JointFeatures) -> Tensor:
        """Attention (B, N) of the regression token to each image token in the last layer, averaged over heads."""
        positions = self.positions.weight[None, : joint.inputs.shape[1]]
        x = joint.inputs
        *earlier, last = cast("list[TransformerEncoderLayer]", list(self.encoder.layers))
        for layer in earlier:
            x = layer(x, joint.padding_mask, positions)
        x = last.norm1(x) if last.pre_norm else x
        placed = x + positions
        _, weights = last.self_attn.forward_with_weights(
            placed[:, :1], placed, x, joint.padding_mask
        )  # (B, 1, 1 + N + L)
        sizes = {"image": joint.image.shape[1], "text": joint.text.shape[1]}
        return weights[:, 0, 1:].split([sizes[kind] for kind in self.order], dim=1)[self.order.index("image")]

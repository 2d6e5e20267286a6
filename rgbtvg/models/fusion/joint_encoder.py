"""One transformer over a regression token, words and image cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rgbtvg.models.layers import TransformerEncoder
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures


@dataclass
class JointFeatures:
    """Fused tokens, taken apart again.

    Args:
        regression: (B, D), the output of the regression token.
        image: (B, N, D) in the order of the image features that went in.
        text: (B, L, D).
        inputs, sequence, mask: the whole input and output (B, 1 + N + L, D) and their mask, True where ignored.
    """

    regression: Tensor
    image: Tensor
    text: Tensor
    inputs: Tensor
    sequence: Tensor
    mask: Tensor


@MODELS.register_module()
class JointEncoder(nn.Module):
    """DETR-style encoder over ``[REG | words | image]`` with learned positions (TransVG, Deng et al. 2021, section 3.2).

    Args:
        num_image, num_text: tokens of each kind, which size the position table.
        order: which kind comes first after the regression token.
        width, depth, num_heads, ffn_width, dropout, pre_norm: of the encoder.
    """

    def __init__(
        self,
        num_image: int,
        num_text: int,
        order: tuple[str, str] = ("text", "image"),
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
        self.regression_token = nn.Embedding(1, width)
        self.positions = nn.Embedding(1 + num_image + num_text, width)
        self.encoder = TransformerEncoder(width, depth, num_heads, ffn_width, dropout, pre_norm)

    def forward(self, image: ImageFeatures, text: TextFeatures) -> JointFeatures:
        """Tokens of both kinds, (B, N, D) and (B, L, D), already projected to the encoder's width."""
        batch = len(image.tokens)
        parts = {"image": (image.tokens, image.mask), "text": (text.tokens, ~text.mask)}
        regression = self.regression_token.weight.expand(batch, 1, -1)
        sequence = torch.cat([regression] + [parts[kind][0] for kind in self.order], dim=1)  # (B, 1 + N + L, D)
        seen = image.mask.new_zeros(batch, 1)
        mask = torch.cat([seen] + [parts[kind][1] for kind in self.order], dim=1)
        fused = self.encoder(sequence, mask, self.positions.weight[None, : sequence.shape[1]])
        sizes = [1] + [parts[kind][0].shape[1] for kind in self.order]
        out = dict(zip(self.order, fused.split(sizes, dim=1)[1:], strict=True))
        return JointFeatures(fused[:, 0], out["image"], out["text"], sequence, fused, mask)

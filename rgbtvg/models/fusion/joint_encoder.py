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
        regression: (B, D), the output of the regression token, where there is one.
        image: (B, N, D) in the order of the image features that went in.
        text: (B, L, D).
        inputs, sequence, mask: the whole input and output (B, 1 + N + L, D) and their mask, True where ignored.
    """

    regression: Tensor | None
    image: Tensor
    text: Tensor
    inputs: Tensor
    sequence: Tensor
    mask: Tensor


@MODELS.register_module()
class JointEncoder(nn.Module):
    """DETR-style encoder over ``[REG | words | image]`` with learned positions (TransVG, Deng et al. 2021, sec. 3.2).

    Args:
        num_image, num_text: tokens of each kind, which size the position table.
        order: which kind comes first after the regression token.
        regression: whether there is a regression token (Dynamic-MDETR has none).
        width, depth, num_heads, ffn_width, dropout, pre_norm: of the encoder.
    """

    def __init__(
        self,
        num_image: int,
        num_text: int,
        order: tuple[str, str] = ("text", "image"),
        regression: bool = True,
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

    def forward(self, image: ImageFeatures, text: TextFeatures) -> JointFeatures:
        """Tokens of both kinds, (B, N, D) and (B, L, D), already projected to the encoder's width."""
        parts = {"image": (image.tokens, image.mask), "text": (text.tokens, ~text.mask)}
        parts = {kind: parts[kind] for kind in self.order}
        if self.regression_token is not None:
            token = self.regression_token.weight.expand(len(image.tokens), 1, -1)
            parts = {"regression": (token, image.mask.new_zeros(token.shape[:2])), **parts}
        sequence = torch.cat([tokens for tokens, _ in parts.values()], dim=1)  # (B, 1 + N + L, D)
        mask = torch.cat([mask for _, mask in parts.values()], dim=1)
        fused = self.encoder(sequence, mask, self.positions.weight[None, : sequence.shape[1]])
        sizes = [tokens.shape[1] for tokens, _ in parts.values()]
        out = dict(zip(parts, fused.split(sizes, dim=1), strict=True))
        regression = out["regression"][:, 0] if "regression" in out else None
        return JointFeatures(regression, out["image"], out["text"], sequence, fused, mask)

    def answer_attention(self, joint: JointFeatures) -> Tensor:
        """How much the regression token looks at each image token in the last layer, (B, N), averaged over heads."""
        positions = self.positions.weight[None, : joint.inputs.shape[1]]
        x = joint.inputs
        *earlier, last = self.encoder.layers
        for layer in earlier:
            x = layer(x, joint.mask, positions)
        x = last.norm1(x) if last.pre_norm else x
        placed = x + positions
        _, weights = last.self_attn.forward_with_weights(placed[:, :1], placed, x, joint.mask)  # (B, 1, 1 + N + L)
        sizes = {"image": joint.image.shape[1], "text": joint.text.shape[1]}
        return weights[:, 0, 1:].split([sizes[kind] for kind in self.order], dim=1)[self.order.index("image")]

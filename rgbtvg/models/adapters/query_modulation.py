"""Gates generated from the sentence (QRNet's query-modulated dynamic attention, Ye et al., CVPR 2022, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.structures import TextFeatures


class GeneratedMatrix(nn.Module):
    """A matrix per sample, the product of one generated from the sentence and a learned one (QRNet, eq. 3).

    Args:
        rows, columns: size of the matrix.
        text_width: channels of the sentence vector.
        rank: inner size of the product.
    """

    def __init__(self, rows: int, columns: int, text_width: int, rank: int = 30) -> None:
        super().__init__()
        self.rank = rank
        self.generator = nn.Linear(text_width, rows * rank)
        self.basis = nn.Parameter(torch.zeros(rank, columns))
        nn.init.trunc_normal_(self.generator.weight, std=0.02)
        nn.init.zeros_(self.generator.bias)

    def forward(self, sentence: Tensor) -> Tensor:
        """(B, D) -> (B, rows, columns)."""
        return self.generator(sentence).unflatten(1, (-1, self.rank)) @ self.basis


class DynamicLinear(nn.Module):
    """A linear layer whose weight and bias come from the sentence.

    Args:
        in_width, out_width: channels.
        text_width, rank: see :class:`GeneratedMatrix`.
    """

    def __init__(self, in_width: int, out_width: int, text_width: int, rank: int = 30) -> None:
        super().__init__()
        self.matrix = GeneratedMatrix(in_width + 1, out_width, text_width, rank)

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        """x (B, N, in) and sentence (B, D) -> (B, N, out)."""
        matrix = self.matrix(sentence)  # (B, in + 1, out), the last row is the bias
        return torch.baddbmm(matrix[:, -1:], x, matrix[:, :-1])


class ChannelGate(nn.Module):
    """Weighs channels by their mean and maximum over the positions (QRNet, eq. 5). Padded positions count."""

    def __init__(self, width: int, text_width: int, rank: int = 30, reduction: int = 16) -> None:
        super().__init__()
        self.down = DynamicLinear(width, width // reduction, text_width, rank)
        self.up = DynamicLinear(width // reduction, width, text_width, rank)

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        """x (B, N, C) and sentence (B, D) -> (B, N, C)."""
        pooled = torch.stack((x.mean(1), x.amax(1)), dim=1)  # (B, 2, C)
        logits = self.up(self.down(pooled, sentence).relu(), sentence)
        return x * logits.sum(1, keepdim=True).sigmoid()


class SpatialGate(nn.Module):
    """Weighs positions (QRNet, eq. 7)."""

    def __init__(self, width: int, text_width: int, rank: int = 30) -> None:
        super().__init__()
        self.score = DynamicLinear(width, 1, text_width, rank)

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        """x (B, N, C) and sentence (B, D) -> (B, N, C)."""
        return x * self.score(x, sentence).sigmoid()


class QueryModulation(nn.Module):
    """Channel gate, then spatial gate, without a residual.

    All gates start at one half.

    Args:
        width: channels of the tokens.
        text_width: channels of the sentence vector (``language.pooled``).
        channel, spatial: which gates there are.
        rank: of the generated matrices.
        reduction: of the channel gate's bottleneck.
    """

    def __init__(
        self,
        width: int,
        text_width: int,
        channel: bool = True,
        spatial: bool = True,
        rank: int = 30,
        reduction: int = 16,
    ) -> None:
        super().__init__()
        self.gates = nn.ModuleDict()
        if channel:
            self.gates["channel"] = ChannelGate(width, text_width, rank, reduction)
        if spatial:
            self.gates["spatial"] = SpatialGate(width, text_width, rank)

    def forward(self, x: Tensor, language: TextFeatures) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        for gate in self.gates.values():
            x = gate(x, language.pooled)
        return x

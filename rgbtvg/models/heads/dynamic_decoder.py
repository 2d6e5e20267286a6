"""A decoder that looks at the image in a few points only (Dynamic-MDETR, Shi et al., TPAMI 2024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers import MLP, TransformerDecoderLayer, TransformerEncoder
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.registry import MODELS


@dataclass
class DynamicStage:
    """Intermediate results of one decoder stage.

    Args:
        query: (B, D), from which the offsets were predicted.
        offsets: (B, 2 K), from the reference point to the points, x and y in turn.
        points: (B, K, 2), sampling points (x, y), normalised to the padded input; may lie outside [0, 1].
        sampled, sampled_positions: features and position embeddings at the points, (B, S*K, D).
        memory: (B, S*K, D), the sampled features after they have looked at each other.
        words: (B, L, D), the words after they have looked at the memory.
        boxes_cxcywh: (B, 4) cxcywh in [0, 1] of the padded input.
    """

    query: Tensor
    offsets: Tensor
    points: Tensor
    sampled: Tensor
    sampled_positions: Tensor
    memory: Tensor
    words: Tensor
    boxes_cxcywh: Tensor


class PointTransformer(nn.Module):
    """Sampled points look at each other, then the words look at themselves and at the points."""

    def __init__(
        self, width: int, num_heads: int, ffn_width: int, encoder_depth: int, decoder_depth: int, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = TransformerEncoder(width, encoder_depth, num_heads, ffn_width, dropout)
        self.decoder = nn.ModuleList(
            TransformerDecoderLayer(width, num_heads, ffn_width, dropout, dropout) for _ in range(decoder_depth)
        )
        self.norm = nn.LayerNorm(width)
        for parameter in self.decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, points: Tensor, point_positions: Tensor, words: Tensor, word_positions: Tensor, padding_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Points (B, K, D) and words (B, L, D) with their positions, padding_mask (B, L) of the words.

        Returns the memory (B, K, D) and the new words.
        """
        memory = self.encoder(points, positions=point_positions)
        for layer in self.decoder:
            words, _ = layer(words, word_positions, memory, point_positions, query_padding_mask=padding_mask)
        return memory, self.norm(words)


@MODELS.register_module()
class DynamicDecoder(nn.Module):
    """Stages that sample the image around a reference point, let the words read the samples, and move the point.

    Args:
        width: channels.
        num_points: K, points of a stage.
        num_stages: stages.
        num_heads, ffn_width, dropout: of all transformer layers.
        encoder_depth, decoder_depth: layers over the points, and from the words to the points, in every stage.
        shared: one transformer for all stages instead of one each.
        stream_layout: how a pair of streams is sampled. ``'each'`` takes every stream's map at the same points.
            ``'flat'`` is what the RGB-T benchmark's variant does: the cells of both streams in a row, cut into rows
            twice as wide, as if they were one map, so that its upper half is RGB and neighbouring columns are
            different rows.
    """

    def __init__(
        self,
        width: int = 256,
        num_points: int = 36,
        num_stages: int = 3,
        num_heads: int = 8,
        ffn_width: int = 2048,
        dropout: float = 0.1,
        encoder_depth: int = 1,
        decoder_depth: int = 1,
        shared: bool = False,
        stream_layout: str = "each",
    ) -> None:
        super().__init__()
        if stream_layout not in ("each", "flat"):
            raise ConfigError(f"stream_layout must be 'each' or 'flat', got {stream_layout!r}")
        self.num_stages = num_stages
        self.stream_layout = stream_layout
        self.query = nn.Embedding(1, width)
        self.offsets = nn.ModuleList(nn.Linear(width, 2 * num_points) for _ in range(num_stages))
        self.updates = nn.ModuleList(MLP((2 * width, width, width)) for _ in range(num_stages - 1))
        self.transformers = nn.ModuleList(
            PointTransformer(width, num_heads, ffn_width, encoder_depth, decoder_depth, dropout)
            for _ in range(1 if shared else num_stages)
        )
        for name, parameter in self.offsets.named_parameters():
            if name.endswith("weight"):
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -0.5, 0.5)

    def forward(
        self,
        image: Tensor,
        image_positions: Tensor,
        words: Tensor,
        word_positions: Tensor,
        padding_mask: Tensor,
        grid: tuple[int, int],
        box_head: Callable[[Tensor], Tensor],
        start: Tensor | None = None,
    ) -> list[DynamicStage]:
        """Decode one box per sentence.

        Args:
            image: (B, S*h*w, D), the cells of S streams one after another.
            image_positions: (1, S*h*w, D).
            words: (B, L, D).
            word_positions: (1, L, D).
            padding_mask: (B, L), of the words.
            grid: (h, w).
            box_head: (B, D) -> (B, 4), called in every stage.
            start: (B, 2), reference point (x, y) in [0, 1] of the first stage; the centre of the image by default.

        Returns:
            All stages; the last one's boxes are the answer.
        """
        maps = self.as_maps(image, grid)
        position_maps = self.as_maps(image_positions.expand_as(image), grid)
        query = self.query.weight.expand(image.shape[0], -1)  # (B, D)
        start = image.new_full((image.shape[0], 2), 0.5) if start is None else start
        reference = full_precision(start)[:, None]
        stages: list[DynamicStage] = []
        for i in range(self.num_stages):
            offsets = full_precision(self.offsets[i](query))
            points = reference + offsets.unflatten(1, (-1, 2))  # (B, K, 2) as (x, y), not confined to the image
            sampled, positions = sample_maps(maps, points), sample_maps(position_maps, points)
            transformer = self.transformers[i % len(self.transformers)]
            memory, words = transformer(sampled, positions, words, word_positions, padding_mask)
            sentence = masked_mean(words, padding_mask)
            boxes = box_head(sentence)
            stages.append(DynamicStage(query, offsets, points, sampled, positions, memory, words, boxes))
            if i < self.num_stages - 1:
                reference = boxes[:, None, :2]
                query = self.updates[i](torch.cat((sentence, query), dim=1))
        return stages

    def as_maps(self, tokens: Tensor, grid: tuple[int, int]) -> list[Tensor]:
        """(B, S*h*w, D) -> the maps (B, D, h, w) to sample; one of twice the width in the flat layout."""
        height, width = grid
        streams = tokens.shape[1] // (height * width)
        parts = [tokens] if self.stream_layout == "flat" else tokens.chunk(streams, dim=1)
        return [part.transpose(1, 2).unflatten(2, (height, -1)) for part in parts]


def points_per_cell(points: Tensor, grid: tuple[int, int]) -> Tensor:
    """Count the points (B, K, 2), (x, y), in each cell (B, h, w); points outside count at the border."""
    height, width = grid
    columns, rows = (points * points.new_tensor([width, height])).long().unbind(-1)
    cells = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)  # (B, K)
    counts = points.new_zeros((points.shape[0], height * width))
    return counts.scatter_add_(1, cells, torch.ones_like(points[..., 0])).unflatten(1, grid)


def sample_maps(maps: list[Tensor], points: Tensor) -> Tensor:
    """Bilinear samples of S maps (B, D, h, w) at points (B, K, 2), (x, y) in [0, 1]; the border goes on outside.

    Returns:
        (B, S*K, D).
    """
    grid = 2 * points[:, :, None] - 1  # (B, K, 1, 2)
    samples = [F.grid_sample(full_precision(x), grid, padding_mode="border", align_corners=False)[..., 0] for x in maps]
    return torch.cat(samples, dim=2).transpose(1, 2)

"""Rounds of reading the sentence and modulating the map (ReSC, Yang et al., ECCV 2020, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.fusion.dense import COORDINATES
from rgbtvg.models.layers import coordinate_map
from rgbtvg.models.layers.convolution import conv_bn_relu
from rgbtvg.registry import MODELS

SHARPNESS = 10.0


@dataclass
class SubQueryRounds:
    """Intermediate results of the rounds.

    Args:
        maps: (B, D, h, w) after every round.
        contexts: (B, L) per round, how much of each word is still to be read.
        scores: (B, L) per round, before the softmax.
        weights: (B, K, L), each round's attention to the words.
        queries: (B, D) per round, the weighted words.
        fused: (B, D', h, w), what the head reads.
    """

    maps: list[Tensor]
    contexts: list[Tensor]
    scores: list[Tensor]
    weights: Tensor
    queries: list[Tensor]
    fused: Tensor


class SubQueryRound(nn.Module):
    """Score the words, make a sub-query of them, scale and shift the map by it.

    Args:
        width: channels of map and words.
        word_fusion: ``'prod'`` multiplies the map's mean into the words to score them, ``'cat'`` concatenates.
        over_all: see :func:`word_weights`.
    """

    def __init__(self, width: int, word_fusion: str = "prod", over_all: bool = False) -> None:
        super().__init__()
        if word_fusion not in ("prod", "cat"):
            raise ConfigError(f"word_fusion must be 'prod' or 'cat', got {word_fusion!r}")
        self.word_fusion = word_fusion
        self.over_all = over_all
        self.attend = nn.Conv1d(width if word_fusion == "prod" else 2 * width, width // 2, 1)
        self.score = nn.Conv1d(width // 2, 1, 1)
        self.modulate = nn.Linear(width, 2 * width)
        self.mix = nn.Conv2d(width + COORDINATES, width, 1)
        self.norm = nn.InstanceNorm2d(width)
        nn.init.kaiming_uniform_(self.modulate.weight)
        nn.init.kaiming_uniform_(self.mix.weight)

    def forward(
        self, x: Tensor, coordinates: Tensor, words: Tensor, padding_mask: Tensor, context: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map (B, D, h, w), coordinates (B, 8, h, w), words (B, L, D), padding_mask and context (B, L).

        Returns the new map, the words' scores and weights (B, L), and the sub-query (B, D).
        """
        scores = self.score_words(x.mean((2, 3)), words, context)
        weights = word_weights(scores, padding_mask, self.over_all)
        query = torch.einsum("bl,bld->bd", weights, words)
        scale, shift = self.modulate(query).tanh()[..., None, None].chunk(2, dim=1)
        mixed = self.norm(self.mix(torch.cat((x, coordinates), dim=1)))
        return x + (scale * mixed + shift).relu(), scores, weights, query

    def score_words(self, image: Tensor, words: Tensor, context: Tensor) -> Tensor:
        """Mean of the map (B, D), words (B, L, D) and context (B, L) -> scores (B, L)."""
        read = words * context[..., None]
        image = image[:, None].expand_as(words)
        joined = image * read if self.word_fusion == "prod" else torch.cat((image, read), dim=-1)
        return self.score(self.attend(joined.transpose(1, 2)).tanh())[:, 0]


@MODELS.register_module()
class SubQueryFusion(nn.Module):
    """Rounds one after another; each pays attention to what the ones before have not read.

    Args:
        width: channels of map and words.
        num_rounds: K.
        output: what the head reads: ``'last'`` round, an ``'lstm'`` over the rounds at every cell, or all rounds in a
            ``'stack'``.
        word_fusion, over_all: see :class:`SubQueryRound`.
        bn_momentum: see :class:`DenseFusion`.
    """

    def __init__(
        self,
        width: int,
        num_rounds: int = 3,
        output: str = "last",
        word_fusion: str = "prod",
        over_all: bool = False,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if output not in ("last", "lstm", "stack"):
            raise ConfigError(f"output must be 'last', 'lstm' or 'stack', got {output!r}")
        self.output = output
        self.out_width = num_rounds * width if output == "stack" else width
        self.rounds = nn.ModuleList(SubQueryRound(width, word_fusion, over_all) for _ in range(num_rounds))
        self.between = nn.ModuleList(conv_bn_relu(width, width, 3, bn_momentum) for _ in range(num_rounds - 1))
        self.recurrence = CellLSTM(width) if output == "lstm" else None

    def forward(self, x: Tensor, words: Tensor, padding_mask: Tensor) -> SubQueryRounds:
        """Map (B, D, h, w), words (B, L, D) zero at padding, padding_mask (B, L)."""
        grid = (x.shape[-2], x.shape[-1])
        coordinates = coordinate_map(grid, x.device).to(x.dtype).expand(x.shape[0], -1, -1, -1)
        contexts: list[Tensor] = []
        scores: list[Tensor] = []
        maps: list[Tensor] = []
        queries: list[Tensor] = []
        weights: list[Tensor] = []
        for i, this_round in enumerate(self.rounds):
            used = torch.stack(weights).amax(0).clamp(0, 1) if weights else torch.zeros_like(words[..., 0])
            x = self.between[i - 1](x) if i else x
            x, score, weight, query = this_round(x, coordinates, words, padding_mask, 1 - used)
            kept = ((contexts, 1 - used), (scores, score), (weights, weight), (maps, x), (queries, query))
            for values, value in kept:
                values.append(value)
        return SubQueryRounds(maps, contexts, scores, torch.stack(weights, dim=1), queries, self.join(maps))

    def join(self, maps: list[Tensor]) -> Tensor:
        if self.recurrence is not None:
            return self.recurrence(maps)
        return torch.cat(maps, dim=1) if self.output == "stack" else maps[-1]


class CellLSTM(nn.Module):
    """An LSTM at every cell of a map, over a sequence of maps (a convolutional LSTM with 1x1 kernels)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * width, 4 * width, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps (B, D, h, w) -> the last hidden state (B, D, h, w)."""
        hidden = cell = torch.zeros_like(maps[0])
        for x in maps:
            enter, forget, leave, new = self.gates(torch.cat((x, hidden), dim=1)).chunk(4, dim=1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * cell.tanh()
        return hidden


def inner_words(padding_mask: Tensor) -> Tensor:
    """Tokens (B, L) between the first and the last one, which mark the sentence: bool, True at words."""
    position = torch.arange(padding_mask.shape[1], device=padding_mask.device)
    return (position > 0) & (position < (~padding_mask).sum(1, keepdim=True) - 1)


def word_weights(scores: Tensor, padding_mask: Tensor, over_all: bool = False) -> Tensor:
    """Attention (B, L) to the words between the sentence marks; a sentence without words gets none.

    Args:
        scores: (B, L).
        padding_mask: (B, L).
        over_all: take the softmax over all positions, marks and padding too, and renormalise it over the words. That is
            what the reference does; where the marks have nearly all of it, the attention to words vanishes.
    """
    words = inner_words(padding_mask)
    logits = SHARPNESS * scores
    if not over_all:
        return F.softmax(logits.masked_fill(~words, torch.finfo(logits.dtype).min), dim=1) * words
    shares = F.softmax(logits, dim=1) * words
    return shares / (shares.sum(1, keepdim=True) + 1e-8)

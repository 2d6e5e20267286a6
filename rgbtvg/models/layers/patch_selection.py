"""Selection of image patches by the words' attention (FSVG, Wang et al. 2025, after OSTrack, Ye et al. 2022)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.clip_layers import CLIPLayer


class PatchSelection(nn.Module):
    """Drops the patches that the words attend to least.

    The keep rate is 1 for the first `start` epochs, falls to `keep_rate` along half a cosine over the next `warmup`
    epochs and stays there. Evaluation uses `keep_rate` itself, so that the scores of all epochs compare.

    Args:
        layers: zero-based indices of the layers that select.
        keep_rate: share of the patches that each of these layers keeps, in (0, 1].
        start: epochs without selection.
        warmup: epochs over which the rate falls.
        words_only: average the scores over tokens of the sentence. The references average over padding too.
        drop_padded_first: drop padded patches before any other. The references may keep them.
        evaluate_at_epoch_rate: validate at the rate of the current epoch, as the references do.

    Raises:
        ConfigError: a keep rate outside (0, 1].
    """

    def __init__(
        self,
        layers: tuple[int, ...] = (3, 6, 9),
        keep_rate: float = 1.0,
        start: int = 20,
        warmup: int = 30,
        words_only: bool = False,
        drop_padded_first: bool = False,
        evaluate_at_epoch_rate: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < keep_rate <= 1:
            raise ConfigError(f"keep_rate must be in (0, 1], got {keep_rate}")
        self.layers = tuple(layers)
        self.keep_rate = keep_rate
        self.start = start
        self.warmup = warmup
        self.words_only = words_only
        self.drop_padded_first = drop_padded_first
        self.evaluate_at_epoch_rate = evaluate_at_epoch_rate
        self.epoch_rate = keep_rate

    def set_epoch(self, epoch: int) -> None:
        """Set the keep rate of a training epoch, counted from 0."""
        self.epoch_rate = scheduled_keep_rate(epoch, self.keep_rate, self.start, self.warmup)

    @property
    def rate(self) -> float:
        """Keep rate of the next forward pass."""
        return self.epoch_rate if self.training or self.evaluate_at_epoch_rate else self.keep_rate

    def num_kept(self, layer: int, num_patches: int) -> int:
        """Patches behind the zero-based layer `layer`, given `num_patches` in front of it."""
        return math.ceil(self.rate * num_patches) if layer in self.layers else num_patches

    def forward(self, scores: Tensor, num_kept: int, padded: Tensor) -> Tensor:
        """Choose patches.

        Args:
            scores: (B, N) attention per patch.
            num_kept: K.
            padded: (B, N) bool, True where padded.

        Returns:
            (B, K) indices of the kept patches by falling score; of equal scores the earlier patch comes first.
        """
        if self.drop_padded_first:
            scores = scores.masked_fill(padded, -torch.inf)
        return scores.argsort(dim=1, descending=True, stable=True)[:, :num_kept]


def scheduled_keep_rate(epoch: int, keep_rate: float, start: int, warmup: int) -> float:
    """Keep rate of an epoch, counted from 0: 1, then half a cosine over `warmup` epochs, then `keep_rate`."""
    if epoch < start:
        return 1.0
    if epoch >= start + warmup:
        return keep_rate
    return keep_rate + (1 - keep_rate) * (math.cos(math.pi * (epoch - start) / warmup) + 1) / 2


def attend_and_score(
    layer: CLIPLayer, x: Tensor, word_weights: Tensor, patches: slice, attention_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """First half of a CLIP layer, and how much the words attend to each patch.

    Args:
        layer: the layer.
        x: (B, T, D), the last L tokens are the words.
        word_weights: (B, L) weights of the words in the mean.
        patches: the tokens that are patches.
        attention_mask: (B, 1, 1, T), True at the tokens that are attended to; the others score 0.

    Returns:
        (B, T, D) tokens after the attention's residual branch, and (B, N) scores, averaged over heads and words. The
        scores carry no gradient: they only order the patches.
    """
    attention, normed = layer.self_attn, layer.layer_norm1(x)
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    query, key, value = (attention.split_heads(projection(normed)) for projection in projections)
    attended = F.scaled_dot_product_attention(query, key, value, attention_mask)
    with torch.no_grad():
        words = query[:, :, -word_weights.shape[1] :]
        weights = attention_weights(words, key, attention_mask)[:, :, patches]  # (B, L, N)
        share = word_weights / word_weights.sum(1, keepdim=True).clamp(min=1)
        scores = torch.einsum("bln,bl->bn", weights, share)
    return x + attention.out_proj(attended.transpose(1, 2).flatten(2)), scores


def attention_weights(query: Tensor, key: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Softmaxed attention averaged over heads, float32: (B, heads, Q, d), (B, heads, K, d) -> (B, Q, K)."""
    logits = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    if attention_mask is not None:
        logits = logits.masked_fill(~attention_mask, -torch.inf)
    return logits.softmax(-1).mean(1)

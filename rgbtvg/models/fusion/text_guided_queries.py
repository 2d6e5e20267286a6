"""Queries that know what they look for (SimVG, Dai et al. 2024, section 3.3: text-guided query generation)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.layers import TransformerDecoder, sine_sequence
from rgbtvg.registry import MODELS

SENTENCES = ("valid", "last_places")


@MODELS.register_module()
class TextGuidedQueries(nn.Module):
    """Learned queries that looked at the words, plus a vector of the sentence.

    Args:
        num_queries: Q; 1 for one object per sentence, more where a sentence may mean several.
        width, depth, num_heads, ffn_width, dropout: of the decoder that looks at the words.
        sentence: what the vector of the sentence is made of. ``'valid'``: the maximum over the words.
            ``'last_places'``: over the last two places of the padded sentence, or the last one where nothing is
            padded; the released code of SimVG and ALVG does that by using an inverted integer mask as an index, and
            its checkpoints need it.
        truncated_positions: see :func:`sine_sequence`; for released checkpoints.
    """

    def __init__(
        self,
        num_queries: int = 1,
        width: int = 256,
        depth: int = 2,
        num_heads: int = 8,
        ffn_width: int = 512,
        dropout: float = 0.1,
        sentence: str = "valid",
        truncated_positions: bool = False,
    ) -> None:
        super().__init__()
        if sentence not in SENTENCES:
            raise ConfigError(f"sentence must be one of {', '.join(SENTENCES)}, got {sentence!r}")
        self.sentence = sentence
        self.truncated_positions = truncated_positions
        self.width = width
        self.embedding = nn.Embedding(num_queries, width)
        self.decoder = TransformerDecoder(
            width, depth, num_heads, ffn_width, dropout, attention_dropout=0.0, xavier=False
        )

    def forward(self, words: Tensor, padding_mask: Tensor) -> tuple[Tensor, Tensor]:
        """words (B, L, D) and padding_mask (B, L) -> queries (B, Q, D) and the sentence (B, 1, D)."""
        batch, length, _ = words.shape
        learned = self.embedding.weight.expand(batch, -1, -1)  # (B, Q, D)
        positions = sine_sequence(length, self.width, self.truncated_positions, words.device).to(words)
        looked = self.decoder(learned, words, positions, padding_mask).states[-1]
        sentence = self.sentence_vector(words, padding_mask)
        return looked + sentence + learned, sentence

    def sentence_vector(self, words: Tensor, padding_mask: Tensor) -> Tensor:
        """(B, 1, D)."""
        if self.sentence == "valid":
            return words.masked_fill(padding_mask[..., None], -torch.inf).amax(1, keepdim=True)
        last = words[:, -1:]
        padded = padding_mask.any(1)[:, None, None]
        return torch.where(padded, torch.maximum(last, words[:, -2:-1]), last)

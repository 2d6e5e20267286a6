"""A bidirectional LSTM over words, trained from scratch (the text side of FAOA, Yang et al., ICCV 2019)."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rgbtvg.registry import MODELS
from rgbtvg.structures import TextFeatures


@MODELS.register_module()
class LSTMEncoder(BaseModule):
    """Word vectors, one linear layer, one LSTM layer in both directions.

    Args:
        vocabulary_size: words; id 0 is padding.
        embedding_width: channels of a word vector and of the layer after it.
        hidden_width: channels per direction.
        dropout: on the word vectors, in training.
    """

    def __init__(
        self, vocabulary_size: int, embedding_width: int = 512, hidden_width: int = 512, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_width)
        self.dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(embedding_width, embedding_width)
        self.rnn = nn.LSTM(embedding_width, hidden_width, batch_first=True, bidirectional=True)
        self.width = 2 * hidden_width

    def forward(self, token_ids: Tensor, padding_mask: Tensor) -> TextFeatures:
        """(B, L) int64 and (B, L) bool, True where padded -> tokens (B, L, D).

        `pooled` is the output at the last word, so that its backward half has seen that word only, as in the reference.
        """
        lengths = (~padding_mask).sum(1)
        words = self.proj(self.dropout(self.embedding(token_ids))).relu()
        if torch.compiler.is_compiling() or token_ids.is_meta:  # lengths without values cannot be packed
            tokens = self._padded(words, lengths)
        else:
            packed = pack_padded_sequence(words, lengths.cpu(), batch_first=True, enforce_sorted=False)
            tokens, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=token_ids.shape[1])
        last = tokens[torch.arange(tokens.shape[0], device=tokens.device), lengths - 1]
        return TextFeatures(tokens, padding_mask, pooled=last)

    def _padded(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Output of both directions for padded words (B, L, D), as that for packed ones: (B, L, 2H), 0 where padded."""
        places = torch.arange(words.shape[1], device=words.device)
        valid = places < lengths[:, None]
        # The backward direction begins at the last word; the same gather reverses words and restores their order.
        reverse = torch.where(valid, lengths[:, None] - 1 - places, places)[..., None]
        forward = self._one_direction(words, "")
        backward = self._one_direction(words.gather(1, reverse.expand_as(words)), "_reverse")
        backward = backward.gather(1, reverse.expand_as(backward))
        return torch.cat((forward, backward), dim=-1) * valid[..., None]

    def _one_direction(self, words: Tensor, suffix: str) -> Tensor:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(self.rnn, f"{name}_l0{suffix}") for name in names]
        start = words.new_zeros(1, words.shape[0], self.rnn.hidden_size)
        return torch.lstm(words, (start, start), weights, True, 1, 0.0, self.training, False, True)[0]

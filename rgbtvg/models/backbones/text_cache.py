"""LRU cache of text features."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rgbtvg.structures import TextFeatures

Row = tuple[Tensor, tuple[Tensor, ...], Tensor]


class TextCache:
    """LRU cache of the text features of the last sentences, for inference.

    The owner calls :meth:`clear` when weights change.

    Args:
        size: sentences to keep; 0 keeps none.
    """

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self.rows: OrderedDict[Any, Row] = OrderedDict()

    def clear(self) -> None:
        self.rows.clear()

    def __deepcopy__(self, memo: dict) -> TextCache:
        return TextCache(self.size)

    def __call__(
        self, encoder: Callable[[Tensor, Tensor], TextFeatures], token_ids: Tensor, padding_mask: Tensor
    ) -> TextFeatures:
        """Features of token_ids (B, L) and padding_mask (B, L); `encoder` runs each distinct row at most once."""
        state = (token_ids.device, torch.is_autocast_enabled(token_ids.device.type))
        keys = [(row.tobytes(), state) for row in token_ids.cpu().numpy()]
        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        known = {key: self.rows[key] for key in first if key in self.rows}
        fresh = {key: index for key, index in first.items() if key not in known}
        if fresh:
            index = torch.tensor(list(fresh.values()), device=token_ids.device)
            features = encoder(token_ids[index], padding_mask[index])
            assert features.pooled is not None  # only encoders with a sentence vector are cached
            for place, key in enumerate(fresh):
                levels = tuple(level[place] for level in features.levels)
                known[key] = (features.tokens[place], levels, features.pooled[place])
        for key, row in known.items():
            self.rows[key] = row
            self.rows.move_to_end(key)
        while len(self.rows) > self.size:
            self.rows.popitem(last=False)
        tokens, levels, pooled = zip(*(known[key] for key in keys), strict=True)
        stacked = tuple(torch.stack(level) for level in zip(*levels, strict=True))
        return TextFeatures(torch.stack(tokens), padding_mask, stacked, torch.stack(pooled))

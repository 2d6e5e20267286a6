"""LRU cache of text features."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rgbtvg.structures import TextFeatures

Row = tuple[Tensor, tuple[Tensor, ...], Tensor | None]


class TextCache:
    """LRU cache of the text features of the last sentences, for inference and for encoders that do not learn.

    The owner calls :meth:`clear` when weights change. Looking up sentences reads their token ids on the host, so a GPU
    waits once per call.

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
            for place, key in enumerate(fresh):
                levels = tuple(level[place] for level in features.levels)
                pooled = None if features.pooled is None else features.pooled[place]
                known[key] = (features.tokens[place], levels, pooled)
        for key, row in known.items():
            self.rows[key] = row
            self.rows.move_to_end(key)
        while len(self.rows) > self.size:
            self.rows.popitem(last=False)
        all_tokens, all_levels, all_pooled = zip(*(known[key] for key in keys), strict=True)
        stacked = tuple(torch.stack(level) for level in zip(*all_levels, strict=True))
        vectors = None if all_pooled[0] is None else torch.stack(all_pooled)
        return TextFeatures(torch.stack(all_tokens), padding_mask, stacked, vectors)

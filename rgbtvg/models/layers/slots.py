"""The one way in which language gets inside an image encoder."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from rgbtvg.structures import TextFeatures


class Slots(nn.ModuleDict):
    """Modules that a method has plugged into one place of an image encoder, by name; empty in the plain encoder.

    A plugged module is called as ``module(x, language)`` with the state ``x`` of that place ((B, N, D) tokens or a
    (B, C, h, w) map) and gives a tensor of its shape. Layers document their places, which are of two kinds:

    * in series (calling the slots): each module's answer replaces the state, in the order of insertion;
    * beside the encoder's own computation (:meth:`beside`): the answer of the module of that name is added.
    """

    def forward(self, x: Tensor, language: TextFeatures | None = None, **kwargs: Any) -> Tensor:
        """Apply all modules in order; `kwargs` are passed to each (CLIP and BEiT-3 pass ``groups``)."""
        for module in self.values():
            x = module(x, language, **kwargs)
        return x

    def beside(self, name: str, result: Tensor, x: Tensor, language: TextFeatures | None = None) -> Tensor:
        """`result`, with what the module called `name` makes of the state `x` added where there is one."""
        return result + self[name](x, language) if name in self else result

"""Thermal inside the vision encoder of another model: a second pass over the same weights, added to the RGB tokens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import adapt_linears
from rgbtvg.models.general.writers import GenerativeModel


class ThermalResidual(nn.Module):
    """Adds thermal tokens to the RGB tokens of a writer's vision encoder, behind chosen layers.

    ``rgb + tanh(scale) * projection(thermal)`` where thermal is valid, and ``rgb`` itself elsewhere. Scales begin at
    zero and projections as the identity. Thermal runs through modules of its own that share the encoder's parameters
    and have low-rank updates of their own, so that the pass over RGB keeps its shapes.

    Args:
        writer: its encoder gets hooks.
        layers: numbers of the layers, counted from 0; negative ones from the end.
        rank, alpha, dropout: of the thermal updates, see :class:`LowRank`.

    Raises:
        ConfigError: the encoder has no such layer.
    """

    def __init__(
        self, writer: GenerativeModel, layers: Sequence[int], rank: int, alpha: float, dropout: float = 0.0
    ) -> None:
        super().__init__()
        tower = writer.model.get_submodule(writer.tower)
        widths = writer.layer_widths()
        chosen = sorted({layer % len(widths) for layer in layers if -len(widths) <= layer < len(widths)})
        if len(chosen) != len(layers) or not chosen:
            raise ConfigError(f"layers of the residual must be among 0 to {len(widths) - 1}, got {list(layers)}")
        self.tower = _second(tower)
        for name in writer.projector:
            if name.startswith(f"{writer.tower}."):
                _empty(self.tower, name.removeprefix(f"{writer.tower}."))
        whole = cast(nn.ModuleList, self.tower.get_submodule(writer.layers))
        owner, _, child = writer.layers.rpartition(".")
        setattr(self.tower.get_submodule(owner), child, whole[: chosen[-1] + 1])
        self.projections = nn.ModuleDict({str(layer): _identity(widths[layer]) for layer in chosen})
        self.scales = nn.Parameter(torch.zeros(len(chosen)))
        self._seen: dict[str, Tensor] = {}
        self._added: dict[str, tuple[Tensor, Tensor]] = {}
        for layer in chosen:
            _ending(self.tower, writer.layers, layer).register_forward_hook(_Hook(self._see, str(layer)))
            _ending(tower, writer.layers, layer).register_forward_hook(_Hook(self._add, str(layer)))
        adapt_linears(self.tower.get_submodule(writer.layers), rank, alpha, dropout)

    def gates(self) -> dict[str, Tensor]:
        """Layer -> tanh of its scale."""
        return dict(zip(self.projections, self.scales.detach().tanh(), strict=True))

    @contextmanager
    def shown(self, inputs: dict[str, Any], valid: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Let the passes over RGB inside this context see thermal.

        Args:
            inputs: what the encoder reads of the thermal images.
            valid: output of a layer -> bool of a shape that fits it, True where thermal is valid.
        """
        self.tower(**inputs)
        for layer, projection, scale in zip(self._seen, self.projections.values(), self.scales, strict=True):
            state = self._seen[layer]
            is_map = state.ndim == 4  # (B, C, h, w); otherwise channels stand last
            tokens = projection(state.movedim(1, -1)).movedim(-1, 1) if is_map else projection(state)
            self._added[layer] = (scale.tanh() * tokens, valid(state))
        self._seen.clear()
        try:
            yield
        finally:
            self._added.clear()

    def _see(self, layer: str, state: Tensor) -> None:
        self._seen[layer] = state

    def _add(self, layer: str, state: Tensor) -> Tensor | None:
        if layer not in self._added:
            return None
        added, valid = self._added[layer]
        # Without arithmetic where thermal is not valid: a zero would not undo an infinite value.
        return torch.where(valid, state + added.to(state.dtype), state)


class _Hook:
    """A forward hook of one layer; a copy of the module gets a hook that belongs to the copy."""

    def __init__(self, run: Callable[[str, Tensor], Tensor | None], layer: str) -> None:
        self.run, self.layer = run, layer

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        return self.run(self.layer, output)


def _identity(width: int) -> nn.Linear:
    projection = nn.Linear(width, width)
    nn.init.eye_(projection.weight)
    nn.init.zeros_(projection.bias)
    return projection


def _second(module: nn.Module) -> nn.Module:
    """A second set of modules with the same parameters and buffers."""
    shared = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def _empty(tower: nn.Module, name: str) -> None:
    """Replace a module, or every module of a list, by one that does nothing."""
    owner, _, child = name.rpartition(".")
    module = tower.get_submodule(name)
    none = nn.ModuleList(nn.Identity() for _ in module) if isinstance(module, nn.ModuleList) else nn.Identity()
    setattr(tower.get_submodule(owner), child, none)


def _ending(tower: nn.Module, layers: str, layer: int) -> nn.Module:
    """The module whose output is that of a layer; a layer may be a list of modules."""
    module = cast(nn.ModuleList, tower.get_submodule(layers))[layer]
    return module[-1] if isinstance(module, nn.ModuleList) else module

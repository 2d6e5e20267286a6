"""Toolbox and benchmark for RGB-Thermal visual grounding."""

from typing import Any

from rgbtvg.version import __version__

__all__ = ["GroundingInferencer", "__version__"]


def __getattr__(name: str) -> Any:
    # The inferencer pulls in torch and every model; `import rgbtvg` alone should stay instant.
    if name == "GroundingInferencer":
        from rgbtvg.apis import GroundingInferencer

        return GroundingInferencer
    raise AttributeError(f"module 'rgbtvg' has no attribute {name!r}")

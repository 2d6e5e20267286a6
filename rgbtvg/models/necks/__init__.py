"""Modality necks: join the streams of a pair. One interface, see docs/architecture.md."""

from rgbtvg.models.necks.concat import ConcatChannels, ConcatTokens

__all__ = ["ConcatChannels", "ConcatTokens"]

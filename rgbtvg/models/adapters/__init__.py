"""Adapters: what is added to a pre-trained encoder."""

from rgbtvg.models.adapters.conditional import ConditionalMap, ConditionalTokens, ConditionGate

__all__ = ["ConditionGate", "ConditionalMap", "ConditionalTokens"]

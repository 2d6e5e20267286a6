"""Additions to pre-trained encoders (low-rank and bottleneck adapters, guides) and partial freezing."""

from rgbtvg.models.adapters.adalora import AdaLoRA
from rgbtvg.models.adapters.clip_adapter import CLIPAdapter
from rgbtvg.models.adapters.conditional import ConditionalMap, ConditionalTokens, ConditionGate
from rgbtvg.models.adapters.foreign import adapt_linears
from rgbtvg.models.adapters.guides import Guides, interleave
from rgbtvg.models.adapters.lora import LoRA
from rgbtvg.models.adapters.per_stream import AdaptedLinear, LowRank, PerStream, adapted_linears
from rgbtvg.models.adapters.query_modulation import QueryModulation
from rgbtvg.models.adapters.tuning import unfreeze_layers

__all__ = [
    "AdaLoRA",
    "AdaptedLinear",
    "CLIPAdapter",
    "ConditionGate",
    "ConditionalMap",
    "ConditionalTokens",
    "Guides",
    "LoRA",
    "LowRank",
    "PerStream",
    "QueryModulation",
    "adapt_linears",
    "adapted_linears",
    "interleave",
    "unfreeze_layers",
]

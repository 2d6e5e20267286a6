"""What is added to a pre-trained encoder: low-rank and bottleneck adapters, guides, and the choice of what learns."""

from rgbtvg.models.adapters.adalora import AdaLoRA
from rgbtvg.models.adapters.clip_adapter import CLIPAdapter
from rgbtvg.models.adapters.conditional import ConditionalMap, ConditionalTokens, ConditionGate
from rgbtvg.models.adapters.guides import CrossModalBridge, TextGuidedBlock
from rgbtvg.models.adapters.lora import AdaptedLinear, LoRA, LowRank, adapted_linears
from rgbtvg.models.adapters.per_stream import PerStream
from rgbtvg.models.adapters.query_modulation import QueryModulation
from rgbtvg.models.adapters.tuning import slot_modules, unfreeze_layers

__all__ = [
    "AdaLoRA",
    "AdaptedLinear",
    "CLIPAdapter",
    "ConditionGate",
    "ConditionalMap",
    "ConditionalTokens",
    "CrossModalBridge",
    "LoRA",
    "LowRank",
    "PerStream",
    "QueryModulation",
    "TextGuidedBlock",
    "adapted_linears",
    "slot_modules",
    "unfreeze_layers",
]

"""Models that others have trained, asked as they are: detectors, models that write boxes, and endpoints."""

from rgbtvg.models.general.detectors import GroundingDINO, MMGroundingDINO, OmDetTurbo, OWLv2
from rgbtvg.models.general.remote import Endpoint
from rgbtvg.models.general.writers import Florence2, PaliGemma, Qwen2_5VL, Qwen3VL

__all__ = [
    "Endpoint",
    "Florence2",
    "GroundingDINO",
    "MMGroundingDINO",
    "OWLv2",
    "OmDetTurbo",
    "PaliGemma",
    "Qwen2_5VL",
    "Qwen3VL",
]

"""Pre-training of encoders: models whose encoders are kept and whose heads are thrown away."""

from rgbtvg.models.pretraining.contrast import ContrastivePretraining
from rgbtvg.models.pretraining.detection import DetectionPretraining
from rgbtvg.models.pretraining.pairs import PairPretraining
from rgbtvg.models.pretraining.sentences import SentencePretraining
from rgbtvg.models.pretraining.words import MaskedWordsPretraining

__all__ = [
    "ContrastivePretraining",
    "DetectionPretraining",
    "MaskedWordsPretraining",
    "PairPretraining",
    "SentencePretraining",
]

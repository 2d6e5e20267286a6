"""A synthetic RGB-T grounding set in the benchmark's on-disk format, for learning without data.

Colour is visible to RGB only, heat to thermal only, darkness and weather spoil RGB: a model that uses both images
must beat one that uses either. `scenes` says what is there, `rendering` how the two cameras see it, `phrases` which
expressions single out what, `wording` puts them into words and `rewording` into others, `writer` writes the files.
"""

from rgbtvg.datasets.synthetic.annotation import annotate, annotate_grec
from rgbtvg.datasets.synthetic.phrases import oracle_accuracy
from rgbtvg.datasets.synthetic.pretraining import PretrainingSpec, make_pretraining
from rgbtvg.datasets.synthetic.tokenizer import save_tokenizer
from rgbtvg.datasets.synthetic.wording import vocabulary
from rgbtvg.datasets.synthetic.writer import SyntheticSpec, make_synthetic, read_extras, write_reworded

__all__ = [
    "PretrainingSpec",
    "SyntheticSpec",
    "annotate",
    "annotate_grec",
    "make_pretraining",
    "make_synthetic",
    "oracle_accuracy",
    "read_extras",
    "save_tokenizer",
    "vocabulary",
    "write_reworded",
]

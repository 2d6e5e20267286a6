"""The rgbt rows of methods.py with a third of its budget, against floors: `make learn`, before a release.

But for methods in stages, which `max_epochs` scales, the two epochs are the first ones of the recorded runs. A floor
is ten points below their validation score then, twice the half-width of its interval. RGBT-VGNet's is the test score of
such a run less the half-width.
"""

_base_ = ["methods.py"]

modalities = ["rgbt"]
baseline_modality = None
records = None
floors = {  # Acc@0.5
    "RGBT-VGNet": 0.457,
    "CLIP-VG": 0.38,
    "FSVG": 0.24,
    "TransVG": 0.29,
    "AttBalance": 0.41,
    "MMCA": 0.26,
    "Dynamic-MDETR": 0.29,
    "OneRef": 0.39,
    "SimVG": 0.42,
    "ALVG": 0.48,
    "FAOA": 0.39,
}
options = {"max_epochs": 2}

"""The rgbt rows of methods.py with two epochs each, against floors: `make learn`, before a release.

For methods without stages these are the first two epochs of the recorded run, and a floor is its validation Acc@0.5
after two epochs less ten points, twice the half-width of the interval. RGBT-VGNet's is the test score of such a run
less the half-width. Rows without a floor cannot fail.
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

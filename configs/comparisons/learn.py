"""The rgbt rows of methods.py with two epochs each, against floors: `make learn`, before a release.

A floor is the test Acc@0.5 that such a run had, less six points, twice the half-width of its interval. VLM, which is
hardly above chance after two epochs, has none.
"""

_base_ = ["methods.py"]

modalities = ["rgbt"]
baseline_modality = None
records = None
floors = {  # Acc@0.5
    "RGBT-VGNet": 0.412,
    "CLIP-VG": 0.352,
    "HiVG": 0.433,
    "FSVG": 0.295,
    "TransVG": 0.325,
    "AttBalance": 0.433,
    "MMCA": 0.297,
    "Dynamic-MDETR": 0.315,
    "OneRef": 0.403,
    "SimVG": 0.469,
    "ALVG": 0.53,
    "FAOA": 0.411,
    "ReSC": 0.368,
    "QRNet": 0.183,
}
options = {"max_epochs": 2}

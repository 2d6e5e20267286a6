"""The rgbt rows of methods.py with a third of its budget, against floors: `make learn`, before a release.

A floor is the lowest score of the row's seeds less the half-width of its interval.
"""

_base_ = ["methods.py"]

modalities = ["rgbt"]
baseline_modality = None
records = None
floors = {"RGBT-VGNet": 0.457}  # Acc@0.5; one seed, 48.9 %
options = {"max_epochs": 2}

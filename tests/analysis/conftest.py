"""A synthetic set, checkpoints with random weights, and models whose behaviour is known by construction."""

from pathlib import Path

import pytest
import torch

from rgbtvg.analysis import asking
from rgbtvg.analysis.evaluated_model import open_model
from rgbtvg.engine.config import load_config
from rgbtvg.registry import MODELS
from tests.engine.synthetic import make_small, paths_of

QUICKSTART = Path(__file__).parents[2] / "configs/quickstart/quickstart.py"


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return make_small(tmp_path_factory.mktemp("analysis") / "data", train=4, val=4, test=50)


@pytest.fixture(scope="session")
def checkpoints(data, tmp_path_factory):
    """Modality -> checkpoint of a quickstart model with random weights."""
    folder, paths = tmp_path_factory.mktemp("weights"), {}
    for modality in ("rgbt", "rgb"):
        torch.manual_seed(0)
        options = dict(paths_of(data), modality=modality)
        config = load_config(QUICKSTART, options)
        model = MODELS.build({**config.model.to_dict(), "data_preprocessor": config.data_preprocessor.to_dict()})
        paths[modality] = folder / f"{modality}.pth"
        torch.save({"state_dict": model.state_dict(), "meta": {"cfg": config.pretty_text}}, paths[modality])
    return paths


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    monkeypatch.setattr(asking, "_workers", lambda: 0)


class Constructed:
    """A model that answers a rule: (sample, its images by stream, its true box in the input) -> box xyxy in pixels."""

    def __init__(self, real, rule):
        self.data_preprocessor, self.rule = real.data_preprocessor, rule

    def test_step(self, batch):
        for place, sample in enumerate(batch["data_samples"]):
            images = {stream: stack[place] for stream, stack in batch["inputs"].items()}
            sample.set_metainfo({"padding": batch["padding_mask"][place]})
            sample.pred_boxes_xyxy = torch.as_tensor(self.rule(sample, images)).reshape(-1, 4)
            sample.pred_scores = torch.ones(len(sample.pred_boxes_xyxy))
            sample.gt_boxes_xyxy = torch.as_tensor(sample.gt_boxes_xyxy)
        return batch["data_samples"]


@pytest.fixture
def evaluated(checkpoints):
    """An evaluated model on the synthetic test split whose model follows a rule."""

    def make(rule, **kwargs):
        model = open_model(checkpoints["rgbt"], device="cpu", **kwargs)
        model.find.model = Constructed(model.find.model, rule)
        return model

    return make


NOWHERE = [[0.0, 0.0, 1.0, 1.0]]


def truth(sample):
    return torch.as_tensor(sample.gt_boxes_xyxy)


def is_seen(image, sample, contrast=8.0):
    """Whether the target stands out from what is around it, in an image (C, H, W) of the network's input."""
    x0, y0, x1, y1 = sample.frame.to_input(truth(sample))[0].round().int().tolist()
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    inside = torch.zeros(image.shape[-2:], dtype=torch.bool)
    inside[y0:y1, x0:x1] = True
    around = torch.zeros_like(inside)
    around[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3] = True
    around &= ~(inside | sample.padding)
    image = image.float()
    return bool((image[:, inside].mean(1) - image[:, around].mean(1)).abs().max() > contrast)


def sees_either(sample, images):
    """Finds what stands out in one of the cameras."""
    return truth(sample) if any(is_seen(image, sample) for image in images.values()) else NOWHERE


def sees_rgb(sample, images):
    """Ignores thermal."""
    return truth(sample) if is_seen(images["rgb"], sample) else NOWHERE


def sees_thermal(sample, images):
    """Ignores RGB."""
    return truth(sample) if is_seen(images["ir"], sample) else NOWHERE


def ignores_the_sentence(sample, images):
    height, width = sample.ori_shape
    return [[0.0, 0.0, width / 2, height / 2]]

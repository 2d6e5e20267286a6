"""The method of docs/add_a_method.md works as it stands there."""

import re
from pathlib import Path

import pytest
import torch

from rgbtvg.registry import MODELS
from tests.models.batches import collated_batch
from tests.models.test_methods import PREPROCESSOR
from tests.models.tiny import transvg

PAGE = Path(__file__).parents[2] / "docs/add_a_method.md"


@pytest.fixture
def my_method():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    names = {"__name__": "my_method"}
    exec(code, names)
    yield names["MyMethod"].__name__
    MODELS.module_dict.pop("MyMethod")


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_the_template_learns_and_answers(my_method, modality):
    torch.manual_seed(0)
    config = dict(transvg.config(modality), type=my_method, data_preprocessor=dict(PREPROCESSOR, modality=modality))
    model = MODELS.build(config)
    batch = collated_batch(modality, size=3)
    losses = model(**model.data_preprocessor(batch), mode="loss")
    total, _ = model.parse_losses(losses)
    total.backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    model.eval()
    data = model.data_preprocessor(collated_batch(modality, size=3))
    with torch.inference_mode():
        outputs = model.encode(data["inputs"])
        assert len(model.relevance(outputs)) == len(model.streams)
        assert all(
            sample.pred_boxes_xyxy.shape == (1, 4) for sample in model.predictions(outputs, data["data_samples"])
        )

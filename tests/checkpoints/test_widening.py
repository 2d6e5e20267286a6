"""From RGB to pairs, for the methods that join streams in the channels."""

import pytest
import torch

from rgbtvg.checkpoints.surgery import widen_projections
from rgbtvg.errors import CheckpointError
from rgbtvg.structures import GroundingInputs
from tests.models.test_methods import build


@pytest.mark.parametrize("method", ["faoa", "resc"])
def test_a_widened_model_sees_two_equal_images_as_one(method):
    single, pair = build(method, "rgb").eval(), build(method, "rgbt").eval()
    pair.load_state_dict(widen_projections(single.state_dict()))
    images = torch.randn(2, 3, 64, 64)
    ids = torch.randint(1, 99, (2, 16))
    inputs = GroundingInputs({"rgb": images, "ir": images}, torch.zeros(2, 64, 64, dtype=torch.bool), ids, ids == 0)
    with torch.no_grad():
        torch.testing.assert_close(pair.encode(inputs)["maps"], single.encode(inputs)["maps"], atol=1e-4, rtol=1e-4)


def test_another_method_is_refused():
    with pytest.raises(CheckpointError, match="FAOA or ReSC"):
        widen_projections({"image_proj.weight": torch.zeros(2, 2)})

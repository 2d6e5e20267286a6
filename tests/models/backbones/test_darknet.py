"""Darknet-53 and its weight file."""

import numpy as np
import pytest
import torch

from rgbtvg.checkpoints import darknet_file
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.backbones import Darknet53


def test_the_layers_are_those_of_the_published_file():
    layers = darknet_file.darknet_layers()
    assert sum(darknet_file.count_floats(layer) for layer in layers) == 62_001_757
    indices = [layer.index for layer in layers]
    assert indices == sorted(set(indices)) and indices[-1] == 105
    assert [layer.index for layer in layers if not layer.has_norm] == [81, 93, 105]


def test_every_named_layer_is_in_the_network_with_its_shape():
    with torch.device("meta"):
        own = Darknet53().state_dict()
    named = {f"{layer.name}.conv.weight": layer for layer in darknet_file.darknet_layers() if layer.name}
    for name in own:
        if name.endswith("conv.weight"):
            layer = named.pop(name)
            assert own[name].shape == (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)
    assert set(named) == {"levels.2.narrow.conv.weight"}  # stored in the file, read by a detection head only


@pytest.mark.parametrize(("version", "header"), [((0, 2), 5), ((0, 1), 4)])
def test_reads_norm_before_weight_and_skips_the_detection_heads(tmp_path, monkeypatch, version, header):
    layers = [
        darknet_file.DarknetLayer(0, "stem", 1, 2, 1),
        darknet_file.DarknetLayer(1, "", 2, 3, 1, has_norm=False),
        darknet_file.DarknetLayer(2, "last", 2, 1, 3),
    ]
    monkeypatch.setattr(darknet_file, "darknet_layers", lambda: layers)
    values = np.arange(sum(darknet_file.count_floats(layer) for layer in layers), dtype="<f4")
    path = tmp_path / "small.weights"
    path.write_bytes(np.array([*version, *[0] * (header - 2)], "<i4").tobytes() + values.tobytes())
    state = darknet_file.read_darknet_weights(path)
    assert state["stem.bn.bias"].tolist() == [0, 1] and state["stem.bn.weight"].tolist() == [2, 3]
    assert state["stem.bn.running_mean"].tolist() == [4, 5] and state["stem.bn.running_var"].tolist() == [6, 7]
    assert state["stem.conv.weight"].flatten().tolist() == [8, 9]
    assert state["last.bn.bias"].tolist() == [10 + 9]  # after 3 biases and 6 weights of the head
    assert state["last.conv.weight"].shape == (1, 2, 3, 3)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "yolov3.weights"
    path.write_bytes(np.array([0, 2, 0, 0, 0], "<i4").tobytes() + bytes(80))
    with pytest.raises(CheckpointError, match="248007048"):
        Darknet53(width=4, pretrained=str(path)).init_weights()


def test_what_lies_beyond_the_finest_map_is_not_built():
    encoder = Darknet53(strides=(16,), width=4)
    assert not any(name.startswith("levels.2") for name in encoder.state_dict())
    features = encoder(torch.randn(1, 3, 64, 96), torch.zeros(1, 64, 96, dtype=torch.bool))
    assert [tuple(level.shape) for level in features.levels] == [(1, 64, 4, 6)]
    assert features.grid == (4, 6) and features.tokens.shape == (1, 24, 64)


def test_strides_in_another_order_are_refused():
    with pytest.raises(ConfigError, match="in this order"):
        Darknet53(strides=(8, 32))

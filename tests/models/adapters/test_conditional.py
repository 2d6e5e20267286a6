"""MMCA's side paths in the slots of the image encoder."""

import torch

from rgbtvg.models.adapters import ConditionalMap, ConditionalTokens
from rgbtvg.models.backbones import ResNetDETR
from rgbtvg.structures import TextFeatures


def sentence(seed: int) -> TextFeatures:
    vector = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
    return TextFeatures(vector[:, None], torch.zeros(1, 1, dtype=torch.bool), pooled=vector)


def encoder() -> ResNetDETR:
    torch.manual_seed(0)
    return ResNetDETR(depth=18, width=16, num_layers=1, num_heads=2, ffn_width=32).eval()


def encode(model: ResNetDETR, seed: int) -> torch.Tensor:
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model(images, torch.zeros(1, 64, 64, dtype=torch.bool), sentence(seed)).tokens


def plug(model: ResNetDETR, zero_init: bool) -> None:
    model.resnet.slots["layer3"] = ConditionalMap(256, 8, rank=4, gate_width=8, zero_init=zero_init)
    model.encoder.layers[0].slots["query"] = ConditionalTokens(16, 8, rank=4, gate_width=8, zero_init=zero_init)


def test_side_paths_start_as_nothing():
    plain, adapted = encoder(), encoder()
    plug(adapted, zero_init=True)
    assert torch.equal(encode(plain, 1), encode(adapted, 1))


def test_the_reference_starts_them_at_random():
    plain, adapted = encoder(), encoder()
    plug(adapted, zero_init=False)
    assert not torch.allclose(encode(plain, 1), encode(adapted, 1), atol=1e-3)


def test_they_follow_the_sentence():
    model = encoder()
    plug(model, zero_init=False)
    with torch.no_grad():
        model.resnet.slots["layer3"].scale.weight.normal_()
    assert not torch.allclose(encode(model, 1), encode(model, 2), atol=1e-4)


def test_a_detr_checkpoint_is_read_around_them(tmp_path):
    path = tmp_path / "detr.pth"
    source = encoder()
    names = {"resnet.": "backbone.0.body.", "encoder.": "transformer.encoder."}
    state = {"bbox_embed.layers.0.weight": torch.zeros(1)}
    for name, tensor in source.state_dict().items():
        theirs = next((t + name.removeprefix(o) for o, t in names.items() if name.startswith(o)), name)
        state[theirs] = tensor
    torch.save({"model": state}, path)
    model = ResNetDETR(depth=18, width=16, num_layers=1, num_heads=2, ffn_width=32, pretrained=str(path)).eval()
    plug(model, zero_init=True)
    model.init_weights()
    assert torch.equal(encode(source, 1), encode(model, 1))

"""Text-guided image encoders on pairs, and Dynamic-MDETR's CLIP variant."""

import pytest
import torch

from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, GroundingInputs
from tests.models.test_methods import build
from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY
from tests.models.tiny.clip_vg import TEXT, VISION


def random_inputs(modality: str, size: int = 2) -> GroundingInputs:
    generator = torch.Generator().manual_seed(0)
    images = {
        stream: torch.randn(size, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
        for stream in MODALITY_STREAMS[modality]
    }
    ids = torch.randint(1, VOCABULARY - 1, (size, MAX_LENGTH), generator=generator)
    ids[:, 7], ids[:, 8:] = VOCABULARY - 1, 0
    mask = torch.zeros(size, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.bool)
    mask[:, 32:] = True
    return GroundingInputs(images, mask, ids, ids == 0)


def shake(model: torch.nn.Module) -> None:
    """Leave the starts at which plugged-in modules do nothing or the same for every sentence."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".slots." in name:
                parameter.normal_(std=0.1)


@pytest.mark.parametrize("method", ["mmca", "qrnet"])
def test_every_stream_of_a_pair_meets_its_own_sentence(method):
    model = build(method, "rgbt").eval()
    shake(model)
    inputs = random_inputs("rgbt")
    with torch.no_grad():
        pair = model.encode(inputs)["streams"]
        model.streams = ("ir",)
        alone = model.encode_streams(model.image_encoder, inputs, language_of(model, inputs))["ir"]
    if method == "mmca":  # QRNet marks the levels afterwards
        torch.testing.assert_close(pair["ir"].tokens, alone.tokens, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(pair["ir"].levels, alone.levels, atol=1e-4, rtol=1e-4)


def language_of(model, inputs):
    """What the method hands to its image encoder, caught on the way."""
    caught = []
    handle = model.image_encoder.register_forward_pre_hook(lambda module, args: caught.append(args[2]))
    model.encode(inputs)
    handle.remove()
    half = len(inputs.token_ids)
    (language,) = caught
    return type(language)(language.tokens[:half], language.padding_mask[:half], pooled=language.pooled[:half])


@pytest.mark.parametrize("method", ["mmca", "qrnet"])
def test_another_sentence_gives_other_image_features(method):
    model = build(method, "rgb").eval()
    shake(model)
    first = random_inputs("rgb")
    second = GroundingInputs(
        first.images, first.padding_mask, first.token_ids.flip(0), first.token_padding_mask.flip(0)
    )
    with torch.no_grad():
        a, b = (model.encode(inputs)["streams"]["rgb"].tokens for inputs in (first, second))
    assert not torch.allclose(a, b, atol=1e-4)


def clip_variant(modality: str, **kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = dict(width=32, num_heads=2, ffn_width=64, dropout=0.0)
    config = dict(
        type="DynamicMDETR",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=5,
        strip_marks=True,
        image_encoder=dict(type="CLIPVisionEncoder", arch=VISION, project_tokens=True),
        text_encoder=dict(type="CLIPTextEncoder", arch=TEXT),
        fusion=dict(type="JointEncoder", depth=1, **layers),
        decoder=dict(type="DynamicDecoder", num_points=4, num_stages=2, **layers),
        head=dict(type="BoxHead", width=32),
    )
    model = MODELS.build(dict(config, **kwargs))
    model.init_weights()
    return model.eval()


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_clip_variant_fuses_patches_and_words_without_marks(modality):
    outputs = clip_variant(modality).encode(random_inputs(modality))
    assert outputs["pred_boxes_cxcywh"].shape == (2, 4)
    assert (~outputs["text"].padding_mask).sum(1).tolist() == [5, 5]  # six words, of which five fit
    patches = (IMAGE_SIZE // 16) ** 2 * len(MODALITY_STREAMS[modality])
    assert outputs["joint"].sequence.shape == (2, patches + 5, 32)


def test_clip_variant_hides_padded_patches_unless_told_otherwise():
    inputs = random_inputs("rgb")
    assert clip_variant("rgb").encode(inputs)["joint"].padding_mask[:, :16].any()
    assert not clip_variant("rgb", mask_image_padding=False).encode(inputs)["joint"].padding_mask[:, :16].any()

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from rgbtvg.datasets import collate_grounding
from rgbtvg.datasets.pixel_statistics import get_statistics
from rgbtvg.errors import ConfigError
from rgbtvg.models.preprocessor import GroundingPreprocessor
from rgbtvg.structures import GroundingSample

SIZE = 12


def make_sample(width, height, offset, tokens=3, streams=("rgb", "ir"), **fields):
    generator = np.random.default_rng(width)
    sample = GroundingSample(metainfo=dict(input_shape=(SIZE, SIZE), pad_offset=offset))
    sample.gt_boxes_cxcywh = torch.tensor([[0.5, 0.5, 0.2, 0.2]])
    if tokens:
        sample.token_ids = torch.arange(1, tokens + 1)
        sample.token_padding_mask = torch.zeros(tokens, dtype=torch.bool)
    for name, value in fields.items():
        setattr(sample, name, value)
    shapes = {"rgb": (3, height, width), "ir": (1, height, width)}
    inputs = {s: torch.from_numpy(generator.integers(0, 256, shapes[s], dtype=np.uint8)) for s in streams}
    return {"inputs": inputs, "data_samples": sample}


def make_samples(**kwargs):
    return [make_sample(12, 9, (0, 1), **kwargs), make_sample(5, 12, (3, 0), **kwargs)]


@pytest.mark.parametrize("collate", [pseudo_collate, collate_grounding])
def test_images_are_normalised_pasted_and_padded_with_zeros(collate):
    samples = make_samples()
    given = [{stream: image.clone() for stream, image in sample["inputs"].items()} for sample in samples]
    inputs = GroundingPreprocessor("rgbt", "rgbtvg_m3fd")(collate(samples))["inputs"]

    assert inputs.images.keys() == {"rgb", "ir"}
    assert inputs.input_shape == (SIZE, SIZE)
    assert inputs.padding_mask.dtype == torch.bool
    for stream, batch in inputs.images.items():
        statistics = get_statistics("rgbtvg_m3fd", stream)
        mean, std = (torch.tensor(values)[:, None, None] for values in (statistics.mean, statistics.std))
        expected = torch.zeros(2, 3, SIZE, SIZE)
        expected[0, :, 1:10, :] = (given[0][stream].float() / 255 - mean) / std
        expected[1, :, :, 3:8] = (given[1][stream].float() / 255 - mean) / std
        torch.testing.assert_close(batch, expected, rtol=0, atol=0)
    padded = torch.ones(2, SIZE, SIZE, dtype=torch.bool)
    padded[0, 1:10, :] = False
    padded[1, :, 3:8] = False
    assert torch.equal(inputs.padding_mask, padded)


def test_both_ways_to_collate_give_the_same_batch():
    preprocessor = GroundingPreprocessor("rgbt")
    one, other = (preprocessor(collate(make_samples())) for collate in (pseudo_collate, collate_grounding))
    assert torch.equal(one["inputs"].token_ids, other["inputs"].token_ids)
    for first, second in zip(one["data_samples"], other["data_samples"], strict=True):
        assert isinstance(second.gt_boxes_cxcywh, torch.Tensor)
        assert torch.equal(first.gt_boxes_cxcywh, second.gt_boxes_cxcywh)


@pytest.mark.parametrize(("modality", "streams"), [("rgb", ["rgb"]), ("ir", ["ir"]), ("rgbt", ["rgb", "ir"])])
def test_the_batch_has_the_streams_of_the_modality(modality, streams):
    inputs = GroundingPreprocessor(modality)(collate_grounding(make_samples()))["inputs"]
    assert list(inputs.images) == streams


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_thermal_has_the_channels_that_are_asked_for(channels):
    thermal = GroundingPreprocessor("ir", thermal_channels=channels)(collate_grounding(make_samples()))["inputs"].images
    assert thermal["ir"].shape == (2, channels, SIZE, SIZE)
    assert torch.equal(thermal["ir"], thermal["ir"][:, :1].expand(-1, channels, -1, -1))


def test_thermal_with_colour_statistics_is_normalised_like_colours():
    samples = make_samples(streams=("ir",))
    value = samples[0]["inputs"]["ir"][0, 0, 0].item() / 255
    pixel = GroundingPreprocessor("ir", "imagenet")(collate_grounding(samples))["inputs"].images["ir"][0, :, 1, 0]
    expected = (value - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(pixel, expected)


def test_statistics_can_be_given_and_are_not_in_checkpoints():
    preprocessor = GroundingPreprocessor("ir", {"ir": dict(mean=[0.5], std=[0.25])})
    assert preprocessor.state_dict() == {}
    samples = make_samples()
    value = samples[0]["inputs"]["ir"][0, 0, 0].item() / 255
    pixel = preprocessor(collate_grounding(samples))["inputs"].images["ir"][0, 0, 1, 0].item()
    assert pixel == pytest.approx((value - 0.5) / 0.25, abs=1e-6)


def test_without_a_tokenizer_there_are_no_tokens():
    without = GroundingPreprocessor("rgb")(collate_grounding(make_samples(tokens=0)))["inputs"]
    assert without.token_ids.shape == without.token_padding_mask.shape == (2, 0)


def test_every_sample_gets_its_own_rows_back():
    masks = [torch.full((count, SIZE, SIZE), count, dtype=torch.uint8) for count in (2, 3)]
    samples = make_samples()
    del samples[0]["data_samples"].gt_boxes_cxcywh
    samples[1]["data_samples"].gt_boxes_cxcywh = torch.zeros(0, 4)  # nothing is meant
    for sample, mask in zip(samples, masks, strict=True):
        sample["data_samples"].gt_masks = mask
    one, other = GroundingPreprocessor("rgb")(collate_grounding(samples))["data_samples"]
    assert "gt_boxes_cxcywh" not in one
    assert other.gt_boxes_cxcywh.shape == (0, 4)
    assert torch.equal(one.gt_masks, masks[0]) and torch.equal(other.gt_masks, masks[1])


@pytest.mark.parametrize("collate", [pseudo_collate, collate_grounding])
def test_different_input_shapes_are_one_sentence(collate):
    samples = make_samples()
    samples[1]["data_samples"].set_metainfo(dict(input_shape=(SIZE, 2 * SIZE)))
    with pytest.raises(ConfigError, match=r"have input shapes \[\(12, 12\), \(12, 24\)\]: pad all to one"):
        GroundingPreprocessor("rgb")(collate(samples))


def test_a_missing_stream_is_one_sentence():
    with pytest.raises(ConfigError, match="the samples have no ir images: give LoadImages the modality of the model"):
        GroundingPreprocessor("rgbt")(collate_grounding(make_samples(streams=("rgb",))))


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="modality must be one of"):
        GroundingPreprocessor("rgbd")
    with pytest.raises(ConfigError, match="no pixel statistics are named"):
        GroundingPreprocessor("rgb", "flir")
    with pytest.raises(ConfigError, match="must have mean and std for the stream 'ir'"):
        GroundingPreprocessor("ir", {"rgb": dict(mean=[0.5] * 3, std=[0.5] * 3)})
    with pytest.raises(ConfigError, match="statistics of 2 values do not fit 3 channels"):
        GroundingPreprocessor("rgb", {"rgb": dict(mean=[0.5] * 2, std=[0.5] * 2)})


def test_thermal_of_another_normalisation_than_the_models_is_one_sentence():
    samples = make_samples()
    for sample in samples:
        sample["data_samples"].set_metainfo(dict(thermal_normalisation="percentile"))
    batch = collate_grounding(samples)
    with pytest.raises(
        ConfigError, match=r"loaded with the normalisation 'percentile', but the model expects 'dataset'"
    ):
        GroundingPreprocessor("rgbt")(batch)
    thermal = GroundingPreprocessor("rgbt", thermal_normalisation="percentile")(batch)["inputs"].images["ir"]
    value = batch["inputs"]["ir"][0, 0, 1, 0].item() / 255
    assert thermal[0, 0, 1, 0].item() == pytest.approx((value - 0.5) / 0.25, abs=1e-6)

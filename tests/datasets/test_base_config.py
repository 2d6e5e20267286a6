from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from rgbtvg.engine.config import load_config
from rgbtvg.registry import MODELS
from rgbtvg.structures.frame import denormalise_boxes

CONFIG = Path(__file__).parents[2] / "configs/transvg/transvg_r50.py"


@pytest.mark.parametrize(("modality", "workers"), [("rgb", 0), ("ir", 0), ("rgbt", 2)])
def test_loaders_of_a_config_make_batches(flir, tokenizer_folder, modality, workers):
    config = load_config(
        CONFIG,
        dict(
            flir.roots,
            modality=modality,
            image_size=96,
            batch_size=2,
            num_workers=workers,
            persistent_workers=workers > 0,
            tokenizer=tokenizer_folder,
            max_length=8,
        ),
    )
    preprocessor = MODELS.build(config.data_preprocessor)
    np.random.seed(0)
    for name, rows, splits in (
        ("train_dataloader", 2, {"train"}),
        ("val_dataloader", 1, {"val"}),
        ("test_dataloader", 5, {"val", "test"}),
    ):
        with DefaultScope.overwrite_default_scope("rgbtvg"):
            loader = Runner.build_dataloader(config[name], seed=0)
        batches = [preprocessor(batch) for batch in loader]
        samples = [sample for batch in batches for sample in batch["data_samples"]]
        assert len({sample.sample_id for sample in samples}) == len(samples) == rows
        assert {sample.split for sample in samples} == splits
        for batch in batches:
            inputs = batch["inputs"]
            assert inputs.input_shape == (96, 96)
            assert set(inputs.images) == set(preprocessor.streams)
            assert inputs.token_ids.shape == (inputs.batch_size, 8)
        if name != "train_dataloader":
            for sample in samples:
                undone = sample.frame.to_image(denormalise_boxes(sample.gt_boxes_cxcywh, sample.input_shape))
                np.testing.assert_allclose(undone, sample.gt_boxes_xyxy, atol=1e-3)

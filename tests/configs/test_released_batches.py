"""Evaluation settings that released scores depend on."""

from pathlib import Path

from rgbtvg.engine import load_config

HIVG = Path(__file__).parents[2] / "configs" / "hivg"


def test_hivg_is_evaluated_with_the_published_batch():
    config = load_config(HIVG / "hivg_b16_compat.py")
    assert config.test_dataloader.batch_size == config.val_dataloader.batch_size == 60
    assert load_config(HIVG / "hivg_b16.py").test_dataloader.batch_size != 60

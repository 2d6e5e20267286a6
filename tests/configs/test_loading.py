"""One line of a config reaches every place that loads or normalises."""

from pathlib import Path

import pytest

from rgbtvg.engine.config import load_config

ROOT = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] not in ("_base_", "comparisons", "pretraining")  # pre-training reads RGB alone
)


def named(value, name):
    """Every dict in `value` whose type is `name`."""
    if isinstance(value, dict):
        if value.get("type") == name:
            yield value
        for item in value.values():
            yield from named(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from named(item, name)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_line_changes_how_thermal_is_normalised_everywhere(path):
    config = load_config(path, {"thermal_normalisation": "clahe", "thermal_range": [1, 2]}).to_dict()
    loaders = {key: value for key, value in config.items() if key.endswith("_dataloader")}
    loading = list(named(loaders, "LoadImages"))
    assert loading
    assert {step["thermal_normalisation"] for step in loading} == {"clahe"}
    assert {tuple(step["thermal_range"]) for step in loading} == {(1, 2)}
    preprocessors = list(named(config["model"], "GroundingPreprocessor"))
    if path.parent.name not in ("zero_shot", "vlm"):  # these models take the 8-bit images as they were loaded
        assert {part["thermal_normalisation"] for part in preprocessors} == {"clahe"}
    for tokenizer in named(config["model"], "VQKDTokenizer"):
        assert tokenizer.get("statistics") is None or tokenizer["thermal_normalisation"] == "clahe"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_evaluation_is_exact_however_training_loads(path):
    config = load_config(path, {"draft_size": 320}).to_dict()
    for key in ("val_dataloader", "test_dataloader"):
        for step in named(config.get(key), "LoadImages"):
            assert step.get("draft_size") is None
    for step in named(config["train_dataloader"], "LoadImages"):
        assert step["draft_size"] == 320

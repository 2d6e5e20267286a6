"""One line of a config reaches every place that loads or normalises."""

import pytest

from tests.configs.conftest import configs_without

CONFIGS = configs_without("_base_", "comparisons", "pretraining")


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


@pytest.mark.parametrize("changed", CONFIGS, indirect=True, scope="session")
def test_one_line_changes_how_thermal_is_normalised_everywhere(changed):
    config = changed.config.to_dict()
    loaders = {key: value for key, value in config.items() if key.endswith("_dataloader")}
    loading = list(named(loaders, "LoadImages"))
    assert loading
    assert {step["thermal_normalisation"] for step in loading} == {"clahe"}
    assert {tuple(step["thermal_range"]) for step in loading} == {(1, 2)}
    preprocessors = list(named(config["model"], "GroundingPreprocessor"))
    if config["data_preprocessor"] is not None:  # other models take the 8-bit images as they were loaded
        assert {part["thermal_normalisation"] for part in preprocessors} == {"clahe"}
    for tokenizer in named(config["model"], "VQKDTokenizer"):
        assert tokenizer.get("statistics") is None or tokenizer["thermal_normalisation"] == "clahe"


@pytest.mark.parametrize("changed", CONFIGS, indirect=True, scope="session")
def test_evaluation_is_exact_however_training_loads(changed):
    config = changed.config.to_dict()
    for key in ("val_dataloader", "test_dataloader"):
        for step in named(config.get(key), "LoadImages"):
            assert step.get("draft_size") is None
    for step in named(config["train_dataloader"], "LoadImages"):
        assert step["draft_size"] == 320

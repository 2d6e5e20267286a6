"""model-index.yml and docs/models.md are in step with the configs and the measured results."""

import json
from pathlib import Path

import pytest
import yaml

from tools.dev.model_index import INDEX, MEASURED, PAGE, ROOT, index_text, model_index, page_text

COMMAND = "run python tools/dev/model_index.py"


@pytest.mark.slow
def test_index_and_page_are_in_step():
    index = model_index()
    assert INDEX.read_text(encoding="utf-8") == index_text(index), COMMAND
    assert PAGE.read_text(encoding="utf-8") == page_text(index), COMMAND


def test_every_entry_names_what_exists():
    index = yaml.safe_load(INDEX.read_text(encoding="utf-8"))
    collections = {collection["Name"]: collection for collection in index["Collections"]}
    for collection in collections.values():
        assert (ROOT / collection["README"]).exists()
        assert (ROOT / collection.get("Code", {}).get("URL", ".")).exists()
    for model in index["Models"]:
        assert (ROOT / model["Config"]).exists() and model["In Collection"] in collections, model["Name"]


def test_every_measured_result_is_in_the_index():
    index = yaml.safe_load(INDEX.read_text(encoding="utf-8"))
    shown = {model["Config"]: model.get("Results", []) for model in index["Models"]}
    for file in MEASURED.glob("*.json"):
        run = json.loads(file.read_text(encoding="utf-8"))
        found = [result for result in shown[f"configs/{run['config']}"] if result["Command"] == run["command"]]
        assert found and found[0]["Metrics"] == run["metrics"], file.name


def test_every_recorded_run_of_a_table_is_in_the_index():
    index = yaml.safe_load(INDEX.read_text(encoding="utf-8"))
    shown = {model["Config"]: model.get("Results", []) for model in index["Models"]}
    page, records = PAGE.read_text(encoding="utf-8"), list((MEASURED / "runs").rglob("*.json"))
    assert records
    for file in records:
        run = json.loads(file.read_text(encoding="utf-8"))
        row, settings = file.stem.split("_")[0], run["settings"]
        (result,) = [
            result
            for result in shown[settings["config"]]
            if result["About"].startswith(f"{row} of the table")
            and result["Modality"] == settings["options"]["modality"]
        ]
        assert Path(result["Command"].split()[-1]).stem == file.parent.name and result["About"] in page
        if "mean of" not in result["About"]:
            assert result["Metrics"]["acc@0.5"] == pytest.approx(100 * run["accuracy"]), COMMAND

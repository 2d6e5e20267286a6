"""Every writer's files give the records back, whatever the layout of the images and the modality."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rgbtvg.datasets import COCORefs, JSONLinesDataset, RGBTGround
from rgbtvg.datasets.conditions import CONDITIONS
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS, RECORD_WRITERS
from rgbtvg.structures import MODALITY_STREAMS

SIZE = (48, 64)
LAYOUTS = {
    "folders": {"rgb": "rgb/{}.jpg", "ir": "ir/{}.jpg"},
    "flir": {"rgb": "JPEGImages/{}_RGB.jpg", "ir": "JPEGImages/{}_PreviewData.jpeg"},
    "kaist": {"rgb": "images/set00/{}/visible/I0.jpg", "ir": "images/set00/{}/lwir/I0.jpg"},
    "llvip": {"rgb": "visible/{}/1.jpg", "ir": "infrared/{}/1.png"},
    "subfolders": {"rgb": "{}/rgb/1.png", "ir": "{}/ir/1.png"},
}
WRITERS = ("canonical", "coco", "rgbt-ground", "odvg", "fiftyone", "label-studio")

names = st.text(st.sampled_from("ab1 .-é雪"), min_size=1, max_size=4).map(lambda text: f"n{text}x")
coordinates = st.tuples(*[st.floats(1.5, 20, width=32)] * 4)  # below 1 they would be read as fractions
expressions = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20).map(
    lambda text: f"the {text}"
)
conditions = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from([label.name for label in labels]) for name, labels in CONDITIONS.items()}
)
rows = st.lists(
    st.tuples(names, st.sampled_from(["train", "test"]), coordinates, expressions, conditions, st.sampled_from("XYZ")),
    min_size=1,
    max_size=5,
)


def make_records(root: Path, layout: str, streams: tuple[str, ...], drawn: list) -> list[dict]:
    records = []
    for number, (name, split, (x, y, w, h), expression, labels, category) in enumerate(drawn):
        records.append(
            {
                "sample_id": f"mine/{split}/own-{number}",
                "dataset": "mine",
                "split": split,
                "subsets": [],
                "image_paths": {stream: str(root / LAYOUTS[layout][stream].format(name)) for stream in streams},
                "expression": expression,
                "boxes": [[x, y, x + w, y + h]],
                "masks": None,
                "size": SIZE,
                "conditions": labels,
                "extra": {"category": category},
            }
        )
        for path in map(Path, records[-1]["image_paths"].values()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return records


def read_back(writer: str, out: Path, root: Path, modality: str, splits: list[str]) -> list[dict]:
    """Records of a writer's files, by the reader of that format."""
    common = dict(modality=modality, serialize_data=False, test_mode=True)
    if writer == "canonical":
        dataset = JSONLinesDataset("mine", splits, root, out, **common)
    elif writer == "coco":
        dataset = COCORefs("mine", splits, root, out, **common)
    elif writer == "rgbt-ground":
        dataset = RGBTGround("mine", splits, root, out, **common)
    else:
        return READERS[writer](out, root)
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def read_odvg(out: Path, root: Path) -> list[dict]:
    lines = [json.loads(line) for line in (out / "mine.jsonl").read_text(encoding="utf-8").split("\n") if line]
    return [
        {
            "image_paths": {stream: str(root / path) for stream, path in line["modalities"].items()},
            "expression": line["grounding"]["caption"],
            "boxes": [region["bbox"] for region in line["grounding"]["regions"]],
        }
        for line in lines
    ]


def read_fiftyone(out: Path, root: Path) -> list[dict]:
    labels = json.loads((out / "labels.json").read_text(encoding="utf-8"))["labels"]
    paths = {}
    for stream, name in (("rgb", "data.json"), ("ir", "data_ir.json")):
        if (out / name).is_file():
            for key, path in json.loads((out / name).read_text(encoding="utf-8")).items():
                paths.setdefault(key, {})[stream] = path
    found = []
    for key, detections in labels.items():
        for each in detections:
            x, y, w, h = each["bounding_box"]
            labelled = {k.removeprefix("condition_"): v for k, v in each["attributes"].items() if "condition_" in k}
            found.append(
                {
                    "sample_id": each["attributes"]["record_id"],
                    "split": each["attributes"]["split"],
                    "image_paths": paths[key],
                    "expression": each["attributes"]["expression"],
                    "boxes": [[x * 64, y * 48, (x + w) * 64, (y + h) * 48]],
                    "conditions": labelled,
                }
            )
    return found


def read_label_studio(out: Path, root: Path) -> list[dict]:
    from urllib.parse import unquote

    found = []
    for task in json.loads((out / "mine.json").read_text(encoding="utf-8")):
        data, result = task["data"], task["annotations"][0]["result"]
        value = result[0]["value"]
        x, y, w, h = (value[key] / 100 for key in ("x", "y", "width", "height"))
        found.append(
            {
                "sample_id": data["sample_id"],
                "split": data["split"],
                "image_paths": {
                    stream: str(root / unquote(data[stream].partition("?d=")[2]))
                    for stream in ("rgb", "ir")
                    if stream in data
                },
                "expression": result[1]["value"]["text"][0],
                "boxes": [[x * 64, y * 48, (x + w) * 64, (y + h) * 48]],
            }
        )
    return found


READERS = {"odvg": read_odvg, "fiftyone": read_fiftyone, "label-studio": read_label_studio}
FILES = {
    "canonical": "mine.jsonl",
    "coco": "mine",
    "rgbt-ground": "",
    "odvg": "mine.jsonl",
    "fiftyone": "",
    "label-studio": "mine.json",
}


@pytest.mark.parametrize("modality", MODALITY_STREAMS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(drawn=rows)
def test_records_come_back(writer, layout, modality, tmp_path_factory, drawn):
    root = tmp_path_factory.mktemp("set")
    records = make_records(root, layout, MODALITY_STREAMS[modality], drawn)
    out = root / "out"
    RECORD_WRITERS.get(writer)(out / FILES[writer], root).write(records)
    splits = list(dict.fromkeys(record["split"] for record in records))
    found = read_back(writer, out, root, modality, splits)
    key = lambda record: (record["expression"], record["boxes"][0], sorted(record["image_paths"].values()))  # noqa: E731
    assert len(found) == len(records)
    for got, expected in zip(sorted(found, key=key), sorted(records, key=key), strict=True):
        for field in ("sample_id", "dataset", "split", "image_paths", "expression", "conditions"):
            assert got.get(field, expected[field]) == expected[field], field
        assert got["boxes"][0] == pytest.approx(expected["boxes"][0], abs=1e-4)
        if writer in ("canonical", "coco", "rgbt-ground"):
            assert got["extra"]["category"] == expected["extra"]["category"]
            assert {"sample_id", "conditions", "split"} <= got.keys()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_without_expressions_come_back_from_coco(tmp_path, layout):
    drawn = [(name, "test", (1.0, 2.0, 9.0, 9.0), "", {"lighting": "weak"}, "car") for name in ("a", "b")]
    records = make_records(tmp_path, layout, ("rgb", "ir"), drawn)
    RECORD_WRITERS.get("coco")(tmp_path / "mine", tmp_path).write(records)
    reader = DETECTION_READERS.get("coco")(tmp_path / "mine" / "instances.json", image_root=tmp_path)
    fields = ("sample_id", "dataset", "split", "image_paths", "boxes", "conditions")
    assert [{name: record[name] for name in fields} for record in reader.read()] == [
        {name: record[name] for name in fields} for record in records
    ]


@pytest.mark.parametrize("writer", WRITERS)
def test_two_records_of_one_id_stop_the_writer(tmp_path, writer):
    row = ("a", "train", (1.0, 2.0, 9.0, 9.0), "the car", {}, "car")
    first, second = make_records(tmp_path, "folders", ("rgb", "ir"), [row, row])
    second["sample_id"] = first["sample_id"]
    with pytest.raises(DataError, match="several records"):
        RECORD_WRITERS.get(writer)(tmp_path / "out" / FILES[writer], tmp_path).write([first, second])

"""Every classic format as it is distributed, in files that the tests write."""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets import CaptionedCOCO, COCORefs, Flickr30kEntities, MixedRows, RefCOCO, ReferItGame, SeqTRInstances
from rgbtvg.errors import ConfigError, DataError

COCO_NAME = "COCO_train2014_000000581857.jpg"
POLYGON = [10.0, 5.0, 30.0, 5.0, 30.0, 25.0, 10.0, 25.0]
ATTRIBUTES = [(f"r{number}", ["none"]) for number in range(1, 9)]
SHUFFLED = [
    [COCO_NAME, {"height": 48, "width": 64}, [10.0, 5.0, 20.0, 20.5], "the lady in blue", [POLYGON]],
    [COCO_NAME, {"height": 48, "width": 64}, [0.7, 1.2, 3.0, 4.0], "the dog", [POLYGON, [0, 0, 4, 0, 4, 4, 0, 4]]],
]
OLD = [(COCO_NAME, "482127.pth", [10.0, 5.0, 20.0, 20.5], "the lady in blue", ATTRIBUTES)]


@pytest.fixture
def root(tmp_path):
    for folder, name in (
        ("other/images/mscoco/images/train2014", COCO_NAME),
        ("referit/images", "9807.jpg"),
        ("Flickr30k/flickr30k_images", "1000092795.jpg"),
        ("images/visual-genome", "7.jpg"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (64, 48)).save(tmp_path / folder / name)
    return tmp_path


def save_rows(root, dataset, split, rows):
    path = root / "splits" / dataset / f"{dataset}_{split}.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(rows, path)
    return path


def save_json(root, name, content):
    path = root / "splits" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def records(reader, dataset, root, split="train", **kwargs):
    options = dict(data_root=root, split_root=root / "splits", modality="rgb", serialize_data=False)
    built = reader(dataset, split, **{**options, **kwargs})
    return [built.get_data_info(index) for index in range(len(built))]


def area(rle):
    return int(coco_mask.area({**rle, "counts": rle["counts"].encode()}))


@pytest.mark.parametrize("dataset", ["unc", "unc+", "gref", "gref_umd"])
@pytest.mark.parametrize("rows", [SHUFFLED, OLD], ids=["shuffled", "old"])
def test_refcoco_files_of_both_distributions(root, dataset, rows):
    save_rows(root, dataset, "train", rows)
    first, *_ = found = records(RefCOCO, dataset, root)
    assert len(found) == len(rows)
    assert first["sample_id"] == f"{dataset}/train/000000"
    assert first["boxes"] == [[10.0, 5.0, 30.0, 25.5]]
    assert first["expression"] == "the lady in blue"
    assert first["size"] == ((48, 64) if rows is SHUFFLED else None)
    assert first["image_paths"] == {"rgb": str(root / "other/images/mscoco/images/train2014" / COCO_NAME)}
    assert (first["masks"], first["conditions"], first["subsets"]) == (None, {}, [])


def test_refcoco_polygons_become_one_mask_where_asked_for(root):
    save_rows(root, "unc", "train", SHUFFLED)
    one, two = records(RefCOCO, "unc", root, with_masks=True)
    assert area(one["masks"][0]) == 20 * 20
    assert area(two["masks"][0]) == 20 * 20 + 16
    assert records(RefCOCO, "unc", root, truncate_boxes=True)[1]["boxes"] == [[0.0, 1.0, 3.0, 5.0]]


def test_trainval_is_both_parts(root):
    save_rows(root, "unc", "train", SHUFFLED)
    save_rows(root, "unc", "val", SHUFFLED[:1])
    assert [record["split"] for record in records(RefCOCO, "unc", root, "trainval")] == ["train", "train", "val"]


def test_referit_boxes_are_corners(root):
    save_rows(root, "referit", "train", [("9807.jpg", "9807_13.pth", [3, 4, 30, 40], "the sky", ATTRIBUTES)])
    (record,) = records(ReferItGame, "referit", root)
    assert record["boxes"] == [[3.0, 4.0, 30.0, 40.0]]
    assert record["image_paths"]["rgb"] == str(root / "referit/images/9807.jpg")


@pytest.mark.parametrize(
    "row", [("1000092795.jpg", [3, 4, 30, 40], "two men"), ["1000092795.jpg", [3, 4, 30, 40], "two men"]]
)
def test_flickr_rows_have_three_fields_and_either_folder(root, row):
    save_rows(root, "flickr", "train", [row])
    assert records(Flickr30kEntities, "flickr", root)[0]["boxes"] == [[3.0, 4.0, 30.0, 40.0]]
    other = root / "Flickr30k/flickr30k-images"
    (root / "Flickr30k/flickr30k_images").rename(other)
    assert records(Flickr30kEntities, "flickr", root)[0]["image_paths"]["rgb"] == str(other / "1000092795.jpg")


def test_published_mixup_file_tells_the_sets_apart(root):
    rows = [
        SHUFFLED[0],
        ["1000092795.jpg", "flickr", [3, 4, 10, 20], "two men", "placeholder"],
        ["9807.jpg", "referit", [3, 4, 10, 20], "the sky", ATTRIBUTES],
        [*SHUFFLED[1], [0.5, 0.25]],
    ]
    save_rows(root, "mixup", "train", rows)
    found = records(MixedRows, "mixup", root)
    assert [record["boxes"][0] for record in found[1:3]] == [[3.0, 4.0, 13.0, 24.0]] * 2
    folders = [record["image_paths"]["rgb"].removeprefix(f"{root}/").split("/")[0] for record in found]
    assert folders == ["other", "Flickr30k", "referit", "other"]


INSTANCES = {
    "train": [
        {
            "image_id": 581857,
            "expressions": ["the lady", "woman in blue", "left one"],
            "bbox": [10.0, 5.0, 20.0, 20.0],
            "height": 48,
            "width": 64,
            "category_id": 1,
            "mask": [POLYGON],
        },
    ],
    "val": [{"image_id": 581857, "expressions": ["dog"], "bbox": [1, 2, 3, 4], "height": 48, "width": 64}],
}


@pytest.mark.parametrize(
    ("dataset", "folder"),
    [
        ("unc", "refcoco-unc"),
        ("unc+", "refcocoplus-unc"),
        ("gref", "refcocog-google"),
        ("gref_umd", "refcocog-umd"),
    ],
)
def test_instances_give_a_record_per_expression(root, dataset, folder):
    save_json(root, f"{folder}/instances.json", INSTANCES)
    found = records(SeqTRInstances, dataset, root, ["train", "val"])
    assert [record["expression"] for record in found] == ["the lady", "woman in blue", "left one", "dog"]
    assert [record["boxes"] for record in found[:3]] == [[[10.0, 5.0, 30.0, 25.0]]] * 3
    assert len({record["sample_id"] for record in found}) == 4
    assert found[0]["image_paths"]["rgb"].endswith(COCO_NAME)
    assert found[0]["size"] == (48, 64)


def test_instances_masks_in_every_encoding(root):
    mask = np.zeros((48, 64), np.uint8, order="F")
    mask[5:25, 10:30] = 1
    encoded = coco_mask.encode(mask)
    counts = [10 * 48 + 5, *[20, 28] * 19, 20, 48 * 64 - (29 * 48 + 25)]
    for form in (
        [POLYGON],
        {"size": [48, 64], "counts": encoded["counts"].decode()},
        {"size": [48, 64], "counts": counts},
    ):
        save_json(root, "refcoco-unc/instances.json", {"train": [{**INSTANCES["train"][0], "mask": form}]})
        (rle,) = records(SeqTRInstances, "unc", root, with_masks=True)[0]["masks"]
        assert area(rle) == 400
        assert rle["counts"] == encoded["counts"].decode()


def test_an_expression_is_drawn_per_entry_in_training_only(root):
    save_json(root, "refcoco-unc/instances.json", INSTANCES)
    options = dict(data_root=root, split_root=root / "splits", modality="rgb", expressions="drawn")
    training = SeqTRInstances("unc", "train", **options)
    assert len(training) == 1
    np.random.seed(0)
    assert {training[0]["expression"] for _ in range(30)} == {"the lady", "woman in blue", "left one"}
    assert len(SeqTRInstances("unc", "train", **options, test_mode=True)) == 3


@pytest.mark.parametrize(
    ("dataset", "name", "place"), [("referit", 9807, "referit"), ("flickr", 1000092795, "Flickr30k")]
)
def test_instances_of_other_images(root, dataset, name, place):
    folder = {"referit": "referitgame-berkeley", "flickr": "flickr30k"}[dataset]
    entry = dict(INSTANCES["val"][0], image_id=name)
    save_json(root, f"{folder}/instances.json", {"val": [entry]})
    assert records(SeqTRInstances, dataset, root, "val")[0]["image_paths"]["rgb"].startswith(str(root / place))


def test_merged_instances_take_their_images_from_their_source(root):
    base = INSTANCES["val"][0]
    entries = [
        dict(base, data_source="refcoco_unc"),
        dict(base, data_source="referitgame_berkeley", image_id=9807),
        dict(base, data_source="flickr30k", image_id=1000092795),
        dict(base, data_source="visual-genome", image_id=7),
    ]
    save_json(root, "mixed/instances.json", {"train": entries, "val_refcoco_unc": entries[:1]})
    found = records(SeqTRInstances, "simvg_mixed", root)
    assert [record["image_paths"]["rgb"].rsplit("/", 1)[1] for record in found] == [
        COCO_NAME,
        "9807.jpg",
        "1000092795.jpg",
        "7.jpg",
    ]
    (genome,) = records(SeqTRInstances, "simvg_mixed", root, data_sources=["visual-genome"])
    assert genome["image_paths"]["rgb"] == str(root / "images/visual-genome/7.jpg")
    assert len(records(SeqTRInstances, "simvg_mixed", root, "val_refcoco_unc")) == 1


def test_grefcoco_instances_have_several_targets_or_none(root):
    person = {"bbox": [10, 5, 20, 20], "category_id": 1, "segmentation": [POLYGON]}
    entry = {
        "image_id": 581857,
        "height": 48,
        "width": 64,
        "expressions": ["both", "the lady", "a zebra"],
        "bbox": [[[10, 5, 20, 20], [1, 2, 3, 4]], [[10, 5, 20, 20]], [[0, 0, 0, 0]]],
        "annotations": [
            [person, dict(person, bbox=[1, 2, 3, 4])],
            [person],
            [{"bbox": [0, 0, 0, 0], "category_id": -1}],
        ],
    }
    save_json(root, "grefs/instances.json", {"train": [entry]})
    found = records(SeqTRInstances, "grefcoco", root, folder="grefs", with_masks=True)
    assert [len(record["boxes"]) for record in found] == [2, 1, 0]
    assert [len(record["masks"]) for record in found] == [2, 1, 0]
    assert found[0]["boxes"][1] == [1.0, 2.0, 4.0, 6.0]
    (one,) = records(SeqTRInstances, "grefcoco", root, folder="grefs", targets="one")
    assert one["expression"] == "the lady"


COCO_FILE = {
    "images": [{"id": 5, "file_name": COCO_NAME, "height": 48, "width": 64}],
    "annotations": [
        {"id": 11, "image_id": 5, "bbox": [10, 5, 20, 20], "category_id": 1, "segmentation": [POLYGON]},
        {"id": 12, "image_id": 5, "bbox": [1, 2, 3, 4], "category_id": 1, "segmentation": [[1, 2, 4, 2, 4, 6, 1, 6]]},
    ],
}
REFS = [
    {"ref_id": 1, "split": "train", "image_id": 5, "ann_id": 11, "sentences": [{"sent": "lady"}, {"sent": "woman"}]},
    {"ref_id": 2, "split": "train", "image_id": 5, "ann_id": [11, 12], "sentences": [{"sent": "both"}]},
    {"ref_id": 3, "split": "train", "image_id": 5, "ann_id": [-1], "no_target": True, "sentences": [{"sent": "zebra"}]},
    {"ref_id": 4, "split": "testA", "image_id": 5, "ann_id": 12, "sentences": [{"sent": "dog"}]},
]


@pytest.mark.parametrize("protocol", [None, 0, 2, 4])
def test_refs_beside_coco_annotations(root, protocol):
    save_json(root, "refcoco/instances.json", COCO_FILE)
    name = "refs(unc).p" if protocol is not None else "refs(unc).json"
    path = save_json(root, f"refcoco/{name}", REFS)
    if protocol is not None:
        path.write_bytes(pickle.dumps(REFS, protocol))
    found = records(COCORefs, "unc", root, folder="refcoco", refs=name, with_masks=True)
    assert [record["expression"] for record in found] == ["lady", "woman", "both", "zebra"]
    assert [len(record["boxes"]) for record in found] == [1, 1, 2, 0]
    assert [area(rle) for rle in found[2]["masks"]] == [400, 12]
    assert len(records(COCORefs, "unc", root, "testA", folder="refcoco", refs=name)) == 1


def test_refs_of_ones_own_pairs(root):
    for stream in ("visible", "thermal"):
        (root / stream).mkdir()
        Image.new("L", (64, 48)).save(root / stream / COCO_NAME)
    save_json(root, "harbour/instances.json", COCO_FILE)
    save_json(root, "harbour/refs.json", REFS)
    folders = dict(rgb="visible", ir="thermal")
    first, *_ = records(COCORefs, "harbour", root, modality="rgbt", image_folders=folders)
    assert first["image_paths"] == {
        "rgb": str(root / "visible" / COCO_NAME),
        "ir": str(root / "thermal" / COCO_NAME),
    }


def test_captioned_coco_files(root):
    images = [
        dict(id=0, file_name=COCO_NAME, height=48, width=64, original_id=581857, caption="both"),
        dict(id=1, height=48, width=64, original_id=581857, caption="zebra"),
    ]
    annotations = [
        dict(image_id=0, bbox=[10, 5, 20, 20], category_id=1),
        dict(image_id=0, bbox=[1, 2, 3, 4], category_id=1),
        dict(image_id=1, bbox=[0, 0, 0, 0], category_id=-1),
    ]
    content = dict(images=images, annotations=annotations)
    save_json(root, "grefcoco/finetune_grefcoco_train.json", content)
    both, none = records(CaptionedCOCO, "grefcoco", root)
    assert both["boxes"] == [[10.0, 5.0, 30.0, 25.0], [1.0, 2.0, 4.0, 6.0]]
    assert none["boxes"] == [] and none["image_paths"]["rgb"].endswith(COCO_NAME)


def test_what_is_wrong_is_one_sentence(root):
    with pytest.raises(DataError, match="holds no annotation files"):
        records(RefCOCO, "unc", root)
    path = save_rows(root, "unc", "train", [SHUFFLED[0], SHUFFLED[0][:3]])
    with pytest.raises(DataError, match=f"row 1 of {path} must be"):
        records(RefCOCO, "unc", root)
    with pytest.raises(ConfigError, match="unc has no ir images, which modality='rgbt' needs"):
        records(RefCOCO, "unc", root, modality="rgbt")
    save_rows(root, "flickr", "train", SHUFFLED)
    with pytest.raises(DataError, match=r"\(file name, box xyxy, expression\)"):
        records(Flickr30kEntities, "flickr", root)
    save_json(root, "refcoco-unc/instances.json", {"train": [{**INSTANCES["train"][0], "bbox": [1, 2, 3]}]})
    with pytest.raises(DataError, match=r"entry 0 of train in .*instances.json"):
        records(SeqTRInstances, "unc", root)
    save_json(root, "refcoco/instances.json", COCO_FILE)
    save_json(root, "refcoco/refs.json", [dict(REFS[0], ann_id=99)])
    with pytest.raises(DataError, match=r"reference 0 of .*refs.json"):
        records(COCORefs, "unc", root, folder="refcoco")
    path = save_json(root, "refcoco/refs.p", [])
    path.write_bytes(pickle.dumps([np.float64(1)]))
    with pytest.raises(DataError, match="is refused"):
        records(COCORefs, "unc", root, folder="refcoco", refs="refs.p")
    (root / "referit/images/9807.jpg").unlink()
    (root / "referit/images").rmdir()
    save_rows(root, "referit", "train", [("9807.jpg", "x", [3, 4, 30, 40], "the sky", ATTRIBUTES)])
    with pytest.raises(DataError, match="no folder of referit images"):
        records(ReferItGame, "referit", root)


def test_unpublished_counts_name_the_revision(root, monkeypatch):
    said = []
    monkeypatch.setattr("rgbtvg.datasets.published.print_log", lambda text, **kwargs: said.append(text))
    save_rows(root, "unc+", "train", SHUFFLED)
    records(RefCOCO, "unc+", root)
    assert said == [
        "unc+ train: 2 rows",
        "unc+ train has 2 rows, published revisions have 120191 (files of TransVG and CLIP-VG): results are not "
        "comparable with published ones",
    ]

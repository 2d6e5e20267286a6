"""Several datasets as one: their rows, their weights, and the order that a resumed run needs."""

import json
from collections import Counter
from pathlib import Path

import pytest

from rgbtvg.checkpoints import load_file
from rgbtvg.datasets import DatasetMixture, MixtureSampler
from rgbtvg.engine import load_config, train
from rgbtvg.engine.samples import DrawSampler, TrainingSamples
from rgbtvg.errors import ConfigError
from rgbtvg.registry import DATASETS
from tests.datasets.classic import write_classic_sets

QUICKSTART = Path(__file__).parents[2] / "configs/quickstart/quickstart.py"
ROWS = dict(unc=10, referit=4, flickr=6)


@pytest.fixture
def root(tmp_path):
    write_classic_sets(tmp_path, ROWS)
    return tmp_path


def mixture(root, **kwargs):
    readers = dict(unc="RefCOCO", referit="ReferItGame", flickr="Flickr30kEntities")
    sources = {name: dict(type=reader, dataset=name, split="train") for name, reader in readers.items()}
    config = dict(type="DatasetMixture", dataset="mine", sources=sources, data_root=root, split_root=root / "splits")
    config["serialize_data"] = False
    return DATASETS.build({**config, **kwargs})


def drawn(dataset, weights=None, epoch=0, seed=0):
    sampler = MixtureSampler(dataset, weights, seed)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert len(order) == len(sampler)
    return order


def per_source(dataset, order):
    return dict(Counter(dataset.get_data_info(index)["dataset"] for index in order))


def test_records_keep_their_source(root):
    dataset = mixture(root)
    assert len(dataset) == 20
    assert dataset.source_sizes == {"unc": 10, "referit": 4, "flickr": 6}
    assert [dataset.get_data_info(index)["sample_id"] for index in (0, 10, 14)] == [
        "unc/train/000000",
        "referit/train/000000",
        "flickr/train/000000",
    ]
    assert dataset.get_data_info(10)["subsets"] == []
    assert mixture(root, test_mode=True).get_data_info(10)["subsets"] == ["referit_train"]
    assert mixture(root, split=["train", "val"]).source_sizes == {"unc": 20, "referit": 8, "flickr": 12}


def test_one_pipeline_serves_all_sources_and_a_source_may_have_its_own(root):
    pipeline = [dict(type="LoadImages", modality="rgb"), dict(type="StretchToSquare", size=32)]
    dataset = mixture(root, pipeline=pipeline)
    assert {dataset[index]["images"]["rgb"].shape for index in (0, 10, 14)} == {(32, 32, 3)}


def test_without_weights_every_row_comes_once(root):
    dataset = mixture(root)
    assert sorted(drawn(dataset)) == list(range(20))
    assert drawn(dataset) != drawn(dataset, epoch=1) != drawn(dataset, epoch=1, seed=1)
    assert drawn(dataset, epoch=3) == drawn(dataset, epoch=3)


def test_weights_say_how_often_a_source_comes(root):
    dataset = mixture(root)
    order = drawn(dataset, dict(unc=0.5, referit=2, flickr=0))
    assert per_source(dataset, order) == {"unc": 5, "referit": 8}
    assert set(Counter(index for index in order if index >= 10).values()) == {2}
    assert per_source(dataset, drawn(dataset, dict(referit=2.5))) == {"unc": 10, "referit": 10, "flickr": 6}
    halves = [frozenset(index for index in drawn(dataset, dict(unc=0.5), epoch) if index < 10) for epoch in range(5)]
    assert len(set(halves)) > 1


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_an_epoch_between_them(root, monkeypatch, processes):
    dataset = mixture(root)
    shares = []
    for rank in range(processes):
        monkeypatch.setattr("rgbtvg.datasets.mixture.get_dist_info", lambda rank=rank: (rank, processes))
        shares.append(drawn(dataset, dict(flickr=0.5)))
    assert len({len(share) for share in shares}) == 1
    assert set().union(*map(set, shares)) >= set(range(14))
    monkeypatch.setattr("rgbtvg.datasets.mixture.get_dist_info", lambda: (0, 1))
    together = [index for turn in zip(*shares, strict=True) for index in turn]
    assert together[:17] == drawn(dataset, dict(flickr=0.5))


def labelled(tmp_path, lights: dict[str | None, int]):
    """A data set of one source with so many rows of each lighting; every third row is a car, the others persons."""
    lights = [light for light, count in lights.items() for _ in range(count)]
    lines = [
        dict(
            id=f"mine/train/{index:06d}",
            dataset="mine",
            split="train",
            expression="the car",
            modalities=dict(rgb=dict(path="a.jpg")),
            boxes=[[0, 0, 8, 8]],
            size=[16, 16],
            conditions={} if light is None else dict(lighting=light),
            extra=dict(category="person" if index % 3 else "car"),
        )
        for index, light in enumerate(lights)
    ]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
    roots = dict(data_root=tmp_path, split_root=tmp_path, serialize_data=False)
    return DATASETS.build(dict(type="JSONLinesDataset", dataset="mine", split="train", modality="rgb", **roots))


def per_light(dataset, order):
    records = [dataset.get_data_info(index) for index in order]
    return dict(Counter(record["conditions"].get("lighting", "unknown") for record in records))


LIGHTS = {"normal": 64, "weak": 16, "no light": 4, None: 1}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"weak": 1}, {"normal": 64, "weak": 16, "no light": 4, "unknown": 1}),
        ("equal", {"normal": 22, "weak": 21, "no light": 21, "unknown": 21}),
        ("sqrt", {"normal": 45, "weak": 23, "no light": 11, "unknown": 6}),  # 85 rows as 8 : 4 : 2 : 1
        ({"no light": 5, "normal": 0.25, "unknown": 0}, {"normal": 16, "weak": 16, "no light": 20}),
    ],
)
def test_conditions_are_balanced_exactly(tmp_path, weights, expected):
    dataset = labelled(tmp_path, LIGHTS)
    for epoch in (0, 1):
        sampler = MixtureSampler(dataset, weights, by="lighting")
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert per_light(dataset, order) == expected
        dark = Counter(index for index in order if 80 <= index < 84)
        assert max(dark.values()) - min(dark.values()) <= 1, "all rows of a group come before one comes again"


def test_categories_and_sources_are_balanced_too(tmp_path, root):
    dataset = labelled(tmp_path, {"weak": 30})
    order = list(MixtureSampler(dataset, "equal", by="category"))
    assert Counter(dataset.get_data_info(index)["extra"]["category"] for index in order) == {"car": 15, "person": 15}
    assert per_source(mixture(root), drawn(mixture(root), "equal")) == {"unc": 7, "referit": 7, "flickr": 6}
    with pytest.raises(ConfigError, match="cannot balance by 'weather', which no row has: they have lighting"):
        MixtureSampler(dataset, "equal", by="weather")
    with pytest.raises(ConfigError, match="a weight names 'dark', but the values of lighting are weak"):
        MixtureSampler(dataset, dict(dark=2), by="lighting")
    with pytest.raises(ConfigError, match="'equal', 'sqrt'; got 'even'"):
        MixtureSampler(dataset, "even", by="lighting")


def test_what_an_epoch_draws_is_logged(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("rgbtvg.datasets.mixture.print_log", lambda text, **kwargs: said.append(text))
    dataset = labelled(tmp_path, {"normal": 9, "weak": 1})
    with pytest.raises(ConfigError, match="by='lighting' balances nothing without weights"):
        MixtureSampler(dataset, by="lighting")
    MixtureSampler(dataset, "sqrt", by="lighting")
    assert said == ["an epoch draws by lighting: normal 8 of 9 rows, weak 2 of 1 rows; 10 in all"]


def test_a_balanced_epoch_is_the_same_on_any_number_of_processes_and_resumes(tmp_path, monkeypatch):
    dataset = labelled(tmp_path, LIGHTS)
    whole = list(MixtureSampler(dataset, "sqrt", by="lighting", seed=5))
    shares = []
    for rank in range(2):
        monkeypatch.setattr("rgbtvg.datasets.mixture.get_dist_info", lambda rank=rank: (rank, 2))
        shares.append(list(MixtureSampler(dataset, "sqrt", by="lighting", seed=5)))
    assert [index for turn in zip(*shares, strict=True) for index in turn][: len(whole)] == whole
    monkeypatch.setattr("rgbtvg.datasets.mixture.get_dist_info", lambda: (0, 1))
    sampler = DrawSampler(dataset, dict(type="MixtureSampler", weights="sqrt", by="lighting"), seed=5)
    draws = list(sampler)
    sampler.skip(30)
    assert [draw.index for draw in draws] == whole
    assert list(sampler) == draws[30:]


def test_an_epoch_can_be_left_and_taken_up(root):
    config = dict(
        type="DatasetMixture",
        dataset="mine",
        sources=dict(unc=dict(type="RefCOCO", dataset="unc", split="train")),
        data_root=root,
        split_root=root / "splits",
    )
    samples = TrainingSamples(config)
    sampler = DrawSampler(samples, dict(type="MixtureSampler", weights=dict(unc=1.5)), seed=7)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.skip(6)
    assert len(whole) == 15
    assert list(sampler) == whole[6:]


def test_what_cannot_be_mixed_is_one_sentence(root, flir):
    pair = dict(type="RGBTGround", dataset="rgbtvg_flir", split="train", **flir.roots)
    sources = dict(rgbtvg_flir=pair, unc=dict(type="RefCOCO", dataset="unc", split="train"))
    assert mixture(root, sources=sources, modality="rgb").source_sizes == {"rgbtvg_flir": 2, "unc": 10}
    with pytest.raises(ConfigError, match="unc has no ir images, which modality='rgbt' needs"):
        mixture(root, sources=sources, modality="rgbt")
    with pytest.raises(ConfigError, match="has no sources"):
        mixture(root, sources={})
    dataset = mixture(root)
    with pytest.raises(ConfigError, match="a weight names 'coco', but the sources are unc, referit, flickr"):
        MixtureSampler(dataset, dict(coco=1))
    with pytest.raises(ConfigError, match="must not be negative"):
        MixtureSampler(dataset, dict(unc=-1))
    with pytest.raises(ConfigError, match="leave no rows"):
        MixtureSampler(dataset, dict(unc=0, referit=0, flickr=0))
    with pytest.raises(ConfigError, match="needs a DatasetMixture, got a RefCOCO"):
        MixtureSampler(dataset.datasets[0])
    assert isinstance(dataset, DatasetMixture)


def test_five_sources_train_together(tmp_path, tokenizer_folder):
    write_classic_sets(tmp_path, dict.fromkeys(("unc", "unc+", "gref_umd", "referit", "flickr"), 6))
    options = dict(
        data="mixup",
        data_root=str(tmp_path),
        split_root=str(tmp_path / "splits"),
        tokenizer=tokenizer_folder,
        image_size=64,
        batch_size=8,
        num_workers=0,
        max_length=8,
        max_epochs=2,
        loggers=[],
        source_weights={"flickr": 0.5, "unc": 2},
    )
    train(load_config(QUICKSTART, options, tmp_path / "run"))
    facts = json.loads((tmp_path / "run/provenance.json").read_text())
    sources = {name: part["count"] for name, part in facts["data"].items()}
    assert sources == {
        "unc/train": 6,
        "unc+/train": 6,
        "gref_umd/train": 6,
        "referit/train": 6,
        "flickr/train": 6,
        "gref_umd/val": 6,
    }
    # 12 + 6 + 6 + 6 + 3 rows in batches of 8, the last one dropped, twice.
    assert load_file(tmp_path / "run/epoch_2.pth")["meta"]["iter"] == 8


def test_counts_of_a_mixture_are_those_of_all_expressions(root, monkeypatch):
    said = []
    monkeypatch.setattr("rgbtvg.datasets.published.print_log", lambda text, **kwargs: said.append(text))
    reader = dict(type="SeqTRInstances", split="train", expressions="drawn", split_root=root / "annotations")
    sources = {name: dict(reader, dataset=name) for name in ROWS}
    assert len(mixture(root, sources=sources, dataset="coco_all")) == 20
    assert said[-2] == "coco_all train: 40 rows"
    assert "coco_all train has 40 rows, published revisions have 321327" in said[-1]
    assert "unc train: 20 rows" in said

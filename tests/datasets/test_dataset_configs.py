"""Every dataset's config puts its reader into any method, and the documented recipes are configs that load."""

from pathlib import Path

import pytest

from rgbtvg.engine import config_from_checkpoint, load_config, parse_options
from rgbtvg.engine.lineage import SETS, counterparts, markdown
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import DATASETS
from tests.datasets.classic import SEQTR_FOLDERS, write_classic_sets

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "configs/_base_/datasets"
NAMES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.py"))
QUICKSTART = ROOT / "configs/quickstart/quickstart.py"
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")

ROWS = dict.fromkeys(SEQTR_FOLDERS, 3)
SIZES = {  # of training, validation and test
    "refcoco": (3, 3, 9),
    "refcoco_plus": (3, 3, 9),
    "refcocog_google": (3, 3, 3),
    "refcocog_umd": (3, 3, 6),
    "referit": (3, 3, 6),
    "flickr30k": (3, 3, 6),
    "mixup": (15, 3, 6),
    # Two expressions for each of three objects; one of them is drawn in training.
    "seqtr/refcoco": (3, 6, 18),
    "seqtr/refcoco_plus": (3, 6, 18),
    "seqtr/refcocog_google": (3, 6, 6),
    "seqtr/refcocog_umd": (3, 6, 12),
    "seqtr/referit": (3, 6, 12),
    "seqtr/flickr30k": (3, 6, 12),
    "seqtr/coco_all": (9, 18, 48),
    "seqtr/mixed": (15, 30, 72),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classic")
    write_classic_sets(folder, ROWS)
    return folder


def build(config, loader):
    return DATASETS.build(dict(config[loader].dataset.to_dict(), pipeline=[], serialize_data=False))


@pytest.mark.parametrize("name", NAMES)
def test_a_dataset_is_one_option(name, root):
    kind = "annotations" if name.startswith("seqtr") else "splits"
    options = dict(data=name, with_masks=True)
    if name in SIZES:
        options.update(data_root=str(root), split_root=str(root / kind))
    config = load_config(QUICKSTART, options)
    assert config.train_dataloader.dataset.pipeline == config.train_pipeline
    assert config.val_dataloader.dataset.pipeline == config.test_pipeline
    assert config.val_dataloader.dataset.test_mode
    assert all(config[loader].dataset.modality == config.modality for loader in LOADERS)
    assert all(DATASETS.get(config[loader].dataset.type) for loader in LOADERS)
    assert "data" not in config
    if name in SIZES:
        assert tuple(len(build(config, loader)) for loader in LOADERS) == SIZES[name]


def test_masks_of_a_mixture(root):
    options = dict(data="seqtr/mixed", with_masks=True, data_root=str(root), split_root=str(root / "annotations"))
    dataset = build(load_config(QUICKSTART, options), "train_dataloader")
    masks = [dataset.get_data_info(index)["masks"] for index in range(len(dataset))]
    assert [mask is not None for mask in masks] == [True] * 9 + [False] * 6


def test_what_is_said_last_wins(tmp_path):
    (tmp_path / "plus.py").write_text(f"_base_ = ['{QUICKSTART}']\ndata = 'refcoco_plus'\nsplit_root = 'mine'\n")
    local = FOLDER / "refcoco_plus.py"
    (tmp_path / "_base_/datasets").mkdir(parents=True)
    (tmp_path / "_base_/datasets/refcoco_plus.py").write_text(f"_base_ = ['{local}']\nmax_length = 5\n")
    config = load_config(tmp_path / "plus.py")
    assert (config.dataset, config.split_root, config.max_length) == ("unc+", "mine", 5)
    assert config.train_dataloader.dataset.split_root == "mine"
    assert load_config(tmp_path / "plus.py", {"split_root": "other"}).split_root == "other"
    (tmp_path / "_base_/datasets/referit.py").write_text(f"_base_ = ['{FOLDER / 'referit.py'}']\n")
    config = load_config(tmp_path / "plus.py", {"data": "referit", "modality": "ir"})
    assert (config.dataset, config.split_root, config.modality) == ("referit", "data/splits", "ir")
    (tmp_path / "harbour.py").write_text("dataset = 'harbour'\n")
    assert load_config(tmp_path / "plus.py", {"data": "harbour.py"}).dataset == "harbour"


def test_the_written_out_config_runs_again(tmp_path):
    first = load_config(QUICKSTART, {"data": "seqtr/mixed"}, tmp_path / "run")
    first.dump(tmp_path / "dumped.py")
    assert load_config(tmp_path / "dumped.py").to_dict() == first.to_dict()


@pytest.mark.parametrize("first", [None, "referit", "mixup", "seqtr/mixed"])
def test_a_written_out_config_takes_another_dataset(first, tmp_path):
    source = load_config(QUICKSTART, {"data": first} if first else {}, tmp_path / "run")
    source.dump(tmp_path / "dumped.py")
    options = {"data": "refcoco_plus", "modality": "rgb"}
    found = load_config(tmp_path / "dumped.py", options).to_dict()
    expected = load_config(QUICKSTART, options, tmp_path / "run").to_dict()
    for config in (found, expected):
        config.pop("before_data")
    assert {key: found[key] for key in expected} == expected
    with pytest.raises(ConfigError, match="no dataset config is called"):
        load_config(tmp_path / "dumped.py", {"data": "refcoco_pls"})


def test_a_wrong_name_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="no dataset config is called 'refcoco_pls'; did you mean refcoco_plus"):
        load_config(QUICKSTART, {"data": "refcoco_pls"})
    with pytest.raises(ConfigError, match="is a pipeline with a dataset"):
        load_config(QUICKSTART, {"data": "../_base_/pipelines/stretched.py"})
    with pytest.raises((ConfigError, CheckpointError)):
        config_from_checkpoint(tmp_path / "none.pth", {"data": "refcoco"})


RECIPES = [(row, name) for row in counterparts() for name in row.sets]


@pytest.mark.parametrize(("row", "name"), RECIPES, ids=[f"{row.theirs}:{name}" for row, name in RECIPES])
def test_configs_that_stand_for_those_of_simvg_and_alvg_load(row, name):
    config, _, *options = row.command(name).split()
    resolved = load_config(ROOT / config, parse_options(options))
    expected = load_config(QUICKSTART, {"data": f"seqtr/{SETS[name]}"}).train_dataloader.dataset
    assert resolved.modality == "rgb"
    assert resolved.train_dataloader.dataset.type == expected.type
    assert resolved.train_dataloader.dataset.dataset == expected.dataset


@pytest.mark.parametrize("method", ["SimVG", "ALVG"])
def test_method_pages_have_the_table_of_the_authors_configs(method):
    assert markdown(method) in (ROOT / f"docs/methods/{method.lower()}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("configs/single/ViT-base/refcocoplus/refcocoplus_onestage.py", "simvg_b32.py .*data=seqtr/refcoco_plus"),
        (
            "single/ViT-large/referit/referit_twostage_2.py",
            "simvg_l32_twostage_2.py .*model.head.token_weight=2",
        ),
        ("configs/mix/ViT-base/pretrian-mixed.py", "simvg_b32_pretrain.py .*data=seqtr/mixed image_size=640"),
        ("configs/mix/ViT-base/finetune_coco_all/noema#finetune#refcoco.py", "simvg_b32_finetune.py .*refcoco lr=2e-4"),
        ("configs/single/ViT-base/refcoco/refcoco.py", "alvg_b32_masks.py --cfg-options data=seqtr/refcoco$"),
        ("configs/single/ViT-base/flickr30k/flicker30.py", "alvg_b32.py --cfg-options data=seqtr/flickr30k$"),
        ("configs/mix/ViT-large/pretrain-cocoall.py", "alvg_l32_masks.py .*data=seqtr/coco_all batch_size=8"),
    ],
)
def test_a_config_path_of_simvg_or_alvg_is_answered_with_ours(path, command):
    with pytest.raises(ConfigError, match=f"no such config: .*config of that name is here configs/.*{command}"):
        load_config(path)

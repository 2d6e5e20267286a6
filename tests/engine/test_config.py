"""Configs: references, overrides, the nearest name, and configs that come with a checkpoint."""

import copy

import pytest
import torch
from mmengine.config import Config

from rgbtvg.engine.config import config_from_checkpoint, load_config, override, parse_options
from rgbtvg.engine.references import digest
from rgbtvg.errors import CheckpointError, ConfigError

TEXT = """
modality = 'rgbt'
size = 64
streams = '$modality'
widths = [32, '$size']
network = 'Tiny'
model = dict(type='$network', modality='$streams', parts=dict(sizes=('$size', 2), name='price $5'))
val_dataloader = dict(dataset=dict(modality='$modality'))
"""


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "tiny_rgbt.py"
    path.write_text(TEXT)
    return path


def test_references_are_resolved_after_overrides(config_file):
    config = load_config(config_file, {"modality": "ir", "size": 32})
    assert config.model == dict(type="Tiny", modality="ir", parts=dict(sizes=(32, 2), name="price $5"))
    assert config.widths == [32, 32]
    assert config.val_dataloader.dataset.modality == "ir"
    assert config.default_scope == "rgbtvg"
    assert config.work_dir == "work_dirs/tiny_rgbt"


def test_override_inside_a_part_wins(config_file):
    assert load_config(config_file, {"model.modality": "rgb"}).model.modality == "rgb"


def test_resolved_config_runs_again_as_it_is(config_file, tmp_path):
    first = load_config(config_file, {"modality": "ir"}, work_dir=tmp_path / "run")
    first.dump(tmp_path / "dumped.py")
    again = load_config(tmp_path / "dumped.py")
    assert again.to_dict() == first.to_dict()
    assert again.work_dir == str(tmp_path / "run")


def written_out(config, path):
    config.dump(path)
    return path


WAYS = {
    "work dir": lambda config, folder, options: load_config(written_out(config, folder / "written.py"), options),
    "checkpoint": lambda config, folder, options: config_from_checkpoint(
        checkpoint_with(folder / "written.pth", config.pretty_text), options, config.work_dir
    ),
    "program": lambda config, _, options: override(config, options),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"modality": "ir"},
        {"size": 32},
        {"network": "Small", "modality": "rgb"},
        {"model.modality": "ir"},
        {"val_dataloader.dataset.pipeline.0.modality": "ir"},
        {"steps": [{"type": "Load", "modality": "ir"}]},
        {"part.size": 5},
        {"model.part.size": 5, "size": 7},
    ],
)
def test_an_override_reaches_a_written_out_config_as_it_reaches_its_source(config_file, tmp_path, way, options):
    config_file.write_text(
        TEXT
        + "part = dict(size='$size', name='part')\nmodel.update(part='$part')\n"
        + "steps = ['$part', dict(modality='$modality')]\nval_dataloader['dataset'].update(pipeline='$steps')\n"
    )
    source = load_config(config_file, work_dir="runs")
    expected = load_config(config_file, copy.deepcopy(options), "runs").to_dict()
    found = WAYS[way](source, tmp_path, copy.deepcopy(options)).to_dict()
    assert expected != source.to_dict()
    assert found == expected


def test_an_edit_of_a_written_out_config_holds(config_file, tmp_path):
    path = written_out(load_config(config_file), tmp_path / "written.py")
    text = path.read_text()
    path.write_text(text.replace("modality = 'rgbt'", "modality = 'ir'"))
    edited = load_config(path)
    assert (edited.model.modality, edited.val_dataloader.dataset.modality) == ("ir", "ir")
    path.write_text(text.replace("dataset=dict(modality='rgbt')", "dataset=dict(modality='rgb')"))
    edited = load_config(path, {"size": 32})
    assert (edited.model.modality, edited.val_dataloader.dataset.modality, edited.widths[1]) == ("rgbt", "rgb", 32)


def test_an_override_that_an_edit_would_swallow_is_one_sentence(config_file, tmp_path):
    path = written_out(load_config(config_file), tmp_path / "written.py")
    path.write_text(path.read_text().replace("dataset=dict(modality='rgbt')", "dataset=dict(modality='rgb')"))
    with pytest.raises(
        ConfigError, match=r"modality does not reach val_dataloader\.dataset\.modality, which was edited"
    ):
        load_config(path, {"modality": "ir"})
    assert load_config(path, {"modality": "ir", "val_dataloader.dataset.modality": "ir"}).model.modality == "ir"


def test_a_written_out_config_without_a_record_refuses_what_would_be_lost(config_file, tmp_path):
    config = load_config(config_file)
    config.pop("composition")
    path = written_out(config, tmp_path / "written.py")
    with pytest.raises(ConfigError, match=r"written\.py is written out without a record .* name the config file"):
        load_config(path, {"modality": "ir"})
    assert load_config(path, {"model.parts.name": "dear"}).model.parts.name == "dear"


@pytest.mark.parametrize("composition", ["1", "dict(references=1, before_data={})", "dict(references=dict(a=1))"])
def test_a_broken_record_is_one_sentence(tmp_path, composition):
    path = checkpoint_with(tmp_path / "x.pth", f"a = 1\ncomposition = {composition}")
    with pytest.raises(ConfigError, match="composition that cannot be read"):
        config_from_checkpoint(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = '$b'\nb = ['$c']\nc = '$a'", r"circle: a -> b -> c -> a"),
        ("modality = 1\nmodel = dict(modality='$modalty')", r"'\$modalty' .*; modality\?"),
        ("a = = 1", "cannot be read: .*[Ss]yntax"),
        ("_base_ = 'missing.py'", "cannot be read"),
    ],
)
def test_bad_config_is_one_sentence(tmp_path, text, message):
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_config(tmp_path / "bad.py")
    assert "\n" not in str(error.value)


def test_missing_config_names_the_nearest(config_file):
    with pytest.raises(ConfigError, match=r"no such config: .*tiny_rgb\.py; did you mean .*tiny_rgbt\.py"):
        load_config(config_file.with_name("tiny_rgb.py"))


def checkpoint_with(path, text):
    torch.save({"meta": {"cfg": text}, "state_dict": {}}, path)
    return path


def test_config_of_a_checkpoint(config_file, tmp_path):
    config = load_config(config_file, work_dir=tmp_path / "elsewhere")
    path = checkpoint_with(tmp_path / "epoch_1.pth", config.pretty_text)
    carried = config_from_checkpoint(path, {"val_dataloader.dataset.modality": "ir"})
    assert carried.model == config.model
    assert carried.val_dataloader.dataset.modality == "ir"
    assert carried.work_dir == "work_dirs/tiny_rgbt"
    assert carried.filename == "tiny_rgbt.py"


def test_every_dumped_form_is_read(tmp_path):
    values = dict(a=-1.5, b=(1, None, True), c={"1.x": 2, "$": [dict(type="Adam")]}, d='it\'s "q"\n', e=1e-4)
    path = checkpoint_with(tmp_path / "x.pth", Config(values).pretty_text)
    assert {key: config_from_checkpoint(path)[key] for key in values} == values


FORGED = f"""
network = 'os.system'
model = dict(type='Tiny')
composition = dict(
    before_data=dict(), references=dict(network=dict(digest='{digest("Tiny")}', places=['model/type'])))
"""
"""Once '$network' stands in its place again, it would be resolved to what is called."""


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('touch {marker}')",
        "model = __import__('os').system('touch {marker}')",
        "model = dict(type='os.system', command='touch {marker}')",
        "hooks = [dict(a=dict(type='subprocess.call', args='touch {marker}'))]",
        "model = dict(type='antigravity')",
        "custom_imports = dict(imports=['antigravity'])",
        "model = [x for x in ().__class__.__mro__]",
        "model = dict(**open('{marker}', 'w'))",
        FORGED,
    ],
)
def test_hostile_config_of_a_checkpoint_is_refused(tmp_path, text):
    marker = tmp_path / "ran"
    path = checkpoint_with(tmp_path / "x.pth", text.format(marker=marker))
    with pytest.raises(CheckpointError, match="before --load-from"):
        config_from_checkpoint(path)
    assert not marker.exists()


def test_checkpoint_without_config(tmp_path):
    torch.save({"model": {}}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"x\.pth carries no config"):
        config_from_checkpoint(tmp_path / "x.pth")


def test_options_of_the_command_line():
    items = ["a.b=1", "c=[x,y]", "d=1e-3", "e=rgb", "f=[dict(g=1, h=dict(i='j'))]", "k={'l': [1, 2]}", "m=a=b"]
    assert parse_options(items) == {
        "a.b": 1,
        "c": ["x", "y"],
        "d": 1e-3,
        "e": "rgb",
        "f": [{"g": 1, "h": {"i": "j"}}],
        "k": {"l": [1, 2]},
        "m": "a=b",
    }


@pytest.mark.parametrize("item", ["a=[dict(b=1", "a=dict(open('x'))", "a={b: 1}", "a=[dict(b=exit())]"])
def test_an_option_that_is_no_value_is_one_sentence(item):
    with pytest.raises(ConfigError, match="--cfg-options takes Python values"):
        parse_options([item])

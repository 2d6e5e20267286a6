"""Configs: references, overrides, what is refused, and configs that are written out or come with a checkpoint."""

import copy
import pickle

import pytest
import torch
from mmengine.config import Config

from rgbtvg.engine import config_from_checkpoint, load_config, parse_options
from rgbtvg.engine.checkpoint_config import TEST_RUNTIME
from rgbtvg.engine.config import override, unresolved
from rgbtvg.engine.config_files import CONFIGS
from rgbtvg.engine.config_text import format_config, parse_config_text
from rgbtvg.engine.references import resolve_references
from rgbtvg.errors import CheckpointError, ConfigError
from tests.run_tool import run_tool

TEXT = """
modality = 'rgbt'
size = 64
streams = '$modality'
widths = [32, '$size']
network = 'ReSC'
model = dict(type='$network', modality='$streams', fusion=dict(sizes=('$size', 2), name='price $5'))
test_dataloader = dict(dataset=dict(modality='$modality', split=1))
use = ['$widths']
visualizer = '$use'
"""


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "tiny_rgbt.py"
    path.write_text(TEXT)
    return path


def checkpoint_with(path, text):
    torch.save({"meta": {"cfg": text}, "state_dict": {}}, path)
    return path


def written_out(config, path):
    config.dump(path)
    return path


def test_references_are_resolved_after_overrides(config_file):
    config = load_config(config_file, {"modality": "ir", "size": 32})
    assert config.model == dict(type="ReSC", modality="ir", fusion=dict(sizes=(32, 2), name="price $5"))
    assert config.widths == [32, 32]
    assert config.test_dataloader.dataset.modality == "ir"
    assert config.default_scope == "rgbtvg"
    assert config.work_dir == "work_dirs/tiny_rgbt"


def test_override_inside_a_part_wins(config_file):
    assert load_config(config_file, {"model.modality": "rgb"}).model.modality == "rgb"


def test_a_written_out_config_keeps_its_references(config_file, tmp_path):
    first = load_config(config_file, {"modality": "ir"}, work_dir=tmp_path / "run")
    text = written_out(first, tmp_path / "dumped.py").read_text()
    assert "modality = 'ir'" in text and "modality='$streams'" in text and "_base_" not in text
    again = load_config(tmp_path / "dumped.py")
    assert again.to_dict() == first.to_dict()
    assert again.work_dir == str(tmp_path / "run")
    assert "$" not in first.resolved_text.replace("price $5", "")
    assert pickle.loads(pickle.dumps(first)).pretty_text == copy.deepcopy(first).pretty_text == text


def test_edits_of_a_loaded_config_are_written_out(config_file, tmp_path):
    config = load_config(config_file)
    config.model.modality = "ir"
    config.size = 8
    config.test_dataloader.dataset.pipeline = ["a"]
    again = load_config(written_out(config, tmp_path / "dumped.py"))
    assert again.to_dict() == config.to_dict()
    assert again.widths == [32, 64]  # as it was built, although `size` was changed later
    assert resolve_references(unresolved(config)) == config.to_dict()
    assert override(config, {"modality": "rgb"}).test_dataloader.dataset.modality == "rgb"
    assert override(config, {"modality": "rgb"}).model.modality == "ir"
    smaller = config.without(["network", "use"], "small.py")
    assert "$" not in str([unresolved(smaller)["visualizer"], unresolved(smaller)["model"]["type"]])
    assert smaller.model == config.model and "use" not in smaller


WAYS = {
    "work dir": lambda config, folder, options: load_config(written_out(config, folder / "written.py"), options),
    "program": lambda config, _, options: override(config, options),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"modality": "ir"},
        {"size": 32},
        {"network": "FAOA", "modality": "rgb"},
        {"model.modality": "ir"},
        {"+test_dataloader.dataset.pipeline.0.modality": "ir"},
        {"steps": [{"type": "LoadImages", "modality": "ir"}]},
        {"part.size": 5},
        {"model.head.size": 5, "size": 7},
        {"model.head.name": "other", "part.size": 5},
    ],
)
def test_an_override_reaches_a_written_out_config_as_it_reaches_its_source(config_file, tmp_path, way, options):
    config_file.write_text(
        TEXT
        + "part = dict(size='$size', name='part')\nmodel.update(head='$part')\n"
        + "steps = ['$part', dict(modality='$modality')]\ntest_dataloader['dataset'].update(pipeline='$steps')\n"
    )
    source = load_config(config_file, work_dir="runs")
    expected = load_config(config_file, copy.deepcopy(options), "runs").to_dict()
    assert expected != source.to_dict()
    if "steps" not in options and "part.size" in options:
        assert expected["model"]["head"]["size"] == 5
    assert WAYS[way](source, tmp_path, copy.deepcopy(options)).to_dict() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = '$b'\nb = ['$c']\nc = '$a'", r"circle: a -> b -> c -> a"),
        ("modality = 1\nmodel = dict(modality='$modalty')", r"'\$modalty'.*did you mean '\$modality'"),
        ("a = = 1", "cannot be read: .*[Ss]yntax"),
        ("_base_ = 'missing.py'", "cannot be read"),
        ("model = dict(x=b'1')", "model.x is a bytes, but a config holds only"),
        ("model = dict(x=float('nan'))", "model.x is not a finite number"),
        ("filename = 1\nmodel = '$filename'", "filename is reserved"),
        ("default_scope = 'os'", "default_scope must be 'rgbtvg', got 'os'"),
        ("model = dict(type='RESC')", "model has the unknown type 'RESC'; did you mean ReSC"),
        (
            "model = dict(type='ReSC', fusion=dict(type='SubQueryFusion', num_round=4))",
            "did you mean num_rounds.*takes",
        ),
        (
            "optim_wrapper = dict(type='GuardedOptimWrapper', optimizer=dict(type='AdamW', lrr=1))",
            "does not take 'lrr'",
        ),
        ("default_hooks = dict(timer=dict(type='IterTimerHook', intervall=1))", "does not take 'intervall'"),
        (
            "max_epochs = 3\nmax_epoch = 4\ntrain_cfg = dict(max_epochs='$max_epochs')",
            "nothing reads; did you mean max_",
        ),
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


def test_every_form_is_written_and_read():
    values = dict(
        a=-1.5,
        b=(1, None, True),
        c={"1.x": 2, "$": [dict(type="Adam")], "a=__import__('os').system('x'), b": 1, "class": {}},
        d='it\'s "q"\n',
        e=1e-4,
        f=[["word" * 9] * 9] * 3,
        g=(("one",),),
        h={f"key_{index}": {"long": "x" * 30} for index in range(9)},
    )
    text = format_config(values)
    assert parse_config_text(text, "x") == values
    assert parse_config_text(Config({**values, "c": 1}).pretty_text, "x") == {**values, "c": 1}
    assert max(map(len, text.splitlines())) <= 120


def test_a_checkpoint_without_a_config_is_one_sentence(tmp_path):
    torch.save({"model": {}}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"x\.pth carries no config"):
        config_from_checkpoint(tmp_path / "x.pth")


def test_options_of_the_command_line():
    items = ["a.b=1", "c=[x,y]", "d=1e-3", "e=rgb", "f=[dict(g=1, h=dict(i='j'))]", "k={'l': [1, 2]}", "m=a=b"]
    items += ["n=1,x", "o=True", "p=false", "q=None", "r='2024'", "s=(1,a)", "t=[[1,a],[2,b]]", "u=", "+v.w=1"]
    assert parse_options(items) == {
        "a.b": 1,
        "c": ["x", "y"],
        "d": 1e-3,
        "e": "rgb",
        "f": [{"g": 1, "h": {"i": "j"}}],
        "k": {"l": [1, 2]},
        "m": "a=b",
        "n": [1, "x"],
        "o": True,
        "p": False,
        "q": None,
        "r": "2024",
        "s": (1, "a"),
        "t": [[1, "a"], [2, "b"]],
        "u": "",
        "+v.w": 1,
    }


@pytest.mark.parametrize("item", ["a=[dict(b=1", "a=dict(open('x'))", "a={b: 1}", "a=[dict(b=exit())]"])
def test_an_option_that_is_no_value_is_one_sentence(item):
    with pytest.raises(ConfigError, match="--cfg-options takes Python values"):
        parse_options([item])


QUICKSTART = "configs/quickstart/quickstart.py"
REFUSED = {
    "=1": "--cfg-options takes key=value, got '=1'",
    "modality": "--cfg-options takes key=value, got 'modality'",
    "$x=1": r"takes dotted names such as model.width=64, got '\$x=1'",
    "max_epoch=1": "unknown option max_epoch: .*did you mean max_epochs.*; [+]max_epoch=... adds it on purpose",
    "imagesize=96": "did you mean image_size",
    "learning_rate=1": "unknown option learning_rate: .*did you mean lr[?]",
    "epochs=1": "did you mean max_epochs[?]",
    "bs=4": "did you mean batch_size[?]",
    "seed=4": "did you mean randomness.seed[?]",
    "clip_grad=None": "did you mean optim_wrapper.clip_grad[?]",
    "thermal_normalization=clahe": "did you mean thermal_normalisation",
    "model.fusion.num_round=4": "did you mean num_rounds.*it takes .*num_rounds",
    "model.fusions.num_rounds=4": "ReSC does not take 'fusions'; did you mean fusion",
    "model.fusion={'num_round': 4}": "did you mean num_rounds",
    "model.fusion.num_rounds.x=4": "model.fusion.num_rounds is 4 and has no parts",
    "+model.fusion.num_round=4": "SubQueryFusion does not take 'num_round'",
    "train_dataloader.dataset.indice=4": "did you mean indices",
    "randomness.sed=1": "unknown option randomness.sed: randomness has no 'sed'; did you mean seed",
    "train_pipeline.9.type=X": "train_pipeline is a list of 7",
    "train_pipeline.x=X": "train_pipeline is a list of 7",
    "model=ReSC": "model is a dict: override one of its keys, such as model.type=",
    "model.type=Resc": "unknown type 'Resc'; did you mean ReSC",
    "default_scope=os": "default_scope",
    "dataset=2024": "dataset is a string such as 'rgbtvg_synthetic', got 2024",
    "data=2024": "data is the name of a dataset config",
    "lr=nan": "lr must be finite, got nan",
    "lr=inf": "lr must be finite",
    "lr=1e-3x": "lr is a number .*, got '1e-3x'",
    "persistent_workers=maybe": "persistent_workers is True or False",
    "custom_imports.imports=[no.such.module]": "custom_imports.* fails: No module named 'no'.*PYTHONPATH",
}


@pytest.mark.parametrize("item", REFUSED)
def test_a_wrong_option_is_one_sentence(item):
    with pytest.raises(ConfigError, match=REFUSED[item]) as error:
        load_config(QUICKSTART, parse_options([item]))
    assert "\n" not in str(error.value)


def test_known_options_and_added_ones_are_accepted(tmp_path, monkeypatch):
    items = ["model.fusion.num_rounds=5", "train_dataloader.dataset.indices=8", "effective_batch_size=128", "+mine=1"]
    items += [
        "default_hooks.checkpoint.interval_iters=5",
        "strategy.type=FSDPStrategy",
        "randomness.diff_rank_seed=true",
    ]
    items += ["optim_wrapper.paramwise_cfg.custom_keys={'a.b': dict(lr_mult=0.1)}", "dataset='2024'", "lr=1"]
    items += ["custom_hooks=[dict(type='EMAHook', momentum=0.1)]", "model.head={'type': 'BoxHead', '_delete_': True}"]
    config = load_config(QUICKSTART, parse_options(items))
    assert (config.model.fusion.num_rounds, config.train_dataloader.dataset.indices, config.mine) == (5, 8, 1)
    assert config.optim_wrapper.paramwise_cfg.custom_keys == {"a.b": {"lr_mult": 0.1}}
    assert config.train_dataloader.dataset.dataset == "2024"
    assert config.model.head == {"type": "BoxHead"}
    mixture = load_config(QUICKSTART, {"data": "mixup", "source_weights.unc": 2, "source_weights.flickr": 0.2})
    assert mixture.train_dataloader.sampler.weights == {"unc": 2, "flickr": 0.2}
    (tmp_path / "mine.py").write_text("imported = True")
    monkeypatch.syspath_prepend(tmp_path)
    load_config(QUICKSTART, parse_options(["custom_imports.imports=[mine]"]))
    assert __import__("mine").imported


@pytest.mark.parametrize(
    "command",
    [
        ["train.py", QUICKSTART],
        ["train.py", "--config", QUICKSTART],
        ["test.py", QUICKSTART, "--load-from", "x.pth"],
        ["test.py", "--config", QUICKSTART, "--load-from", "x.pth"],
        ["demo.py", "-", "-", "words", QUICKSTART, "--load-from", "x.pth"],
        ["demo.py", "-", "-", "words", "--load-from", "x.pth", "--config", QUICKSTART],
        ["data/check.py", QUICKSTART],
        ["data/measure_statistics.py", QUICKSTART],
        ["analysis/benchmark.py", QUICKSTART],
        ["analysis/sweep.py", "configs/comparisons/methods.py"],
    ],
    ids=lambda command: command[0] + " --config" * ("--config" in command),
)
def test_every_command_refuses_an_unknown_option(command, tmp_path, monkeypatch, capfd):
    out = {"analysis/sweep.py": ["--out", tmp_path]}.get(command[0], [])
    assert run_tool(*command, *out, "--cfg-options", "imagesize=96") == 1
    assert "did you mean image_size" in capfd.readouterr().err


def test_a_config_is_given_once(capfd):
    assert run_tool("train.py", QUICKSTART, "--config", "other.py") == 2
    assert "two configs are given" in capfd.readouterr().err
    assert run_tool("train.py") == 2
    assert "required: config" in capfd.readouterr().err


def test_options_of_every_run_have_a_default():
    """What MMEngine and the runner read by name is in the base file, and a test of a checkpoint has the same values."""
    base = Config.fromfile("configs/_base_/runtime/default.py").to_dict()
    for key, value in TEST_RUNTIME.items():
        if key == "default_hooks":
            assert {name: hook for name, hook in value.items() if hook} == {
                name: base[key][name] for name, hook in value.items() if hook
            }
        elif key != "init_weights_for_test_or_val":
            assert base[key] == value, key


def test_shipped_datasets_are_found_from_any_folder(tmp_path, monkeypatch):
    config = tmp_path / "mine.py"
    config.write_text(f"_base_ = [{str(CONFIGS / 'quickstart/quickstart.py')!r}]\n")
    monkeypatch.chdir(tmp_path)
    assert load_config(config, {"data": "own_coco"}).train_dataloader["dataset"]["type"] == "COCORefs"

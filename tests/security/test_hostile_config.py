"""A checkpoint's config is data: the commands that read one never run it, download for it or write where it says."""

from __future__ import annotations

import os
import socket
import sys
from itertools import cycle, product
from pathlib import Path

import pytest
import torch

import rgbtvg
from rgbtvg.engine import config_from_checkpoint, load_config
from rgbtvg.engine.arguments import own_arguments
from rgbtvg.engine.checkpoint_config import config_from_text
from rgbtvg.engine.config_text import format_config
from rgbtvg.errors import CheckpointError, RGBTVGError
from rgbtvg.registry import DATASETS, METRICS, MODELS, TRANSFORMS
from tests.engine.synthetic import make_small, options_of
from tests.quick import mostly_slow
from tests.run_tool import run_tool

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs/quickstart/quickstart.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_small(tmp_path_factory.mktemp("data"), train=4, val=2, test=2)


@pytest.fixture(scope="module")
def options(data):
    return options_of(data, batch_size=2)


@pytest.fixture(scope="module")
def honest(options):
    """(text of a checkpoint's config, its weights)."""
    torch.manual_seed(0)
    config = load_config(QUICKSTART, options)
    return config.pretty_text, MODELS.build(config.model.to_dict()).state_dict()


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder to watch: the process works in it, has no network, and nothing but ``work`` may change in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "evil_module.py").write_text("import pathlib\npathlib.Path('ran').touch()\ndef call(*a, **k): pass\n")
    (tmp_path / "evil_config.py").write_text("import pathlib\npathlib.Path('ran').touch()\nmodel = {}\n")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a checkpoint opened a connection"))
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("a checkpoint ran a command"))
    yield tmp_path
    sys.modules.pop("evil_module", None)


def write(world, text, state):
    path = world / "hostile.pth"
    torch.save({"meta": {"cfg": text}, "state_dict": state}, path)
    return path


def watched(world):
    return {path: path.stat().st_mtime_ns for path in world.rglob("*") if "work" not in path.relative_to(world).parts}


def attack(world, text, state, allowed=RGBTVGError):
    """Exit status of `tools/test.py` and the error of an inferencer; nothing outside of the work dir may change."""
    path = write(world, text, state)
    before = watched(world)
    status, error = 1, None
    try:
        status = run_tool("test.py", "--load-from", path, "--work-dir", world / "work")
    except allowed as caught:
        error = caught
    try:
        rgbtvg.GroundingInferencer(path, device="cpu")
    except allowed as caught:
        error = caught
    after = {path: time for path, time in watched(world).items() if "__pycache__" not in path.parts}
    assert after == {path: time for path, time in before.items() if "__pycache__" not in path.parts}
    assert "evil_module" not in sys.modules
    return status, error


RUN = "__import__('pathlib').Path('ran').touch()"
PLACES = {
    "top level": "\n{code}\n",
    "value": "\nx = {value}\nmodel['x'] = 1\n",
    "in a list": "\ncustom_hooks = [1, [{value}]]\n",
    "in a dict": "\ndata_preprocessor = dict(type='GroundingPreprocessor', modality=dict(a=[{value}]))\n",
    "in a key": "\ndata_preprocessor = {{{value}: 1}}\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_code_in_the_text_is_never_run(world, honest, place, capfd):
    status, error = attack(world, honest[0] + PLACES[place].format(code=RUN, value=RUN), honest[1])
    assert status == 1 and "is not executed" in capfd.readouterr().err and isinstance(error, CheckpointError)


TYPES = {
    "inferencer": dict(type="rgbtvg.GroundingInferencer", config_or_checkpoint="evil_config.py", checkpoint="x.pth"),
    "short inferencer": dict(type="rgbtvg.apis.inferencer.GroundingInferencer", config_or_checkpoint="evil_config.py"),
    "loader": dict(type="rgbtvg.engine.load_config", path="evil_config.py"),
    "scope": dict(type="evil_module.call"),
    "import": dict(type="evil_module"),
    "builtin": dict(type="os.system", command="touch ran"),
    "mmengine": dict(type="mmengine.Config.fromfile", filename="evil_config.py"),
    "sequential": dict(type="Sequential"),
    "torch": dict(type="torch.hub.load", repo_or_dir="x/y", model="z"),
    "switch scope": dict(type="ReSC", _scope_="evil_module"),
    "class of another registry": dict(type="DumpResults", out_file_path="dumped.pkl"),
    "not a name": dict(type=["evil_module.call"]),
    "initial weights": dict(type="LSTMEncoder", init_cfg=dict(type="Pretrained", checkpoint="http://x.org/y.pth")),
    "url": dict(type="ConvEncoder", widths="torchvision://resnet50"),
}
PARTS = {
    "model": lambda config, part: config.update(model=part),
    "part of the model": lambda config, part: config["model"].update(image_encoder=part),
    "list in the model": lambda config, part: config["model"].update(auxiliary_heads=[[part]]),
    "preprocessor": lambda config, part: config.update(data_preprocessor=part),
    "referred to": lambda config, part: (config.update(hidden=[part]), config["model"].update(head="$hidden")),
    "pipeline": lambda config, part: config.update(test_pipeline=[part, *config["test_pipeline"]]),
    "nested in a transform": lambda config, part: config["test_pipeline"].append(
        dict(type="DirectionAwareChoice", transforms=[part])
    ),
    "dataset": lambda config, part: config["test_dataloader"].update(dataset=part),
    "metric": lambda config, part: config.update(test_evaluator=[part]),
    "collate": lambda config, part: config["test_dataloader"].update(collate_fn=part),
}


def values_of(honest):
    from rgbtvg.engine.config_text import parse_config_text

    return parse_config_text(honest[0], "honest")


@pytest.mark.parametrize(("kind", "part"), mostly_slow(product(TYPES, PARTS), [*zip(TYPES, cycle(PARTS))]))
def test_a_type_must_be_registered(world, honest, kind, part, capfd):
    values = values_of(honest)
    PARTS[part](values, TYPES[kind])
    status, error = attack(world, format_config(values), honest[1])
    output = capfd.readouterr().err
    assert status == 1 and "Traceback" not in output, output
    assert isinstance(error, RGBTVGError) or part in ("metric", "collate", "dataset")


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation"])
def test_no_kernel_of_a_hub_is_loaded(world, honest, name, monkeypatch, capfd):
    """`transformers` downloads and runs the kernel that this value of a BERT names."""
    from transformers.integrations import hub_kernels

    loader = "load_and_register_attn_kernel"
    monkeypatch.setattr(hub_kernels, loader, lambda *_, **__: pytest.fail("a checkpoint loaded a kernel"))
    values = values_of(honest)
    values["model"]["text_encoder"] = dict(type="BertEncoder", arch={name: "someone/some-kernel"})
    status, error = attack(world, format_config(values), honest[1])
    assert status == 1 and isinstance(error, RGBTVGError) and f"has no '{name}'" in str(error)
    assert f"has no '{name}'" in capfd.readouterr().err


IGNORED = {
    "custom_imports": dict(imports=["evil_module"]),
    "custom_hooks": [dict(type="EMAHook", ema_type="evil_module.call"), dict(type="evil_module.call")],
    "default_hooks": dict(logger=dict(type="LoggerHook", out_dir="logs"), x=dict(type="evil_module.call")),
    "visualizer": dict(type="Visualizer", save_dir="elsewhere", vis_backends=[dict(type="evil_module.call")]),
    "vis_backends": [dict(type="LocalVisBackend", save_dir="elsewhere")],
    "work_dir": "../elsewhere",
    "experiment_name": "../../elsewhere",
    "config_name": "../../elsewhere",
    "default_scope": "evil_module",
    "test_cfg": dict(type="evil_module.call"),
    "launcher": "evil_module",
    "strategy": dict(type="evil_module.call"),
    "env_cfg": dict(dist_cfg=dict(backend="evil_module")),
    "log_processor": dict(type="evil_module.call"),
    "log_level": "evil_module",
    "model_wrapper_cfg": dict(type="evil_module.call"),
    "load_from": "http://example.org/x.pth",
    "resume": True,
    "randomness": dict(seed="evil_module"),
    "compile": dict(backend="evil_module.call"),
    "loggers": ["wandb"],
    "data": "evil_config.py",
    "before_data": {"model": dict(type="evil_module.call")},
    "train_cfg": dict(type="evil_module.call"),
    "optim_wrapper": dict(type="evil_module.call"),
    "a_value_that_nothing_reads": dict(type="evil_module.call"),
}


def test_everything_else_of_a_run_is_ignored(world, honest, capfd):
    values = {**values_of(honest), **IGNORED}
    values["test_evaluator"] = dict(values["test_evaluator"], out_dir=str(world / "elsewhere"))
    values["test_dataloader"].update(
        worker_init_fn=dict(type="evil_module.call"), sampler=dict(type="evil_module.call")
    )
    values["test_dataloader"].update(batch_sampler=dict(type="evil_module.call"), multiprocessing_context="evil_module")
    status, error = attack(world, format_config(values), honest[1])
    assert (status, error) == (0, None), capfd.readouterr().err
    written = (world / "work/hostile_test.py").read_text()
    assert "evil_module" not in written and "elsewhere" not in written
    assert (world / "work/predictions.json").is_file()


KEYS = ["a=__import__('os').system('touch ran'), b", "a b", "a\nimport evil_module", "../x", "__class__ ", "x" * 200]
KEY_PLACES = ("model", "test_dataloader.dataset", "test_evaluator", "pipeline")


@pytest.mark.parametrize(("key", "place"), mostly_slow(product(KEYS, KEY_PLACES), [*zip(KEYS, cycle(KEY_PLACES))]))
def test_a_key_is_a_name(world, honest, key, place, capfd):
    values = values_of(honest)
    parts = {
        "model": values["model"]["fusion"],
        "test_dataloader.dataset": values["test_dataloader"]["dataset"],
        "test_evaluator": values["test_evaluator"],
        "pipeline": next(step for step in values["test_pipeline"][1:] if isinstance(step, dict)),
    }
    parts[place][key] = 1
    status, _ = attack(world, format_config(values), honest[1])
    assert status == 1 and "Traceback" not in capfd.readouterr().err


BOMBS = {
    "a wide layer": ("width", 10**9),
    "many layers": ("model.fusion.num_rounds", 10**9),
    "a large vocabulary": ("model.text_encoder.vocabulary_size", 1_000_000),
    "a huge table": ("model.text_encoder.embedding_width", 999_999),
    "many modules": ("model.image_encoder.widths", [48] * 100_000),
    "a huge image": ("image_size", 10**6),
    "a huge batch": ("batch_size", 10**6),
    "many workers": ("num_workers", 10**5),
    "a fraction of a batch": ("batch_size", 0.5),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_config_cannot_ask_for_more_memory_than_its_weights_need(world, honest, bomb, capfd):
    from rgbtvg.engine.options import apply_options

    key, value = BOMBS[bomb]
    values = values_of(honest)
    apply_options(values, {key: value})
    status, _ = attack(world, format_config(values), honest[1])
    assert status == 1 and "Traceback" not in capfd.readouterr().err


TEXTS = {
    "billion laughs": "".join(
        f"a{i} = ['$a{i + 1}'] * 1\n" if i < 0 else f"a{i} = ['$a{i + 1}', '$a{i + 1}']\n" for i in range(40)
    )
    + "a40 = 1\nmodel = '$a0'\n",
    "a long chain": "".join(f"a{i} = '$a{i + 1}'\n" for i in range(2000)) + "a2000 = 1\nmodel = '$a0'\n",
    "deep nesting": "model = " + "[" * 150 + "]" * 150,
    "deeper nesting": "model = " + "[" * 100_000 + "]" * 100_000,
    "many signs": "model = " + "-" * 100_000 + "1",
    "a long text": "model = '" + "x" * 3_000_000 + "'",
    "a long number": "model = " + "9" * 10_000,
    "power": "model = 9**9**9",
    "repeated": "model = [0] * 10**9",
    "a circle": "model = '$a'\na = ['$model']\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_expands_is_one_sentence(world, honest, kind, capfd):
    status, error = attack(world, TEXTS[kind], honest[1])
    assert status == 1 and "Traceback" not in capfd.readouterr().err and isinstance(error, RGBTVGError)


def test_a_plug_in_needs_the_users_own_import(world, honest, capfd):
    (world / "my_plugin.py").write_text(
        "from rgbtvg.models.grounders.resc import ReSC\nfrom rgbtvg.registry import MODELS\n"
        "@MODELS.register_module()\nclass MyReSC(ReSC):\n    pass\n"
    )
    values = values_of(honest)
    values["model"]["type"] = "MyReSC"
    values["custom_imports"] = dict(imports=["my_plugin"])
    status, error = attack(world, format_config(values), honest[1])
    assert status == 1 and "unknown type 'MyReSC'" in str(error)
    assert "my_plugin" not in sys.modules
    path = world / "hostile.pth"
    more = ["--work-dir", world / "work", "--cfg-options", "custom_imports.imports=[my_plugin]"]
    assert run_tool("test.py", "--load-from", path, *more) == 0
    MODELS.module_dict.pop("MyReSC")


def test_a_dataset_is_not_looked_for_next_to_the_checkpoint(world, honest):
    folder = world / "_base_/datasets"
    folder.mkdir(parents=True)
    (folder / "refcoco_plus.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    (world / "mine.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    path = write(world, honest[0], honest[1])
    (folder / "hostile.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    with pytest.raises(RGBTVGError, match="no dataset config is called"):
        config_from_checkpoint(path, {"data": "hostile"})
    shipped = config_from_checkpoint(path, {"data": "refcoco_plus"})
    assert shipped.test_dataloader["dataset"]["dataset"] == "unc+"
    assert not (world / "ran").exists()


CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if not {"_base_", "comparisons"} & {*path.parts})
MODALITIES = ("rgb", "ir", "rgbt")
"""The configs take turns: a modality changes one word of them."""
SMALL = [path for path in CONFIGS if "tiny" in path.stem or path.stem == "quickstart"]


@pytest.mark.parametrize("path", CONFIGS[::6] + SMALL[::3], ids=lambda path: path.stem)
def test_our_own_configs_are_read_from_a_checkpoint(path):
    check_own(path, {})


@pytest.mark.slow
@pytest.mark.parametrize(("path", "modality"), zip(CONFIGS, cycle(MODALITIES)), ids=lambda value: Path(value).stem)
def test_every_config_is_read_from_a_checkpoint(path, modality):
    # Pre-training has no option of this name.
    check_own(path, {} if path.parent.name == "pretraining" else {"modality": modality})


def check_own(path, options):
    source = load_config(path, options)
    found = config_from_text(source.pretty_text, "x.pth")
    assert found.model == source.model
    assert found.test_dataloader.dataset == source.test_dataloader.dataset
    evaluators = source.test_evaluator if isinstance(source.test_evaluator, list) else [source.test_evaluator]
    assert found.test_evaluator == evaluators


@pytest.mark.slow
@pytest.mark.parametrize(("path", "modality"), zip(SMALL, cycle(MODALITIES)), ids=lambda value: Path(value).stem)
def test_small_configs_test_without_config(world, options, path, modality):
    config = load_config(path, {**options, "modality": modality})
    state = MODELS.build(config.model.to_dict()).state_dict()
    status, error = attack(world, config.pretty_text, state)
    assert (status, error) == (0, None)


VALUES = ["evil_module.call", "../outside", "/etc/passwd", "$(touch ran)", "__import__('os').system('touch ran')"]
VALUES += ["http://example.org/x", "torchvision://resnet50", dict(type="evil_module.call"), ["evil_module.call"], 10**9]


def every_argument():
    for registry, place in ((MODELS, "model"), (DATASETS, "dataset"), (TRANSFORMS, "pipeline"), (METRICS, "metric")):
        registry.import_from_location()
        for name in sorted(registry.module_dict):
            for argument in sorted(own_arguments(name, [registry])):
                for value in VALUES:
                    yield place, name, argument, value


CASES = list(every_argument())


def hostile_values(honest, place, name, argument, value):
    values = values_of(honest)
    part = {"type": name, argument: value}
    known = [*([values["model"]] if place == "model" else []), *values["model"].values()]
    match = next((part for part in known if isinstance(part, dict) and part.get("type") == name), {})
    PARTS[{"metric": "metric", "dataset": "dataset", "pipeline": "pipeline"}.get(place, "part of the model")](
        values, {**match, **part}
    )
    return values


@pytest.mark.parametrize("case", CASES[:: len(CASES) // 15], ids=lambda case: "-".join(map(str, case))[:60])
def test_hostile_arguments(world, honest, case, capfd):
    attack(world, format_config(hostile_values(honest, *case)), honest[1], Exception)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_hostile_argument(world, honest, capfd):
    for case in CASES:
        attack(world, format_config(hostile_values(honest, *case)), honest[1], Exception)

"""Every experiment: built at tiny width, one training step in each stage, and the right parameters learn."""

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
import torch
import yaml

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import load_config, parse_options
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.evaluation.published import PUBLISHED
from rgbtvg.models.adapters.tuning import layers_up_to
from rgbtvg.registry import MODELS
from tests.models.batches import collated_batch
from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY
from tests.quick import mostly_slow
from tests.run_tool import run_tool
from tools.dev.experiments import ROWS as ROWS_FILE
from tools.dev.experiments import page

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "configs" / "hivg", ROOT / "configs" / "rgbt_vgnet")
ROWS = {row["name"]: row for table in yaml.safe_load(ROWS_FILE.read_text())["tables"] for row in table["rows"]}
"""Rows of the benchmark's tables, by name."""
CASES = {
    **{path.stem: (path, []) for folder in FOLDERS for path in folder.rglob("*.py") if "tiny" not in path.stem},
    **{name: (ROOT / "configs" / row["config"], row["options"]) for name, row in ROWS.items() if "options" in row},
}
"""Name -> config file and overrides, of every config and every row that is an override of one."""
QUICK = (
    *("hivg_b16", "hivg_b16_mixup_rgb", "hivg_l14_warmup", "rgbt_vgnet_b16", "rgbt_vgnet_v1_b16", "rgbt_vgnet_v3_b16"),
    *("clip_frozen", "hi_adalora", "hi_sft_all", "dual_lora", "ama", "ir_only", "image_size_growing", "two_encoders"),
)
"""Cases of the ordinary suite, one of each kind."""
CONTINUE = ("hivg_b16_pretrain", "image_size_growing")
"""Recipes whose stages continue from the last weights; those of the others start from the best, as published."""
WIDTH = 16
GROWN = {640: 2 * IMAGE_SIZE, 1280: 4 * IMAGE_SIZE}
"""Larger image sizes -> what stands for them here."""
EXPERIMENTS = (ROOT / "docs" / "experiments.md").read_text()
SIZES = dict(width=WIDTH, heads=2, mlp_width=32, embed_dim=WIDTH)


def case_config(name: str):
    path, options = CASES[name]
    return load_config(path, parse_options(options))


def shrink(value):
    """The config's model with every width replaced; depths, ranks and everything else stay."""
    if isinstance(value, dict):
        small = {key: shrink(item) for key, item in value.items()}
        if "width" in small:
            small["width"] = WIDTH
        return small
    return [shrink(item) for item in value] if isinstance(value, (list, tuple)) else value


def tiny(config, image_size: int = IMAGE_SIZE) -> torch.nn.Module:
    torch.manual_seed(0)
    model = shrink(config.model.to_dict())
    layers = 24 if model["image_encoder"]["arch"].startswith("L") else 12
    model["image_encoder"].update(
        arch=dict(SIZES, layers=layers, patch_size=16, image_size=IMAGE_SIZE), pretrained=None, patch_size=None
    )
    model["text_encoder"].update(
        arch=dict(SIZES, layers=12, vocabulary_size=VOCABULARY, context_length=MAX_LENGTH), pretrained=None
    )
    model["fusion"].update(depth=1, num_heads=2, ffn_width=32)
    if "num_image" in model["fusion"]:  # of the class token and two grids
        model["fusion"]["num_image"] = 1 + 2 * (image_size // 16) ** 2
    for head in model["auxiliary_heads"]:
        if head["type"] == "TokenAlignmentHead":
            head["mlp_width"] = 32
    model.update(image_size=image_size, max_length=MAX_LENGTH)
    statistics = dict(rgb=dict(mean=[0.3] * 3, std=[0.3] * 3), ir=dict(mean=[0.3], std=[0.3]))
    model["data_preprocessor"].update(statistics=statistics)
    model = MODELS.build(model)
    model.init_weights()
    return model


def expected(name: str, config, depths: dict[str, int], is_lora: bool) -> bool:
    """Whether a parameter learns, from the config's words alone."""
    tower = name.split(".")[0]
    if name == "auxiliary_heads.0.logit_scale" or (name.startswith("neck.") and config.modality != "rgbt"):
        return False
    if tower not in depths or ".slots." in name:
        return True
    weights = config.model.get("tuned_weights", "none")
    layer = re.match(r"\w+\.layers\.(\d+)\.", name)
    if layer is None:
        return weights == "all" and depths[tower] > 0
    opened = int(layer[1]) < depths[tower]
    if is_lora:
        return opened
    return opened and (weights in ("all", "layers") or (weights == "attention" and ".self_attn." in name))


@pytest.mark.parametrize("case", mostly_slow(CASES, QUICK))
def test_each_stage_trains_what_it_names(case):
    config = case_config(case)
    model = tiny(config).train()
    enable_activation_checkpointing(model, config.get("activation_checkpointing", []))
    if len(config.stages) > 1 and case not in CONTINUE and config.stage_mode != "one_schedule":
        assert config.stage_mode == "reload"
    batch = collated_batch(config.modality, size=2)
    depth = len(model.image_encoder.layers)
    for number, stage in enumerate(config.stages):
        model.unfreeze_layers(stage["max_layer"], stage.get("text_max_layer"))
        text = stage["max_layer"] if stage.get("text_max_layer") is None else stage["text_max_layer"]
        depths = dict(image_encoder=layers_up_to(stage["max_layer"], depth), text_encoder=layers_up_to(text, 12))
        model.zero_grad()
        data = model.data_preprocessor(batch, training=True)
        total, _ = model.parse_losses(model(**data, mode="loss"))
        total.backward()
        for name, parameter in model.named_parameters():
            wanted = expected(name, config, depths, ".lora." in name)
            assert parameter.requires_grad == wanted, f"stage {number}: {name}"
            assert (parameter.grad is not None) == wanted, f"stage {number}: {name} and its gradient"
    assert torch.isfinite(total)


@pytest.fixture(scope="module")
def start_files(tmp_path_factory) -> Path:
    """Folder of the files that training begins with, made as docs/experiments.md says, from a tiny HiVG."""
    folder = tmp_path_factory.mktemp("pretrain_weights")
    for name in ("hivg_b16_mixup", "hivg_l14_mixup"):
        config = load_config(ROOT / "configs" / "hivg" / f"{name}.py", {"modality": "rgb"})
        checkpoint = {"state_dict": tiny(config).state_dict(), "meta": {"cfg": config.pretty_text}}
        torch.save(checkpoint, folder / f"{name}.pth")
    commands = re.findall(r"^ +\S*python tools/convert_checkpoint\.py (ours .+)$", EXPERIMENTS, re.MULTILINE)
    for command in commands:
        words = shlex.split(command.replace("pretrain_weights", str(folder)))
        words = [str(GROWN[int(word)]) if word in ("640", "1280") else word for word in words]
        assert run_tool("convert_checkpoint.py", *words) == 0, command
    return folder


@pytest.mark.parametrize("case", mostly_slow(CASES, QUICK))
def test_the_file_that_a_row_begins_with_fits(case, start_files):
    config = case_config(case)
    if not config.get("load_from"):
        return
    wanted = tiny(config, GROWN.get(config.image_size, IMAGE_SIZE)).state_dict()
    file = Path(config.load_from).stem
    given = load_file(start_files / f"{file}.pth")["state_dict"]
    assert not [name for name in wanted.keys() & given.keys() if wanted[name].shape != given[name].shape]
    # What RGBT-VGNet has and HiVG has not; and adapters, where those of the file are merged into its weights.
    new = r"^(neck|stream_exchange|level_adapters)\."
    bridges = (config.model.get("guide") or {}).get("type") == "CrossModalBridge"
    guides = r"\.slots\.guide\.|^guide_proj\."
    new = "|".join([new, *([] if bridges else [guides]), *([r"\.lora\."] if "merged" in file else [])])
    assert not [name for name in wanted.keys() - given.keys() if not re.search(new, name)]
    assert bridges or all(re.search(guides, name) for name in given.keys() - wanted.keys())
    assert not bridges or not given.keys() - wanted.keys()


def test_page_is_generated():
    assert page() == EXPERIMENTS, "docs/experiments.md differs from python tools/dev/experiments.py"


def test_page_has_every_published_value():
    published = Counter(str(score) for result in PUBLISHED for score in result.scores.values())
    shown = Counter(re.findall(r"\d+\.\d+", EXPERIMENTS))
    assert sum(published.values()) > 577
    assert not published - shown

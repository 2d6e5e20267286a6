"""Weights that change shape or name keep what they meant."""

from functools import partial

import pytest
import torch
from torch import nn

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.surgery import (
    change_rank,
    copy_to_thermal,
    double_image_rows,
    lora_groups,
    merge_lora,
    rename_peft,
    resize_positions,
    split_lora,
)
from rgbtvg.engine import config_from_checkpoint, load_config
from rgbtvg.errors import CheckpointError
from rgbtvg.models.adapters import LowRank
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs
from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY
from tests.models.tiny import clip_vg as tiny_clip_vg
from tests.models.tiny import fsvg as tiny_fsvg
from tests.models.tiny import hivg as tiny_hivg
from tests.models.tiny import rgbt_vgnet as tiny_vgnet
from tests.models.tiny import transvg as tiny_transvg
from tests.run_tool import run_tool


def model_of(config: dict) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(config).eval()
    for module in model.modules():
        if isinstance(module, LowRank):
            nn.init.normal_(module.up, std=0.1)
    return model


def batch(modality: str, size: int = IMAGE_SIZE) -> GroundingInputs:
    torch.manual_seed(1)
    streams = {"rgb": ("rgb",), "ir": ("ir",), "rgbt": ("rgb", "ir")}[modality]
    ids = torch.randint(1, VOCABULARY, (2, MAX_LENGTH))
    images = {stream: torch.randn(2, 3, size, size) for stream in streams}
    return GroundingInputs(images, torch.zeros(2, size, size, dtype=torch.bool), ids, ids == 0)


def boxes(model: nn.Module, inputs: GroundingInputs) -> torch.Tensor:
    with torch.no_grad():
        return model.encode(inputs)["pred_boxes_cxcywh"]


def test_merged_lora_gives_the_same_boxes_without_adapters():
    config = tiny_hivg.config("rgbt")
    adapted, plain = model_of(config), model_of({**config, "adapter": None})
    state = merge_lora(adapted.state_dict(), None, alpha=2)
    assert not lora_groups(state)
    plain.load_state_dict(state)
    torch.testing.assert_close(boxes(plain, batch("rgbt")), boxes(adapted, batch("rgbt")), atol=1e-6, rtol=1e-5)


def test_split_lora_and_copies_turn_a_shared_model_into_one_per_stream():
    shared = tiny_vgnet.config("rgbt")
    shared["guides"]["per_stream"] = False
    shared["adapter"] = dict(
        type="LoRA", groups=dict(shared=dict(rank=4, streams=("rgb", "ir", "text"))), alpha=2, dropout=0.0
    )
    dual = tiny_vgnet.config("rgbt")
    dual["projections_per_stream"] = ("level_proj", "image_proj")
    dual["adapter"]["groups"] = dict(rgb=dict(rank=4, streams=("rgb", "text")), ir=dict(rank=6, streams=("ir",)))
    source, target = model_of(shared), model_of(dual)
    state = copy_to_thermal(split_lora(source.state_dict(), dict(rgb=4, ir=6)))
    target.load_state_dict(state)
    torch.testing.assert_close(boxes(target, batch("rgbt")), boxes(source, batch("rgbt")), atol=1e-6, rtol=1e-5)


def test_adalora_is_neither_merged_nor_split():
    config = tiny_hivg.config("rgb")
    config["adapter"].update(type="AdaLoRA", target_rank=2)
    state = model_of(config).state_dict()
    for operation in (partial(merge_lora, group=None, alpha=2), partial(split_lora, ranks=dict(rgb=4, ir=4))):
        with pytest.raises(CheckpointError, match="AdaLoRA"):
            operation(state)


def test_one_module_is_copied_to_thermal_and_the_others_left():
    shared = model_of(tiny_hivg.config("rgbt")).state_dict()
    copied = copy_to_thermal(shared, ["level_proj"])
    assert torch.equal(copied["level_proj.ir.weight"], shared["level_proj.weight"])
    assert shared.keys() - copied.keys() == {"level_proj.weight", "level_proj.bias"}


def test_a_lower_rank_is_the_best_approximation():
    down, up = torch.randn(6, 12), torch.randn(9, 6)
    update = up @ down / 6
    small_down, small_up = change_rank(down, up, 3)
    error = torch.linalg.matrix_norm(small_up @ small_down / 3 - update, 2)
    torch.testing.assert_close(error, torch.linalg.svdvals(update)[3])


def test_one_stream_becomes_two_side_by_side():
    one = model_of(tiny_hivg.config("rgb"))
    two = model_of(tiny_hivg.config("rgbt"))
    two.load_state_dict(double_image_rows(one.state_dict()))
    table, grid = one.fusion.positions.weight, (IMAGE_SIZE // 16) ** 2
    doubled = two.fusion.positions.weight
    assert torch.equal(doubled[2 : 2 + grid], table[2 : 2 + grid])
    assert torch.equal(doubled[2 + grid : 2 + 2 * grid], table[2 : 2 + grid])
    assert torch.equal(doubled[2 + 2 * grid :], table[2 + grid :])


def test_resized_positions_fit_a_model_of_the_other_size():
    small = model_of(tiny_hivg.config("rgbt"))
    large = model_of({**tiny_hivg.config("rgbt"), "image_size": 96})
    state = resize_positions(small.state_dict(), 96)
    large.load_state_dict(state)
    assert torch.equal(large.fusion.positions.weight[-MAX_LENGTH:], small.fusion.positions.weight[-MAX_LENGTH:])
    small.set_image_size(96)
    inputs = batch("rgbt", 96)
    assert torch.equal(boxes(small, inputs), boxes(large, inputs))
    with pytest.raises(CheckpointError, match="neither one nor two square grids"):
        resize_positions({**state, "fusion.positions.weight": torch.zeros(2 + MAX_LENGTH + 3, 8)}, 96)
    with pytest.raises(CheckpointError, match="already has two streams"):
        double_image_rows(state)


@pytest.mark.parametrize("modality", ["rgb", "rgbt"])
def test_fsvg_and_transvg_change_their_image_size(modality):
    arch = {**tiny_fsvg.VISION, "image_size": 96}
    small = tiny_fsvg.config(modality)
    large = {**small, "image_encoder": {**small["image_encoder"], "arch": arch}}
    model_of(large).load_state_dict(resize_positions(model_of(small).state_dict(), 96))
    small, large = tiny_transvg.config(modality), {**tiny_transvg.config(modality), "image_size": 96}
    state = model_of(small).state_dict()
    resized = resize_positions(state, 96, small["image_size"], MAX_LENGTH)
    model_of(large).load_state_dict(resized)
    assert torch.equal(
        resized["fusion.positions.weight"][: 1 + MAX_LENGTH], state["fusion.positions.weight"][: 1 + MAX_LENGTH]
    )
    with pytest.raises(CheckpointError, match="name the file's config"):
        resize_positions(state, 96)


def test_words_before_the_image_stay_words():
    small, large = tiny_clip_vg.config("rgb"), {**tiny_clip_vg.config("rgb"), "image_size": 96}
    small, large = model_of(small), model_of(large)
    large.load_state_dict(resize_positions(small.state_dict(), 96))
    before = 2 + MAX_LENGTH
    assert torch.equal(large.fusion.positions.weight[:before], small.fusion.positions.weight[:before])


def test_peft_names_go_both_ways():
    old = [
        "clip.base_model.model.base_model.model.text_model.encoder.layers.0.self_attn.q_proj.weight",
        "clip.base_model.model.base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.default.weight",
        "clip.base_model.model.base_model.model.text_model.encoder.layers.0.mlp.fc1.weight",
        "vl_transformer.encoder.layers.0.self_attn.out_proj.weight",
    ]
    new = rename_peft(old, "0.7")
    assert list(new.values()) == [
        "clip.base_model.model.text_model.encoder.layers.0.self_attn.q_proj.base_layer.weight",
        "clip.base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.default.weight",
        "clip.base_model.model.text_model.encoder.layers.0.mlp.fc1.weight",
        "vl_transformer.encoder.layers.0.self_attn.out_proj.weight",
    ]
    assert list(rename_peft(list(new.values()), "0.3", wrappers=2).values()) == old
    bare = rename_peft(["text_model.encoder.layers.0.self_attn.k_proj.weight"], "0.3")
    assert list(bare.values()) == ["base_model.model.text_model.encoder.layers.0.self_attn.k_proj.weight"]


def test_merged_weights_get_the_base_layers_that_their_reader_expects(tmp_path, capsys):
    model = model_of({**tiny_hivg.config("rgb"), "adapter": None})
    ours, old, new = tmp_path / "ours.pth", tmp_path / "old.pth", tmp_path / "new.pth"
    torch.save({"state_dict": model.state_dict()}, ours)
    assert run_tool("convert_checkpoint.py", "hivg", ours, old, "--to-reference") == 0
    assert run_tool("convert_checkpoint.py", "peft", old, new, "--peft", "0.7") == 1
    assert "--peft-targets" in capsys.readouterr().err
    for targets in (["self_attn"], ["self_attn", "cross_attn"]):
        assert run_tool("convert_checkpoint.py", "peft", old, new, "--peft", "0.7", "--peft-targets", *targets) == 0
        wrapped = {name.split(".base_layer.")[0] for name in load_file(new)["model"] if ".base_layer." in name}
        assert all(name.startswith("clip.base_model.model.") for name in wrapped)
        assert {name.split(".")[-2] for name in wrapped} == set(targets)
        assert len(wrapped) == 4 * 2 * (len(targets) + 1)  # projections of two layers, in two towers and the bridges
    again = list(load_file(new)["model"])
    assert list(rename_peft(again, "0.7").values()) == again
    assert run_tool("convert_checkpoint.py", "hivg", new, ours) == 0
    assert load_file(ours)["state_dict"].keys() == model.state_dict().keys()


@pytest.mark.parametrize(("version", "target"), [("0.3", "peft.safetensors"), ("0.7", "peft.pth")])
def test_a_file_of_peft_is_split_after_its_conversion(tmp_path, capsys, version, target):
    model = model_of(tiny_hivg.config("rgbt"))
    ours, peft, split = tmp_path / "ours.pth", tmp_path / target, tmp_path / "split.pth"
    torch.save({"state_dict": model.state_dict()}, ours)
    assert run_tool("convert_checkpoint.py", "hivg", ours, ours, "--to-reference") == 0
    assert run_tool("convert_checkpoint.py", "peft", ours, peft, "--peft", version) == 0
    capsys.readouterr()
    for option, message in (
        (("--split-lora", "rgb=4", "ir=6"), "is peft's name: convert the file first"),
        (("--merge-lora", "--alpha", "2"), "is peft's name: convert the file first"),
        (("--copy-to-thermal",), "has no guide, level_proj, image_proj to copy"),
    ):
        assert run_tool("convert_checkpoint.py", "ours", peft, split, *option) == 1
        assert message in capsys.readouterr().err
    assert run_tool("convert_checkpoint.py", "hivg", peft, ours) == 0
    assert run_tool("convert_checkpoint.py", "ours", ours, split, "--split-lora", "rgb=4", "ir=6") == 0
    config = tiny_hivg.config("rgbt")
    config["adapter"] = dict(
        config["adapter"], groups=dict(rgb=dict(rank=4, streams=("rgb", "text")), ir=dict(rank=6, streams=("ir",)))
    )
    target = model_of(config)
    target.load_state_dict(load_file(split)["state_dict"])
    torch.testing.assert_close(boxes(target, batch("rgbt")), boxes(model, batch("rgbt")), atol=1e-6, rtol=1e-5)


@pytest.fixture
def adapted(tmp_path):
    """A checkpoint of a tiny model whose LoRA has alpha 2, with and without its config; its boxes in rgb and rgbt."""
    text = """
modality = "rgb"
image_size = 64
model = {config}
model["modality"], model["image_size"] = "$modality", "$image_size"
"""
    model = {**tiny_hivg.config("rgb")}
    model["adapter"] = {**model["adapter"], "alpha": 2.0}
    config = tmp_path / "config.py"
    config.write_text(text.format(config=model))
    loaded = load_config(config)
    network = model_of(loaded.model.to_dict())
    state = {"state_dict": network.state_dict()}
    torch.save({**state, "meta": {"cfg": loaded.pretty_text}}, tmp_path / "ours.pth")
    torch.save(state, tmp_path / "bare.pth")
    return config, network


def test_merged_lora_has_the_scale_and_the_config_of_the_checkpoint(tmp_path, adapted, capsys):
    config, network = adapted
    inputs = batch("rgb", IMAGE_SIZE)
    merged = tmp_path / "merged.pth"
    for source, *options in (("ours.pth",), ("bare.pth", "--config", config), ("ours.pth", "--config", config)):
        assert run_tool("convert_checkpoint.py", "ours", tmp_path / source, merged, "--merge-lora", *options) == 0
        built = config_from_checkpoint(merged)
        plain = MODELS.build(built.model.to_dict()).eval()
        plain.load_state_dict(load_file(merged)["state_dict"])
        assert not any(".lora." in name for name in plain.state_dict())
        torch.testing.assert_close(boxes(plain, inputs), boxes(network, inputs))
    assert config_from_checkpoint(merged, {"modality": "rgbt"}).model.modality == "rgbt"


def test_contradicting_and_missing_scales_are_one_sentence(tmp_path, adapted, capsys):
    config, _ = adapted
    for source, options, complaint in (
        ("ours.pth", ["--alpha", "16"], "--alpha 16 contradicts the checkpoint's config, whose alpha is 2"),
        ("bare.pth", [], "has no config that says how its LoRA is scaled"),
        ("ours.pth", ["--config", config, "--cfg-options", "model.adapter.alpha=3", "--alpha", "2"], "contradicts"),
        ("ours.pth", ["--config", "configs/quickstart/quickstart.py"], "describes another model"),
    ):
        files = tmp_path / source, tmp_path / "merged.pth"
        assert run_tool("convert_checkpoint.py", "ours", *files, "--merge-lora", *options) == 1
        error = capsys.readouterr().err.strip()
        assert complaint in error and "\n" not in error
        assert not files[1].exists()


@pytest.mark.usefixtures("adapted")
def test_the_command_chains_operations(tmp_path, capsys):
    target = tmp_path / "start.pth"
    options = ("--merge-lora", "--two-streams", "--image-size", 96)
    assert run_tool("convert_checkpoint.py", "ours", tmp_path / "ours.pth", target, *options) == 0
    assert "3 operations" in capsys.readouterr().out
    plain = MODELS.build(config_from_checkpoint(target).model.to_dict())
    plain.load_state_dict(load_file(target)["state_dict"])
    assert plain.modality == "rgbt"


@pytest.mark.usefixtures("adapted")
def test_surgery_refuses_what_it_would_ignore(tmp_path, capsys):
    files = tmp_path / "ours.pth", tmp_path / "b.pth"
    for method, options, complaint in (
        ("hivg", ["--two-streams"], "unrecognized arguments"),
        ("hivg", ["--cfg-options", "modality=rgb"], "name it with --config"),
        ("hivg", ["--peft", "0.7"], "unrecognized arguments"),
        ("peft", [], "required: --peft"),
        ("ours", ["--to-reference"], "unrecognized arguments"),
        ("ours", ["--two-streams", "--alpha", "2"], "belongs to --merge-lora"),
        ("ours", ["--split-lora", "rgb=4", "rgb=5"], "each group once"),
        ("ours", ["--split-lora", "rgb=-3"], "GROUP=RANK"),
        ("ours", ["--image-size", "0"], "positive integer"),
    ):
        assert run_tool("convert_checkpoint.py", method, *files, *options) != 0
        assert complaint in capsys.readouterr().err


def test_reference_names_survive_the_way_there_and_back(tmp_path):
    from rgbtvg.checkpoints.converters import get_converter

    for method, tiny in (("hivg", tiny_hivg), ("rgbt_vgnet", tiny_vgnet)):
        state = model_of(tiny.config("rgbt")).state_dict()
        back = get_converter(method).to_ours(get_converter(method).to_theirs(state)).state
        assert back.keys() == state.keys()
        assert all(torch.equal(back[name], state[name]) for name in state)

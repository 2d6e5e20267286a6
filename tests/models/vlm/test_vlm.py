"""`VLMGrounder`: what learns, what is kept, and the model of `transformers` inside it, unchanged."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import pytest
import torch
from PIL import Image

import rgbtvg.models  # noqa: F401
from rgbtvg.engine import load_config
from rgbtvg.engine.hooks.activation_checkpointing_hook import enable_activation_checkpointing
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.adapters import AdaptedLinear, LowRank
from rgbtvg.models.general import prompts, writers
from rgbtvg.models.general.answers import IGNORED, with_answers
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import Frame, GroundingSample
from tests.models.vlm import tiny
from tests.quick import mostly_slow

WRITERS = ("Qwen3VL", "Qwen2_5VL", "PaliGemma", "Florence2")
EACH = mostly_slow(WRITERS, {"Qwen3VL"})
THERMAL = ("rgb", "ir", "both_images", "residual")
MODES = mostly_slow(
    [mode for mode in product(WRITERS, THERMAL) if mode != ("Florence2", "both_images")],
    {("Qwen3VL", thermal) for thermal in THERMAL},
)
EXPRESSIONS = ("the red square left", "the warm thing", "the big blue square")


@pytest.fixture(autouse=True)
def short_answers(monkeypatch, request):
    """Eight tokens where a test does not need a whole box."""
    monkeypatch.setattr(writers, "MAX_TOKENS", 50 if "box" in request.node.name or "pair" in request.node.name else 8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: tiny.save(name, tmp_path_factory.mktemp("weights") / name) for name in WRITERS}


def build(folder: Any, name: str = "Qwen3VL", thermal: str = "rgb", **options: Any) -> VLMGrounder:
    torch.manual_seed(1)
    modality = thermal if thermal in ("rgb", "ir") else "rgbt"
    values = dict(dict(bf16=False, layers=(0, -1)), modality=modality, thermal=thermal) | options
    return MODELS.build(dict(type="VLMGrounder", general=dict(type=name, weights=str(folder)), **values)).eval()


def images(size: int = 3, height: int = 48, width: int = 64) -> dict[str, list[torch.Tensor]]:
    draw = torch.Generator().manual_seed(0)

    def noise(channels: int) -> torch.Tensor:
        return torch.randint(0, 256, (channels, height, width), generator=draw, dtype=torch.uint8)

    return dict(rgb=[noise(3) for _ in range(size)], ir=[noise(1) for _ in range(size)])


def samples(size: int = 3) -> list[GroundingSample]:
    made = []
    for index, expression in enumerate(EXPRESSIONS[:size]):
        meta = dict(sample_id=str(index), expression=expression, frame=Frame(), ori_shape=(48, 64))
        made.append(GroundingSample(metainfo=meta))
        made[-1].gt_boxes_xyxy = torch.tensor([[10.0 + index, 6, 30, 40]])
    return made


def answers(model: VLMGrounder, inputs: dict[str, Any], count: int = 3, **options: Any) -> list[Any]:
    """Loss and generated answers, as exactly as they come."""
    with torch.no_grad():
        loss = model(inputs, samples(count), mode="loss", **options)["loss_answer"]
        found = model(inputs, samples(count), **options)
    boxes = [sample.get("no_prediction") or torch.cat((sample.pred_boxes_xyxy, sample.pred_scores[:, None]), 1)
             for sample in found]  # fmt: skip
    return [loss, *boxes]


def same(first: list[Any], second: list[Any]) -> bool:
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
        for a, b in zip(first, second, strict=True)
    )


def as_if_trained(model: VLMGrounder) -> None:
    """Updates and scales that are not zero."""
    torch.manual_seed(2)
    for module in model.modules():
        if isinstance(module, LowRank):
            torch.nn.init.normal_(module.up, std=0.3)
    if model.residual is not None:
        torch.nn.init.constant_(model.residual.scales, 0.7)


@pytest.mark.parametrize(("name", "thermal"), MODES)
def test_a_step_reaches_all_that_learns_and_an_answer_is_one_box(name, thermal, folders):
    model = build(folders[name], name, thermal, bf16=True, constrained=True).train()
    if model.residual is not None:
        torch.nn.init.constant_(model.residual.scales, 0.1)  # at zero, no gradient passes
    model(images(), samples(), mode="loss")["loss_answer"].backward()
    learning = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert {key for key, parameter in model.named_parameters() if parameter.grad is not None} == learning
    for part in ("vision", "projector", "language"):
        prefix = "general.model."
        parts = {model.general.part_of(key.removeprefix(prefix)) for key in learning if key.startswith(prefix)}
        assert part in parts
    found = model.eval()(images(), samples())
    for sample in found:
        # Corners may coincide, but the answer has the form of a box.
        written = sample.get("no_prediction", "").removeprefix("the answer has no box: ")
        assert "pred_boxes_xyxy" in sample or written.count("<loc") == 4 or written.endswith("]}]'")


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_overfits_one_pair(name, folders):
    model = build(folders[name], name, vision="full", projector="full", language="full").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        loss = model(images(1), samples(1), mode="loss")["loss_answer"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    (sample,) = model.eval()(images(1), samples(1))
    torch.testing.assert_close(sample.pred_boxes_xyxy[0], sample.gt_boxes_xyxy[0], atol=1.0, rtol=0)
    assert sample.pred_scores[0] > 0.5


@pytest.mark.parametrize("name", EACH)
def test_without_adapters_it_is_the_plain_model(name, folders):
    """Logits and generated ids are those of `transformers` called by hand."""
    import transformers

    model = build(folders[name], name)
    as_if_trained(model)
    for module in list(model.general.model.modules()):
        for key, child in module.named_children():
            if isinstance(child, AdaptedLinear):
                plain = torch.nn.Linear(child.in_features, child.out_features, child.bias is not None)
                plain.weight, plain.bias = child.weight, child.bias
                setattr(module, key, plain)
    by_hand = getattr(transformers, model.general.model_class).from_pretrained(folders[name]).eval()
    by_hand.requires_grad_(False)
    picture = [(Image.new("RGB", (64, 48), "red"),), (Image.new("RGB", (64, 48), "green"),)]
    batch = model.general.inputs(picture, model.general.build_prompts(EXPRESSIONS[:2], prompts.note("rgb")))
    decoder = {"decoder_input_ids": torch.tensor([[3], [3]])} if name == "Florence2" else {}
    with torch.no_grad():
        logits, plain = (part(**batch, **decoder).logits for part in (model.general.model, by_hand))
    if name == "Florence2":  # its logits differ in the last bit
        torch.testing.assert_close(logits, plain, atol=1e-6, rtol=0)
    else:
        assert torch.equal(logits, plain)
    # Florence-2's own settings force an end at the longest length; here every search is plain greedy.
    by_hand.generation_config = model.general.model.generation_config
    options = dict(max_new_tokens=8, do_sample=False)
    assert torch.equal(model.general.model.generate(**batch, **options), by_hand.generate(**batch, **options))


@pytest.mark.parametrize(
    ("trained", "bf16"),
    [(False, False), (True, False), pytest.param(True, True, marks=pytest.mark.slow)],
    ids=["fresh", "trained", "trained, bfloat16"],
)
@pytest.mark.parametrize("name", EACH)
def test_without_thermal_it_is_bitwise_the_rgb_model(name, trained, bf16, folders):
    rgb, both = build(folders[name], name, bf16=bf16), build(folders[name], name, "residual", bf16=bf16)
    if trained:
        as_if_trained(both)
    rgb.load_state_dict({key: value for key, value in both.state_dict().items() if not key.startswith("residual.")})
    given = images()
    alone = answers(rgb, given)
    assert same(answers(both, dict(rgb=given["rgb"])), alone)
    assert same(answers(both, dict(given, ir=[torch.full_like(image, 90) for image in given["ir"]])), alone)
    assert same(answers(both, given, thermal_valid=torch.zeros(3, 48, 64, dtype=torch.bool)), alone)
    # In a batch with others, a sample without thermal is bitwise what it is in the RGB model's batch.
    first_only = torch.zeros(3, 48, 64, dtype=torch.bool)
    first_only[0] = True
    mixed = answers(both, given, thermal_valid=first_only)
    assert same(mixed[2:], alone[2:])
    assert same(mixed, alone) == (not trained)


@pytest.mark.parametrize("name", EACH)
def test_what_stands_where_thermal_is_invalid_changes_nothing(name, folders):
    model = build(folders[name], name, "residual")
    as_if_trained(model)
    given, valid = images(), torch.ones(3, 48, 64, dtype=torch.bool)
    valid[:, :, 20:] = False
    other = dict(
        given, ir=[torch.where(mask, image, 255 - image) for image, mask in zip(given["ir"], valid, strict=True)]
    )
    first = answers(model, given, thermal_valid=valid)
    assert same(first, answers(model, other, thermal_valid=valid))
    assert not same(answers(model, given), answers(model, other))


@pytest.mark.parametrize("name", ["Qwen3VL", "Qwen2_5VL"])
def test_tokens_of_valid_pixels_have_the_order_of_the_encoder(name, folders):
    """Patches that are white where the mask is: the encoder's own order of patches is that of the mask."""
    model = build(folders[name], name)
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[8:24, 40:48] = True
    white = Image.fromarray((mask[..., None].expand(-1, -1, 3) * 255).byte().numpy())
    batch = model.general.inputs([(white,)], ["x"])
    seen = batch["pixel_values"].mean(1) > 0
    valid = model.general.valid_tokens([mask], batch, batch["pixel_values"])[:, 0]
    assert valid.sum() == 2 and torch.equal(valid, model.general.in_order(seen, batch))


@pytest.mark.parametrize("name", EACH)
def test_thermal_images_are_read_as_those_of_a_prompt(name, folders):
    writer = build(folders[name], name).general
    pictures = [(Image.new("RGB", (60 + 20 * row, 48), (50 * row, 90, 120)),) for row in range(3)]
    alone, prompted = writer.image_inputs(pictures), writer.inputs(pictures, [""] * 3)
    assert {"pixel_values"} <= alone.keys() <= prompted.keys()
    assert all(torch.equal(alone[key], prompted[key]) for key in alone)


def test_checkpoints_hold_what_learns_and_the_hash_of_the_base(folders, tmp_path):
    model = build(folders["Qwen3VL"], thermal="residual", vision=4, projector=0, language=8)
    as_if_trained(model)
    state = model.state_dict()
    assert all(".lora." in key or key.startswith("residual.") or key == "base_sha256" for key in state)
    assert {state[key].shape[0] for key in state if key.startswith("general") and key.endswith(".down")} == {4, 8}
    assert {state[key].shape[0] for key in state if key.startswith("residual") and key.endswith(".down")} == {48}
    assert bytes(state["base_sha256"].tolist()).hex() == model.identity()["sha256"]

    again = build(folders["Qwen3VL"], thermal="residual", vision=4, projector=0, language=8)
    again.load_state_dict(state)
    assert same(answers(again, images()), answers(model, images()))
    copied = copy.deepcopy(model)
    assert same(answers(copied, images()), answers(model, images()))
    assert copied.state_dict().keys() == state.keys()

    other = build(tiny.save("Qwen3VL", tmp_path / "other", seed=7), vision=4, projector=0, language=8)
    rgb = {key: value for key, value in state.items() if not key.startswith("residual.")}
    with pytest.raises(CheckpointError, match=r"trained on a base model with SHA-256 .* name the folder of the same"):
        other.load_state_dict(rgb)


def test_checkpointed_layers_give_the_same_gradients(folders):
    lists = load_config("configs/vlm/qwen3_vl_8b_residual.py").activation_checkpointing
    models = [build(folders["Qwen3VL"], thermal="residual") for _ in range(2)]
    enable_activation_checkpointing(models[1], lists)
    for model in models:
        as_if_trained(model)
        model.train()(images(), samples(), mode="loss")["loss_answer"].backward()
    for (name, first), second in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        assert (first.grad is None) == (not first.requires_grad)
        if first.grad is not None:
            torch.testing.assert_close(second.grad, first.grad, msg=name)


def test_the_answer_is_about_the_image_that_the_model_sees(folders, monkeypatch):
    model, seen = build(folders["Qwen3VL"], thermal="residual"), []
    monkeypatch.setattr(type(model.general), "answer_loss", lambda self, batch, pictures, boxes: seen.extend(boxes))
    (sample,) = samples(1)
    sample.set_metainfo(dict(frame=Frame().scaled(2, 2).mirrored(64)))
    logged = model(images(1), [sample], mode="loss")
    assert seen[0].tolist() == [[4, 12, 44, 80]]
    assert logged["thermal_gate_0"] == logged["thermal_gate_2"] == 0


def test_frozen_parts_are_in_bfloat16_and_full_parts_in_float32(folders):
    model = build(folders["Qwen3VL"], bf16=True, vision="full", language=4, projector=0)
    kinds = {}
    for key, parameter in model.general.model.named_parameters():
        kind = (parameter.dtype, parameter.requires_grad)
        kinds.setdefault("lora" if ".lora." in key else model.general.part_of(key), set()).add(kind)
    assert kinds == dict(
        vision={(torch.float32, True)},
        projector={(torch.bfloat16, False)},
        language={(torch.bfloat16, False)},
        lora={(torch.float32, True)},
    )


@pytest.mark.parametrize("name", EACH)
def test_a_sample_is_the_same_alone_and_padded_in_a_batch(name, folders):
    model = build(folders[name], name)
    as_if_trained(model)
    given = images()
    together = model(given, samples())
    with torch.no_grad():
        losses = [model({"rgb": [given["rgb"][i]]}, [samples()[i]], mode="loss")["loss_answer"] for i in range(3)]
        loss = model(given, samples(), mode="loss")["loss_answer"]
    torch.testing.assert_close(torch.stack(losses).mean(), loss)
    for i, sample in enumerate(together):
        (alone,) = model({"rgb": [given["rgb"][i]]}, [samples()[i]])
        assert alone.get("no_prediction") == sample.get("no_prediction")
        if "pred_boxes_xyxy" in alone:
            torch.testing.assert_close(alone.pred_boxes_xyxy, sample.pred_boxes_xyxy)


def test_only_the_answer_is_learned(folders):
    model = build(folders["Qwen3VL"])
    batch = model.general.inputs([(Image.new("RGB", (64, 64)),)] * 2, ["the red square", "it"])
    filled, labels = with_answers(batch, [[7, 8, 3], [9, 3]], 0)
    lengths = batch["attention_mask"].sum(1)
    for row, answer, length in zip(range(2), ([7, 8, 3], [9, 3]), lengths.tolist(), strict=True):
        learned = labels[row] != IGNORED
        assert labels[row][learned].tolist() == answer == filled["input_ids"][row][learned].tolist()
        assert filled["attention_mask"][row].sum() == length + len(answer)
        assert not filled["attention_mask"][row, length + len(answer) :].any()
    assert filled["pixel_values"] is batch["pixel_values"]


def test_wrong_options_are_refused(folders):
    for options, message in (
        (dict(thermal="both_in_turn", modality="rgbt"), "thermal must be one of both_images, residual"),
        (dict(thermal="ir", modality="rgb"), "modality=rgb does not go with thermal='ir'"),
        (dict(vision="lora"), "vision must be a rank from 0 on or 'full', got 'lora'"),
        (dict(thermal="residual", layers=(0, 9)), "layers of the residual must be among 0 to 2"),
    ):
        with pytest.raises(ConfigError, match=message):
            build(folders["Qwen3VL"], **options)
    with pytest.raises(ConfigError, match="Florence2 reads one image"):
        build(folders["Florence2"], "Florence2", "both_images")
    with pytest.raises(ConfigError, match="the samples have no ir images"):
        build(folders["Qwen3VL"], thermal="ir")(dict(rgb=images()["rgb"]), samples())
    assert build(folders["Qwen3VL"], thermal="residual", modality="rgb").residual is None

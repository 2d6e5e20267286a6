"""Options that no case has, derived from cases: names and shapes fit, and the same parameters learn."""

import copy
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import cases
from methods import hivg, rgbt_vgnet
from run import Report, compare_trainable, load_reference

CASES = Path(__file__).parent / "cases"
METHODS = {"hivg": hivg.METHOD, "rgbt_vgnet": rgbt_vgnet.METHOD}


def derive(name: str, modality: str, **args) -> cases.Case:
    """A case without its answers in another modality, with other options."""
    case = cases.load(CASES / f"{name}.json")
    spec = copy.deepcopy(case.spec)
    config = spec["config"]
    config.get("args", config).update(modality=modality, **args)
    spec.update(grad_norms={}, outputs={}, losses={}, variants={})
    channels = 4 if modality == "rgbt" else 3
    return cases.Case(case.path, spec, {**case.inputs, "image": case.inputs["image"][:, :channels]})


def add(spec: dict, names: dict[str, list[int]]) -> None:
    """Further entries, which learn, as everything outside CLIP does."""
    spec["state_dict"].update(names)
    spec["trainable"] = [*spec["trainable"], *names]


def leave_out(spec: dict, prefixes: tuple[str, ...]) -> None:
    spec["state_dict"] = {name: shape for name, shape in spec["state_dict"].items() if not name.startswith(prefixes)}
    spec["trainable"] = [name for name in spec["trainable"] if not name.startswith(prefixes)]


def second(spec: dict, *prefixes: str) -> dict[str, list[int]]:
    """Thermal's copies of these modules."""
    shapes = spec["state_dict"].items()
    return {name.replace(p, f"{p}_ir"): shape for p in prefixes for name, shape in shapes if name.startswith(f"{p}.")}


def two_encoders(modality: str) -> cases.Case:
    """The first version's case turned into one with a bridge per stream, as the reference would write it."""
    case = derive("rgbt_vgnet/small_v1_rgbt_adaptive_stage2", modality)
    spec = case.spec
    spec["config"]["lora"]["adapters"] = {"default": 16}
    for key in ("state_dict", "trainable"):
        names = {name.replace("lora_rgb", "default"): name for name in spec[key] if ".lora_ir." not in name}
        spec[key] = list(names) if key == "trainable" else {new: spec[key][old] for new, old in names.items()}
    thermal = {name.replace("vision_model.", "vision_model_ir."): name for name in spec["state_dict"]}
    thermal = {new: old for new, old in thermal.items() if new != old}
    spec["kept"] = [*spec["kept"], "*position_ids"]
    spec["aliases"] = {new: old for new, old in thermal.items() if ".cross_" not in new}
    spec["state_dict"].update({new: spec["state_dict"][old] for new, old in thermal.items()})
    width = spec["config"]["args"]["vl_hidden_dim"]
    add(spec, second(spec, "ml_visual_projection", "visu_proj"))
    add(spec, {"visu_fuse.weight": [width, 2 * width], "visu_fuse.bias": [width]})
    return case


def fill(case: cases.Case):
    """What became of the reference's weights in the model of a case, and what is wrong with it."""
    method, report = METHODS[case.spec["method"]], Report(case.name)
    model = method.build(case)
    converted = load_reference(case, model, report)
    compare_trainable(case, method, model, converted, report)
    with torch.no_grad():
        assert method.encode(case, model)["pred_boxes_cxcywh"].shape == (len(case.inputs["image"]), 4)
    return converted, report.faults


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_two_encoders(modality):
    converted, faults = fill(two_encoders(modality))
    assert not faults
    bridges = {name for name in converted.sources.values() if ".cross_" in name}
    assert any("vision_model_ir." in name for name in bridges) == (modality == "rgbt")
    assert ("ml_visual_projection_ir.weight" in converted.idle) == (modality != "rgbt")


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize(
    ("name", "modality", "prefixes"),
    [
        ("small_rgbt_cmx_stage3", "rgb", ("cmx.",)),
        ("small_rgbt_cmx_stage3", "ir", ("cmx.",)),
        ("small_rgbt_iwm_stage3", "rgb", ("iwm.",)),
        ("small_rgbt_iwm_stage3", "ir", ("iwm.",)),
        ("small_v3_rgbt_iafv3_stage3", "rgb", ("iaf", "cross_fusion_layers")),
    ],
)
def test_a_single_stream_needs_no_fusion(name, modality, prefixes, stored):
    case = derive(f"rgbt_vgnet/{name}", modality)
    if not stored:
        leave_out(case.spec, prefixes)
    converted, faults = fill(case)
    assert not faults
    assert any(name.startswith(prefixes) for name in converted.idle) == stored


@pytest.mark.parametrize("prefix", ["ml_visual_projection", "visu_proj"])
@pytest.mark.parametrize(
    "name",
    ["hivg/tiny_rgbt96_stage1_rgbtvg", "rgbt_vgnet/small_v1_rgbt_adaptive_stage2", "rgbt_vgnet/small_rgbt_lavs_stage3"],
)
def test_one_projection_per_stream(name, prefix):
    case = derive(name, "rgbt")
    add(case.spec, second(case.spec, prefix))
    converted, faults = fill(case)
    assert not faults
    ours = dict(ml_visual_projection="level_proj", visu_proj="image_proj")[prefix]
    assert converted.sources[f"{ours}.ir.weight"] == f"{prefix}_ir.weight"
    assert converted.sources[f"{ours}.rgb.weight"] == f"{prefix}.weight"


def test_the_sample_run_alone_is_one_sample():
    case = cases.load(CASES / "rgbt_vgnet/small_rgbt_lavs_stage3.json")
    case.inputs = {name: array.repeat(2, axis=0)[:3] for name, array in case.inputs.items()}
    case.spec["variants"] = {"outputs_sample1_alone": case.spec["variants"]["outputs_sample1_alone"]}
    method = METHODS["rgbt_vgnet"]
    ((_, alone),) = method.variants(case, method.build(case))
    assert all((alone.inputs[name] == array[1:2]).all() for name, array in case.inputs.items())

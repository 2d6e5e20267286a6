"""MMCA: the authors' files, and those of the RGB-T benchmark."""

from rgbtvg.checkpoints.converters._rules import DETR_TOWER, JOINT_ENCODER, bert_rules
from rgbtvg.checkpoints.rules import Converter, Rename, Rule


def side_path(theirs: str, ours: str) -> list[Rule]:
    """Rules of one kind of side path; both names may have placeholders."""
    gate, mix = f"{theirs}.gate_fusion", f"{ours}.gate"
    kind = "_conv" if "multimodal_layers" in theirs else ""
    return [
        Rename(f"{theirs}.visual{kind or '_linear'}_static_down.{{leaf}}", f"{ours}.down.{{leaf}}"),
        Rename(f"{theirs}.visual{kind or '_linear'}_static_up.{{leaf}}", f"{ours}.up.{{leaf}}"),
        Rename(f"{gate}.visual_linear_static_down.weight", f"{mix}.image_proj.weight"),
        Rename(f"{gate}.textual_linear_static_down.weight", f"{mix}.text_proj.weight"),
        Rename(f"{gate}.mm_feat_embed_transform.0.{{leaf}}", f"{mix}.weigh.layers.0.{{leaf}}"),
        Rename(f"{gate}.mm_feat_embed_transform.2.{{leaf}}", f"{mix}.weigh.layers.1.{{leaf}}"),
        Rename(f"{theirs}.text_linear_w", f"{ours}.scale.weight", transpose=True),
        Rename(f"{theirs}.text_linear_b", f"{ours}.scale.bias"),
    ]


LAYER = "visumodel.transformer.encoder.layers.{layer}"
OUR_LAYER = "image_encoder.encoder.layers.{layer}.slots"

CONVERTER = Converter(
    "mmca",
    [
        *side_path("visumodel.backbone.0.multimodal_layers.0", "image_encoder.resnet.slots.layer2"),
        *side_path("visumodel.backbone.0.multimodal_layers.1", "image_encoder.resnet.slots.layer3"),
        *side_path("visumodel.backbone.0.multimodal_layers.2", "image_encoder.resnet.slots.layer4"),
        *side_path(f"{LAYER}.text_linear_q", f"{OUR_LAYER}.query"),
        *side_path(f"{LAYER}.text_linear_k", f"{OUR_LAYER}.key"),
        *DETR_TOWER,
        *bert_rules("textmodel.bert"),
        Rename("visu_proj.{rest}", "image_proj.{rest}"),
        *JOINT_ENCODER,
    ],
)

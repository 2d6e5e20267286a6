"""QRNet: the authors' files."""

from rgbtvg.checkpoints.converters._rules import JOINT_ENCODER, bert_rules
from rgbtvg.checkpoints.rules import Converter, Idle, Rename, Rule

OFF = "the gate is switched off"


def dynamic_linear(theirs: str, ours: str) -> list[Rule]:
    """Rules of one layer that the sentence generates."""
    return [
        Rename(f"{theirs}.decoder.V", f"{ours}.matrix.basis", optional=OFF),
        Rename(f"{theirs}.decoder.decoder.{{leaf}}", f"{ours}.matrix.generator.{{leaf}}", optional=OFF),
    ]


def modulation(theirs: str, ours: str) -> list[Rule]:
    """Rules of the gates at one place."""
    return [
        *dynamic_linear(f"{theirs}.qdatt.ChannelGate.mlp.0", f"{ours}.gates.channel.down"),
        *dynamic_linear(f"{theirs}.qdatt.ChannelGate.mlp.2", f"{ours}.gates.channel.up"),
        *dynamic_linear(f"{theirs}.qdatt.SpatialGate.spatial", f"{ours}.gates.spatial.score"),
    ]


CONVERTER = Converter(
    "qrnet",
    [
        *modulation("visumodel.backbone.layers.{stage}", "image_encoder.swin.stages.{stage}.slots.query"),
        *modulation("visumodel.neck.fpn_down.{step}", "image_encoder.pyramid.slots.{step}.query"),
        Idle("visumodel.backbone.layers.{rest*}.relative_position_index", "an index table"),
        Idle("visumodel.rpn_head.{rest*}", "the detector's proposals are never made"),
        Rename("visumodel.backbone.patch_embed.proj.{leaf}", "image_encoder.swin.patch_embed.{leaf}"),
        Rename("visumodel.backbone.patch_embed.norm.{leaf}", "image_encoder.swin.patch_norm.{leaf}"),
        Rename("visumodel.backbone.norm{stage}.{leaf}", "image_encoder.swin.stages.{stage}.norm.{leaf}"),
        Rename("visumodel.backbone.layers.{rest*}", "image_encoder.swin.stages.{rest}"),
        Rename("visumodel.neck.lateral_convs.{level}.conv.{leaf}", "image_encoder.pyramid.laterals.{level}.{leaf}"),
        *bert_rules("textmodel.bert"),
        Rename("scale_embed.weight", "level_embedding.weight"),
        Rename("visu_proj.{rest}", "image_proj.{rest}"),
        *JOINT_ENCODER,
    ],
)

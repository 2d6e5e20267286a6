"""OneRef's released checkpoints."""

from rgbtvg.checkpoints.converters._beit3 import beit3_rules
from rgbtvg.checkpoints.rules import Converter, Idle, Rename

PRETRAINING = "only pre-training guesses masked patches and words"

CONVERTER = Converter(
    "oneref",
    [
        *beit3_rules("beit3.", "backbone."),
        Rename("logit_scale", "head.logit_scale", optional="only the contrastive loss scales"),
        Rename("vision_head.weight", "head.vision_head.weight"),
        Rename("language_head.weight", "head.language_head.weight"),
        Rename("visu_proj.{kind}", "head.visual_proj.{kind}"),
        Rename("bbox_embed.{rest*}", "head.box_mlp.{rest}"),
        Idle("text_proj.{kind}", "the projected text is never read"),
        *(
            rule
            for i in range(3)
            for rule in (
                Rename(f"seg_conv{i + 1}.weight", f"mask_head.convolutions.{i}.weight", optional="boxes only"),
                Rename(f"bn{i + 1}.{{kind}}", f"mask_head.norms.{i}.{{kind}}", optional="boxes only"),
            )
        ),
        *(
            Rename(f"{name}.{{rest*}}", f"pretraining.{name}.{{rest}}", optional=PRETRAINING)
            for name in ("mim_head", "mim_vts_head", "mlm_head", "mlm_sts_head")
        ),
    ],
)

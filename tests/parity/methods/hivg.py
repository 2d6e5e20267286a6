"""HiVG: the authors' model (words dealt out over the batch) and the RGB-T benchmark's."""

import dataclasses

import torch
from harness import ParityMethod

from ._clip_adapted import (
    STAGE_DEPTHS,
    auxiliary_heads,
    auxiliary_losses,
    fusion_encoder,
    image_encoder,
    indices,
    projections_per_stream,
    text_encoder,
    upsampled,
)


class HiVGParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        clip, lora = config["clip"], config["lora"]
        adaptive = config["enable_adaptive_weights"]
        text_levels = config["extract_text_layer"] if adaptive else []
        guide = dict(
            type="CrossModalBridge",
            num_text_levels=len(text_levels),
            interleave_text=config["text_attention_order"].startswith("interleaved"),
        )
        return dict(
            type="HiVG",
            modality=self.modality(case),
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            image_encoder=image_encoder(clip, config["extract_vision_layer"]),
            text_encoder=text_encoder(clip, text_levels),
            guides=dict(block=guide if config["adapt_layer"] else None, layers=config["adapt_layer"]),
            adapter=dict(
                type="LoRA",
                groups=dict(shared=dict(rank=lora["r"], streams=("rgb", "ir", "text"))),
                alpha=lora["lora_alpha"],
                targets="all_attention",
            ),
            projections_per_stream=projections_per_stream(case, self.modality(case)),
            sentence_token="after_first_stream",
            fusion=fusion_encoder(config),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"], l1_weight=2.0, giou_weight=2.0),
            auxiliary_heads=auxiliary_heads(config),
        )

    def build(self, case):
        self.model = super().build(case)
        depth = STAGE_DEPTHS[case.spec["config"]["hi_lora_stage"]]
        self.model.unfreeze_layers(depth, 12 if depth else 0)
        return self.model

    def taps(self, case):
        taps = {f"text_hidden_{i}": f"text_encoder.layers.{i - 1}" for i in indices(case, "text_hidden_#") if i}
        taps |= {f"vision_hidden_{i}": f"image_encoder.layers.{i - 1}" for i in indices(case, "vision_hidden_#") if i}
        for part, path in (("cross_gate", "gate"), ("cross_attn", "cross_attn"), ("cross_mlp", "cross_mlp")):
            taps |= {f"{part}_{i}": f"image_encoder.layers.{i}.slots.guide.{path}" for i in indices(case, f"{part}_#")}
        taps |= {
            "vision_hidden_0": "image_encoder.pre_layernorm",
            "text_last_hidden_state": "text_encoder.final_layer_norm",
            "vision_pooled": "image_encoder.post_layernorm",
            "ml_visual_projection": "level_proj",
            "visu_proj": "image_proj",
        }
        return taps | ({"condition_text_proj": "guide_proj"} if self.model.guide_proj is not None else {})

    def outputs(self, case, outputs, tapped):
        contrast, alignment, mask = self.model.auxiliary_heads
        logits = contrast.logits(outputs)
        streams = outputs["streams"]
        pooled = {"image_cls_embed": torch.cat([stream.pooled for stream in streams.values()])}
        named = {}
        for name, value in (tapped | pooled).items():
            of_image = not name.startswith(("text", "condition", "cross_gate"))
            parts = value.chunk(len(streams)) if of_image else (value,)
            named.update({name + suffix: part for suffix, part in zip(("", "_ir"), parts, strict=False)})
        patches = outputs["patches"].shape[1]
        return named | {
            "text_features": outputs["words"].tokens,
            "text_eos_embed": outputs["words"].pooled,
            "text_proj": outputs["text"].tokens,
            "visual_mask": outputs["image"].padding_mask[:, 1 : 1 + patches],
            "vl_transformer": outputs["joint"].sequence.transpose(0, 1),
            "visu_token_mlp": alignment.mlp(alignment.norm(outputs["patches"])),
            "seg_features": upsampled(mask, outputs),
            "pred_box": outputs["pred_boxes_cxcywh"],
            "logits_per_text": next(iter(logits.values())),
            "visu_token_similarity": alignment(outputs),
            "seg_mask": mask(outputs),
            "logits_per_image_ir": logits["ir"].t() if "ir" in logits else None,
            "pred_box_each_sample_alone": self.alone(case),
        }

    def alone(self, case):
        """Boxes of the samples run one by one."""
        inputs = self.inputs(case)
        boxes = []
        for row in range(inputs.batch_size):
            one = slice(row, row + 1)
            sample = dataclasses.replace(
                inputs,
                images={stream: image[one] for stream, image in inputs.images.items()},
                padding_mask=inputs.padding_mask[one],
                token_ids=inputs.token_ids[one],
                token_padding_mask=inputs.token_padding_mask[one],
            )
            with torch.no_grad():
                boxes.append(self.model.encode(sample)["pred_boxes_cxcywh"])
        return torch.cat(boxes)

    def losses(self, case, losses, outputs):
        return super().losses(case, auxiliary_losses(losses, case.spec["config"]), outputs)


METHOD = HiVGParity()

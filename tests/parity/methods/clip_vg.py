"""CLIP-VG: the authors' multi-level model and the RGB-T benchmark's single-level one."""

from harness import ParityMethod

from methods import _parts

PROMPT_IDS = (49406, 3797, 4341, 851, 17436, 531)  # what the reference's `language_prompt` is made of


class CLIPVGParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        levels = config.get("extract_layers")
        return dict(
            type="CLIPVG",
            modality=self.modality(case),
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            learn_image_positions=bool(levels),
            prompt_ids=PROMPT_IDS if "language_prompt" in case.spec["state_dict"] else (),
            **_parts.clip_encoders(case, out_levels=[layer + 1 for layer in levels or ()], project_tokens=not levels),
            fusion=_parts.joint_encoder(case),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"]),
        )

    def vision_blocks(self, case):
        names = (name.split("visual_block") for name in case.spec["outputs"] if "visual_block" in name)
        return sorted({int(index) for _, index in names})

    def taps(self, case):
        taps = {f"visual_block{i}": f"image_encoder.layers.{i}" for i in self.vision_blocks(case)}
        return taps | {
            "visual_ln_pre": "image_encoder.pre_layernorm",
            "text_block0": "text_encoder.layers.0",
            "joint_layer0": "fusion.encoder.layers.0",
        }

    def outputs(self, case, outputs, tapped):
        joint = outputs["joint"]
        streams = outputs["streams"]
        named = {}
        for name in ("visual_ln_pre", *(f"visual_block{i}" for i in self.vision_blocks(case))):
            if len(streams) == 1:
                named[name] = tapped[name]
            else:
                named[f"rgb_{name}"], named[f"thermal_{name}"] = tapped[name].chunk(2)
        return named | {
            "text_block0": tapped["text_block0"],
            "text_features": outputs["text_features"].tokens,
            "text_projected": outputs["text"].tokens,
            "visual_features": outputs["image_features"].tokens,
            "visual_projected": outputs["image"].tokens,
            "image_token_mask": outputs["image"].padding_mask[:, 1:],
            "joint_mask": joint.padding_mask,
            "joint_in": joint.inputs,
            "joint_layer0": tapped["joint_layer0"],
            "joint_out": joint.sequence,
            "regression_token": joint.regression,
            "pred_box": outputs["pred_boxes_cxcywh"],
        }


METHOD = CLIPVGParity()

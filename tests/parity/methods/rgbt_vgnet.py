"""RGBT-VGNet in its four generations: v1 (bridge), v2 (text-guided), v3 (tri-prior) and two encoders."""

import dataclasses

import torch
from harness import ParityMethod

from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.models.adapters import LowRank
from rgbtvg.models.grounders.rgbt_vgnet import TextGuidedBlock
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy

from ._clip_adapted import (
    STAGE_DEPTHS,
    auxiliary_heads,
    auxiliary_losses,
    fusion_encoder,
    image_encoder,
    indices,
    projections_per_stream,
    text_encoder,
)
from ._parts import per_stream


class RGBTVGNetParity(ParityMethod):
    def modality(self, case):
        return case.spec["config"]["args"]["modality"]

    def generation(self, case):
        """``'te'``, ``'v1'`` or ``'v2'`` (v3 differs in the neck)."""
        names = case.spec["state_dict"]
        if any("vision_model_ir" in name for name in names):
            return "te"
        return "v1" if any(".cross_norm." in name for name in names) else "v2"

    def neck(self, case):
        names, args = case.spec["state_dict"], case.spec["config"]["args"]
        width = args["vl_hidden_dim"]
        if self.modality(case) != "rgbt":  # whose fusion, if it has one, does nothing
            return dict(type="ConcatTokens")
        if "visu_fuse.weight" in names:
            return dict(type="LinearFusion", width=width)
        if "visu_fuse.q_proj.weight" in names:
            return dict(type="CrossFormer", width=width, num_heads=args["vl_nheads"], residual=False, softmax=False)
        if "iafv3_alpha" in names:
            return dict(type="TriPrior", width=width)
        if self.generation(case) == "v1" or args["lavs_mode"] == "lavs":
            return dict(type="ConcatTokens")
        if args["lavs_mode"] == "avg":
            return dict(type="AverageStreams")
        if args["lavs_mode"] == "cmx":
            return dict(type="CMX", width=width, num_heads=args["vl_nheads"])
        return dict(type="IlluminationWeighted", num_levels=names["iwm.fc2.bias"][0])

    def guide(self, case):
        args, layers = case.spec["config"]["args"], case.spec["config"]["layers"]
        if self.generation(case) == "v2":
            active = args["lavs_mode"] == "lavs"
            return dict(type="TextGuidedBlock", interleave_text=True) if active else None
        levels = len(layers["extract_text_layer"]) if args["enable_adaptive_weights"] else 0
        return dict(type="CrossModalBridge", num_text_levels=levels)

    def guide_per_stream(self, case):
        """A single stream of the two encoders runs with the first one's bridge."""
        return self.generation(case) == "v2" or (self.generation(case) == "te" and self.modality(case) == "rgbt")

    def adapter(self, case):
        lora = case.spec["config"]["lora"]
        ranks = lora["adapters"]
        if "default" in ranks:
            groups = dict(shared=dict(rank=ranks["default"], streams=("rgb", "ir", "text")))
        elif self.modality(case) == "rgbt":
            groups = dict(
                rgb=dict(rank=ranks["lora_rgb"], streams=("rgb", "text")),
                ir=dict(rank=ranks["lora_ir"], streams=("ir",)),
            )
        else:
            groups = dict(rgb=dict(rank=ranks["lora_rgb"], streams=(self.modality(case), "text")))
        everywhere = "cross_attn" in lora["targets"]
        return dict(
            type="LoRA",
            groups=groups,
            alpha=lora["alpha"],
            targets="all_attention" if everywhere else "self_attention",
            untrained_groups=[group for group in groups if group == "ir"],
        )

    def model_config(self, case):
        config, names = case.spec["config"], case.spec["state_dict"]
        args, layers = config["args"], config["layers"]
        generation = self.generation(case)
        rows = names["vl_pos_embed.weight"][0]
        return dict(
            type="RGBTVGNet",
            modality=self.modality(case),
            image_size=args["imsize"],
            max_length=args["max_query_len"],
            image_encoder=image_encoder(config["clip"], layers["extract_vision_layer"]),
            text_encoder=text_encoder(
                config["clip"], layers["extract_text_layer"] if args["enable_adaptive_weights"] else []
            ),
            guides=dict(
                block=self.guide(case),
                layers=layers["adapt_layer"],
                per_stream=self.guide_per_stream(case),
                frozen=("ir",) if generation == "te" else (),
            ),
            adapter=self.adapter(case),
            projections_per_stream=projections_per_stream(case, self.modality(case)),
            stream_exchange="cross_fusion_layers_vt.0.q_proj.weight" in names,
            neck=self.neck(case),
            sentence_token="after_first_stream",
            fusion=dict(fusion_encoder(args), num_image=rows - 1 - args["max_query_len"]),
            head=dict(type="BoxHead", width=args["vl_hidden_dim"], l1_weight=2.0, giou_weight=2.0),
            auxiliary_heads=auxiliary_heads(args),
        )

    def build(self, case):
        self.model = super().build(case)
        self.model.unfreeze_layers(STAGE_DEPTHS[case.spec["config"]["args"]["hi_lora_stage"]])
        self.open_parameters(case, self.side_effects(case))
        return self.model

    def side_effects(self, case):
        """Adapters outside the stage that have a gradient in the reference, because switching adapters there opens
        them; its optimizer does not hold them."""
        trainable = set(case.spec["trainable"])
        return [name for name, norm in (case.spec.get("grad_norms") or {}).items() if norm and name not in trainable]

    def open_parameters(self, case, wanted):
        """Let those of our parameters learn that have these names in the reference."""
        names = {name: torch.empty(shape, device="meta") for name, shape in case.spec["state_dict"].items()}
        converted = get_converter("rgbt_vgnet").to_ours(names, wanted=self.model.state_dict())
        ours = {source: name for name, source in converted.sources.items()}
        for name in wanted:
            self.model.get_parameter(ours[name]).requires_grad_(True)

    def idle_trainable(self, case):
        return self.side_effects(case)

    def taps(self, case):
        model, layers = self.model, case.spec["config"]["layers"]["adapt_layer"]
        taps = {f"vision_layer{i}_out": f"image_encoder.layers.{i}" for i in indices(case, "rgb_vision_layer#_out")}
        taps |= {f"vision_layer{i}_out": f"image_encoder.layers.{i}" for i in indices(case, "ir_vision_layer#_out")}
        if model.guide_proj is not None:
            taps["condition_text_proj_out"] = "guide_proj"
        suffixes = {"rgb": "_sv", "ir": "_st"} if self.generation(case) == "v2" else {"rgb": "", "ir": ""}
        for i in layers if self.guide(case) else ():
            guide = f"image_encoder.layers.{i}.slots.guide"
            if self.guide_per_stream(case):
                taps |= {f"{s}_layer{i}_cross_attn{suffixes[s]}_out": f"{guide}.{s}.cross_attn" for s in model.streams}
            else:
                taps[f"layer{i}_cross_attn_out"] = f"{guide}.cross_attn"
        if model.stream_exchange is not None:
            for k in range(len(model.image_encoder.out_levels)):
                taps |= {f"cross_fusion_vt{k}_out": f"stream_exchange.rgb.{k}"}
                taps |= {f"cross_fusion_tv{k}_out": f"stream_exchange.ir.{k}"}
        if self.neck(case)["type"] == "CMX":
            taps["cmx_merged_map"] = "neck.embed"
        return taps | {
            "text_last_hidden_state": "text_encoder.final_layer_norm",
            "ml_visual_projection_out": "level_proj",
            "visu_proj_out": "image_proj",
        }

    def outputs(self, case, outputs, tapped):
        model, joint = self.model, outputs["joint"]
        contrast, alignment, mask = model.auxiliary_heads
        inputs = self.inputs(case)
        ready = ("text", "condition", "cross_fusion", "rgb_", "ir_", "cmx")
        named = {name: value for name, value in tapped.items() if name.startswith(ready)}
        streamed = {name: value for name, value in tapped.items() if name not in named}
        images = torch.cat([inputs.images[stream] for stream in model.streams])
        streamed["patch_cls_pos_embedding"] = model.image_encoder.embed(images)
        named |= per_stream(streamed, tuple(f"{stream}_" for stream in model.streams))
        if model.modality == "ir":  # the reference knows one pass there, and calls it RGB
            named |= {name.replace("ir_", "rgb_", 1): value for name, value in named.items() if name.startswith("ir_")}
        logits = contrast.logits(outputs)
        end = inputs.token_ids.argmax(-1)
        targets = self.targets(case)
        boxes = cxcywh_to_xyxy(outputs["pred_boxes_cxcywh"]).clamp(0, 1)
        return (
            named
            | self.neck_outputs(case, outputs, inputs)
            | {
                "text_pooled": tapped["text_last_hidden_state"][torch.arange(len(end)), end],
                "vl_input": joint.inputs.transpose(0, 1),
                "vl_transformer_out": joint.sequence.transpose(0, 1),
                "vl_key_padding_mask": joint.padding_mask,
                "visu_fuse_out": outputs["image"].tokens,
                "pred_box_cxcywh": outputs["pred_boxes_cxcywh"],
                "logits_per_text": next(iter(logits.values())),
                "visu_token_similarity": alignment(outputs),
                "seg_mask": mask(outputs),
                "logits_per_image_ir": list(logits.values())[-1].t(),
                "iou_with_target": aligned_iou(boxes, cxcywh_to_xyxy(targets)),
            }
        )

    def variants(self, case, model):
        variants = case.spec.get("variants") or {}
        bare = {**case.spec, "losses": {}, "loss_total": None, "trainable": None, "grad_norms": None}
        if "grad_norms_both_adapters" in variants:
            for module in model.modules():
                if isinstance(module, LowRank):
                    module.detached = False
            norms = variants["grad_norms_both_adapters"]["values"]
            self.open_parameters(case, [name for name, norm in norms.items() if norm])
            gradients = {"grad_norms": norms, "losses": case.spec["losses"]}
            yield "both adapters learn", dataclasses.replace(case, spec=bare | gradients | {"outputs": {}})
        if "outputs_sample1_alone" in variants:
            alone = {name: value[1:2] for name, value in case.inputs.items()}
            outputs = {"outputs": variants["outputs_sample1_alone"]["outputs"]}
            yield "sample 1 alone", dataclasses.replace(case, spec=bare | outputs, inputs=alone)
        if "outputs_fixed_text_order" in variants:
            for module in model.modules():
                if isinstance(module, TextGuidedBlock):
                    module.interleave_text = False
            fixed = variants["outputs_fixed_text_order"]
            yield "text in order", dataclasses.replace(case, spec=bare | {k: fixed[k] for k in ("outputs", "losses")})

    def neck_outputs(self, case, outputs, inputs):
        neck, streams = self.model.neck, list(outputs["streams"].values())
        if type(neck).__name__ == "IlluminationWeighted" and len(streams) == 2:
            return {"iwm_weight": neck.weight(inputs.images["rgb"])[:, None]}
        if type(neck).__name__ == "TriPrior":
            light = neck.illumination(inputs.images["rgb"], streams[0].grid)
            share, _ = neck.weights(streams[0].tokens[:, 1:], streams[1].tokens[:, 1:], light)
            return {
                "iafv3_weight_rgb": share,
                "iafv3_illumination": light,
                "iafv3_fused_tokens": outputs["image"].tokens.transpose(0, 1),
            }
        return {}

    def losses(self, case, losses, outputs):
        return super().losses(case, auxiliary_losses(losses, case.spec["config"]["args"]), outputs)


METHOD = RGBTVGNetParity()

"""QRNet: the authors' code."""

import torch
from harness import ParityMethod
from torch.nn import functional as F

from methods import _parts
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy


class QRNetParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        swin, gates = config["backbone"], config["qdatt"]
        return dict(
            type="QRNet",
            modality=self.modality(case),
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            image_encoder=dict(
                type="SwinPyramid",
                arch=dict(
                    width=swin["embed_dim"],
                    depths=swin["depths"],
                    heads=swin["num_heads"],
                    window=swin["window_size"],
                ),
                width=config["neck"]["out_channels"],
            ),
            text_encoder=_parts.bert(case, num_layers=None if config["bert_enc_num"] else 0),
            fusion=_parts.joint_encoder(case),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"]),
            modulation=dict(
                channel=config["use_channel"],
                spatial=config["use_spatial"],
                rank=gates["rank_k"],
                reduction=gates["reduction_ratio"],
            ),
        )

    def taps(self, case):
        config = case.spec["config"]
        swin, pyramid = "image_encoder.swin", "image_encoder.pyramid"
        depths = config["backbone"]["depths"]
        taps = {
            "text_encoder": "text_encoder",
            "patch_embed": f"{swin}.patch_norm",
            "stage0_block0": f"{swin}.stages.0.blocks.0",
            "stage2_block1_shifted": f"{swin}.stages.2.blocks.1",
            "swin": swin,
            "pyramid": pyramid,
            "vl_layer0": "fusion.encoder.layers.0",
            "bbox_logits": "head.mlp",
        }
        for stage, depth in enumerate(depths):
            slot = f"{swin}.stages.{stage}.slots.query"
            taps[f"stage{stage}_before_qdatt"] = f"{swin}.stages.{stage}.blocks.{depth - 1}"
            taps[f"stage{stage}_after_qdatt"] = slot
            if stage < len(depths) - 1:
                taps[f"stage{stage}_downsample"] = f"{swin}.stages.{stage}.downsample"
            if config["use_spatial"]:
                taps[f"stage{stage}_spatial_gate"] = f"{slot}.gates.spatial.score"
            if config["use_channel"]:
                taps[f"stage{stage}_after_channel_gate"] = f"{slot}.gates.channel"
                taps[f"stage{stage}_channel_mlp_logits"] = f"{slot}.gates.channel.up"
                taps[f"stage{stage}_channel_mlp0_generated_params"] = f"{slot}.gates.channel.down.matrix"
        for level in range(len(depths)):
            taps[f"lateral{level}_before_topdown"] = f"{pyramid}.laterals.{level}"
        for step in range(len(depths) - 1):
            taps[f"neck_down{step}"] = f"{pyramid}.slots.{step}.query"
        return taps

    def outputs(self, case, outputs, tapped):
        joint, text, image = outputs["joint"], outputs["text"], outputs["image"]
        (stream,) = outputs["streams"].values()
        named = {
            "bert": tapped.pop("text_encoder").tokens,
            "patch_embed": tapped.pop("patch_embed").permute(0, 3, 1, 2),
        }
        named |= {f"backbone_out{i}": level for i, level in enumerate(tapped.pop("swin"))}
        named |= {f"neck_out{i}": level for i, level in enumerate(tapped.pop("pyramid"))}
        for name, value in tapped.items():
            if name.endswith("_channel_mlp_logits"):
                named[f"{name}_for_avg_pool"], named[f"{name}_for_max_pool"] = value.unbind(1)
            elif name.endswith("_spatial_gate"):
                named[name] = value.sigmoid()
            elif name.startswith("stage") and value.dim() == 4:  # (B, h, w, C)
                named[name] = value.flatten(1, 2)
            elif name.endswith("_generated_params"):
                named[name] = value.flatten(1)
            elif name.startswith("neck_down"):
                fine = named[f"neck_out{name[-1]}"]
                named[name] = F.avg_pool2d(value.transpose(1, 2).view_as(fine), 2)
            else:
                named[name] = value
        named["stage3_before_qdatt"] = named.get("stage3_before_qdatt")
        boxes = outputs["pred_boxes_cxcywh"]
        targets = self.targets(case).to(boxes)
        named |= {
            "text_proj": text.tokens,
            "visual_mask_p5_p6": stream.padding_mask,
            "visual_tokens_p5_p6": torch.cat([level.flatten(2) for level in stream.levels], 2).permute(2, 0, 1),
            "visu_proj": image.tokens.transpose(0, 1),
            "vl_mask": joint.padding_mask,
            "vl_output": joint.sequence.transpose(0, 1),
            "vl_reg_output": joint.regression,
            "pred_box": boxes,
            "iou_after_clamping": aligned_iou(cxcywh_to_xyxy(boxes).clamp(0, 1), cxcywh_to_xyxy(targets)),
        }
        return {name: tensor for name, tensor in named.items() if tensor is not None}


METHOD = QRNetParity()

"""Dynamic-MDETR: the authors' code and the RGB-T benchmark's, with ResNet and BERT or with CLIP."""

import torch
from harness import ParityMethod

from methods import _parts
from rgbtvg.structures.grid_tables import resize_grid_table


class DynamicMDETRParity(ParityMethod):
    def is_clip(self, case):
        return "clip" in case.spec["config"]

    def model_config(self, case):
        config, modality = case.spec["config"], self.modality(case)
        shapes = case.spec["state_dict"]
        return dict(
            type="DynamicMDETR",
            modality=modality,
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            project="visu_proj.weight" in shapes,
            fusion=dict(_parts.joint_encoder(case), depth=config["vl_fusion_enc_layers"]),
            decoder=dict(
                type="DynamicDecoder",
                width=config["vl_hidden_dim"],
                num_points=config["in_points"],
                num_stages=config["stages"],
                num_heads=config["vl_nheads"],
                ffn_width=config["vl_dim_feedforward"],
                encoder_depth=config["vl_enc_layers"],
                decoder_depth=config["vl_dec_layers"],
                shared=not config["different_transformer"],
                stream_layout="flat",
            ),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"]),
            **(self.clip_encoders(case) if self.is_clip(case) else self.resnet_encoders(case, modality)),
        )

    def resnet_encoders(self, case, modality):
        return dict(
            image_encoder=_parts.resnet_detr(case, modality),
            text_encoder=_parts.bert(case, num_layers=_parts.bert_layer(case)),
        )

    def clip_encoders(self, case):
        clip = case.spec["config"]["clip"]
        vision = _parts.clip_arch(
            clip["vision_width"],
            clip["vision_layers"],
            clip["vision_width"] // 64,
            clip["embed_dim"],
            patch_size=clip["patch"],
            image_size=clip["image_resolution"],
        )
        text = _parts.clip_arch(
            clip["text_width"],
            clip["text_layers"],
            clip["text_heads"],
            clip["embed_dim"],
            vocabulary_size=clip["vocab"],
            context_length=clip["context_length"],
        )
        return dict(
            image_encoder=dict(type="CLIPVisionEncoder", arch=vision, project_tokens=True),
            text_encoder=dict(type="CLIPTextEncoder", arch=text),
            strip_marks=True,
            mask_image_padding=False,
        )

    def taps(self, case):
        return {} if self.is_clip(case) else {"resnet_layer4": "image_encoder.resnet"}

    def outputs(self, case, outputs, tapped):
        joint, text, streams = outputs["joint"], outputs["text"], outputs["streams"]
        named = {
            "text_padding_mask": text.padding_mask,
            "vl_encoder_input": joint.inputs.transpose(0, 1),
            "vl_encoder_mask": joint.padding_mask,
            "vl_encoder_output": joint.sequence.transpose(0, 1),
            "bert_output": text.tokens,
            "clip_text_tokens": text.tokens,
            "pred_box": outputs["pred_boxes_cxcywh"],
        }
        suffixes = ("_rgb", "_ir") if len(streams) > 1 else ("",)
        for suffix, stream in zip(suffixes, streams.values(), strict=True):
            named[f"detr_memory{suffix}"] = stream.tokens.transpose(0, 1)
            named[f"detr_mask{suffix}"] = stream.padding_mask
            named[f"clip_image_tokens{suffix}"] = stream.tokens
        for name, value in tapped.items():
            parts = value.chunk(len(streams))
            named |= {name + suffix: part for suffix, part in zip(suffixes, parts, strict=True)}
        for i, stage in enumerate(outputs["stages"]):
            named |= {
                f"stage{i}_sampling_query": stage.query,
                f"stage{i}_offsets": stage.offsets,
                f"stage{i}_sampled_features": stage.sampled.transpose(1, 2),
                f"stage{i}_sampled_pos": stage.sampled_positions.transpose(1, 2),
                f"stage{i}_decoder_output": stage.words.transpose(0, 1),
                f"stage{i}_memory": stage.memory.transpose(0, 1),
                f"stage{i}_box": stage.boxes_cxcywh,
            }
        return named

    def special(self, case):
        name = "visual.positional_embedding"
        if name not in case.inputs:
            return None
        config = case.spec["config"]
        side = config["to"] // config["patch"]
        table = torch.from_numpy(case.inputs[name])
        return {name: resize_grid_table(table, (side, side), num_prefix=1, antialias=False)}


METHOD = DynamicMDETRParity()

"""TransVG: the original repository and the RGB-T benchmark's variant, which the case's `reference` tells apart."""

from harness import ParityMethod

from methods import _parts
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy


class TransVGParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        benchmark = _parts.is_benchmark(case)
        modality = self.modality(case)
        num_text_layers = config["bert_enc_num"] - 1 if benchmark else config["bert_enc_num"]
        return dict(
            type="TransVG",
            modality=modality,
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            project_image=not benchmark,
            image_encoder=_parts.resnet_detr(case, modality),
            text_encoder=dict(
                type="BertEncoder",
                arch={name: value for name, value in config["bert"].items() if name != "hidden_act"},
                num_layers=num_text_layers,
            ),
            fusion=_parts.joint_encoder(case),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"]),
        )

    def taps(self, case):
        return {
            "resnet_layer4": "image_encoder.resnet",
            "sine_position": "image_encoder.positions",
            "input_proj": "image_encoder.input_proj",
            "detr_encoder_layer0": "image_encoder.encoder.layers.0",
            "text_encoder": "text_encoder",
            "vl_layer0": "fusion.encoder.layers.0",
            "bbox_logits": "head.mlp",
        }

    def outputs(self, case, outputs, tapped):
        joint, text = outputs["joint"], outputs["text"]
        tapped["detr_encoder_layer0"] = tapped["detr_encoder_layer0"].transpose(0, 1)
        streams = outputs["streams"]
        named = {"bert": tapped["text_encoder"].tokens, "text_proj": text.tokens}
        if len(streams) == 1:
            (stream,) = streams.values()
            named |= {
                name: tapped[name] for name in ("resnet_layer4", "sine_position", "input_proj", "detr_encoder_layer0")
            }
            named |= {"detr_mask": stream.padding_mask, "detr_encoder": stream.tokens.transpose(0, 1)}
        else:  # one batched pass over both streams: RGB first, thermal second
            for name in ("resnet_layer4", "sine_position", "input_proj"):
                named[f"{name}[rgb]"], named[f"{name}[thermal]"] = tapped[name].chunk(2)
            layer0 = tapped["detr_encoder_layer0"].chunk(2, dim=1)
            named["detr_encoder_layer0[rgb]"], named["detr_encoder_layer0[thermal]"] = layer0
            for name, stream in zip(("rgb", "thermal"), streams.values(), strict=True):
                named[f"detr_mask[{name}]"] = stream.padding_mask
                named[f"detr_encoder[{name}]"] = stream.tokens.transpose(0, 1)
        boxes = outputs["pred_boxes_cxcywh"]
        targets = self.targets(case).to(boxes)
        named |= {
            "visu_proj": outputs["image"].tokens.transpose(0, 1),
            "vl_input": joint.inputs.transpose(0, 1),
            "vl_mask": joint.padding_mask,
            "vl_layer0": tapped["vl_layer0"].transpose(0, 1),
            "vl_output": joint.sequence.transpose(0, 1),
            "vl_reg_output": joint.regression,
            "bbox_logits": tapped["bbox_logits"],
            "pred_box": boxes,
            "iou_after_clamping": aligned_iou(cxcywh_to_xyxy(boxes).clamp(0, 1), cxcywh_to_xyxy(targets)),
        }
        return named


METHOD = TransVGParity()

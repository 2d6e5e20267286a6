"""MMCA: the authors' code and the RGB-T benchmark's, which the case's `reference` tells apart."""

from harness import ParityMethod

from methods import _parts
from rgbtvg.models.layers.padding import masked_mean


class MMCAParity(ParityMethod):
    def model_config(self, case):
        config, modality = case.spec["config"], self.modality(case)
        return dict(
            type="MMCA",
            modality=modality,
            image_size=config["imsize"],
            max_length=config["max_query_len"],
            image_encoder=_parts.resnet_detr(case, modality),
            text_encoder=_parts.bert(case, num_layers=_parts.bert_layer(case)),
            fusion=_parts.joint_encoder(case),
            head=dict(type="BoxHead", width=config["vl_hidden_dim"]),
            adapter=dict(zero_init=False),
        )

    def taps(self, case):
        adapters = {f"conv_adapter{i}": f"image_encoder.resnet.slots.layer{i + 2}" for i in range(3)}
        gates = {f"{name}_gate": f"{path}.gate" for name, path in adapters.items()}
        layer = "image_encoder.encoder.layers.0"
        return {
            **adapters,
            **gates,
            "layer1": "image_encoder.resnet.layer1.2",
            "layer4": "image_encoder.resnet",
            "sine_position": "image_encoder.positions",
            "input_proj": "image_encoder.input_proj",
            "encoder0_text_q": f"{layer}.slots.query",
            "encoder0_text_k": f"{layer}.slots.key",
            "encoder0": layer,
            "text_encoder": "text_encoder",
            "joint_layer0": "fusion.encoder.layers.0",
        }

    def outputs(self, case, outputs, tapped):
        joint, text, image = outputs["joint"], outputs["text"], outputs["image"]
        named = {
            "text_features": tapped.pop("text_encoder").tokens,
            "text_projected": text.tokens,
            "word_vector": masked_mean(text.tokens, text.padding_mask),
            "joint_layer0": tapped.pop("joint_layer0"),
            "joint_out": joint.sequence,
            "joint_mask": joint.padding_mask,
            "regression_token": joint.regression,
            "pred_box": outputs["pred_boxes_cxcywh"],
        }
        streams = outputs["streams"]
        prefixes = ("rgb_", "thermal_") if len(streams) > 1 else ("",)
        named |= _parts.per_stream(tapped, prefixes)
        projected = image.tokens.chunk(len(streams), dim=1)
        for prefix, stream, tokens in zip(prefixes, streams.values(), projected, strict=True):
            named[f"{prefix}encoder_out"] = stream.tokens
            named[f"{prefix}mask_stride32"] = stream.padding_mask.unflatten(1, stream.grid)
            named[f"{prefix}visual_projected"] = tokens
        return named


METHOD = MMCAParity()

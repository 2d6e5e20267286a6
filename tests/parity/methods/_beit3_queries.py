"""What the parity cases of SimVG and ALVG have in common: BEiT-3, text-guided queries, boxes of an image in a
corner."""

import numpy as np
import torch
from harness import ParityMethod

from rgbtvg.structures import Frame, GroundingInputs, GroundingSample
from rgbtvg.structures.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

ARCHS = {"base": (768, 12, 12, 3072), "large": (1024, 24, 16, 4096)}
# Reference name of an override -> index in the sizes above.
OVERRIDES = {
    "encoder_embed_dim": 0,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_embed_dim": 3,
}
MAX_WORDS = 1022


class QueryParity(ParityMethod):
    """Common names and layouts; the reference's boxes are relative to the unpadded image (``img_shape``)."""

    def backbone(self, case):
        encoder = case.spec["config"]["vis_enc"]
        sizes = list(ARCHS[encoder["vit_type"]])
        for name, value in encoder.get("encoder_overrides", {}).items():
            sizes[OVERRIDES[name]] = value
        return dict(
            type="BEiT3",
            arch=dict(zip(("width", "layers", "heads", "ffn_width"), sizes, strict=True)),
            image_size=encoder["img_size"],
            patch_size=encoder["patch_size"],
            vocab_size=encoder["vocab_size"],
            max_words=MAX_WORDS,
            drop_path_rate=encoder["drop_path_rate"],
            frozen_layers=max(0, encoder.get("freeze_layer", -1)),
        )

    def queries(self, case):
        head = case.spec["config"]["head"]
        padding = case.inputs.get("token_padding")
        # An integer mask makes the reference read the last places; a boolean one the words, as it was meant.
        released = padding is None or padding.dtype != bool
        return dict(
            type="TextGuidedQueries",
            num_queries=head["num_queries"],
            width=head["embed_dim"],
            depth=head["num_tgqg_layers"],
            ffn_width=head.get("tgqs_mid_dim", 512),
            sentence="last_places" if released else "valid",
            truncated_positions=True,
        )

    def is_single(self, case):
        return "target" not in case.inputs

    def inputs(self, case):
        image = torch.from_numpy(case.inputs["image"])
        token_ids = torch.from_numpy(case.inputs["token_ids"])
        padding = torch.ones(len(image), *image.shape[-2:], dtype=torch.bool)
        for row, (height, width, _) in enumerate(case.inputs["img_shape"]):
            padding[row, :height, :width] = False
        return GroundingInputs({"rgb": image}, padding, token_ids, self.token_padding_mask(case, token_ids))

    def samples(self, case):
        """Targets relative to the padded input, as everywhere in ours."""
        shape = tuple(case.inputs["image"].shape[-2:])
        targets, samples = case.inputs.get("target"), []
        for row, boxes in enumerate(case.inputs["gt_bbox"]):
            corners = torch.as_tensor(np.reshape(boxes, (-1, 4))).float()
            if targets is not None:
                meant = torch.tensor([annotation["category_id"] != -1 for annotation in targets[row]])
                corners = corners[meant]
            sample = GroundingSample(metainfo=dict(input_shape=shape, ori_shape=shape, frame=Frame()))
            sample.gt_boxes_cxcywh = xyxy_to_cxcywh(corners) / torch.tensor([shape[1], shape[0]] * 2)
            if "gt_mask" in case.inputs:
                sample.gt_masks = torch.from_numpy(np.stack(case.inputs["gt_mask"][row]))
            samples.append(sample)
        return samples

    def boxes_px(self, case, outputs, head, answers):
        """Boxes (B, Q, 4) xyxy in pixels of the resized image, limited to it."""
        height, width = case.inputs["image"].shape[-2:]
        boxes = head.input_boxes(outputs, answers[1][-1])
        return cxcywh_to_xyxy(boxes) * boxes.new_tensor([width, height] * 2)

    def encoder_outputs(self, case, outputs, tapped):
        image, text = outputs["image"], outputs["text"]
        named = {
            "beit3.img_feat": image.tokens[:, 1:],
            "beit3.text_feat": text.tokens,
            "beit3.cls_feat": image.tokens[:, 0],
            "head.input_proj": outputs["patches"].transpose(1, 2).unflatten(2, image.grid),
            "head.input_text_proj": outputs["words"],
            "head.tgqg_out_1QBC": tapped["tgqg"].states[-1].transpose(0, 1)[None],
            "head.image_mask": outputs["patch_padding"].unflatten(1, image.grid).float(),
            "head.image_pos_2d": outputs["positions"].transpose(1, 2).unflatten(2, image.grid),
            "head.query": outputs["queries"],
            "head.sentence_vector": outputs["sentence"],
            "decoder.hidden_states": outputs["decoder_states"],
            "decoder.all_logits": outputs["decoder"][0],
            "decoder.all_boxes_cxcywh": outputs["decoder"][1],
        }
        named |= {f"beit3.layer{i}_out": tapped[f"layer{i}"] for i in (0, 1) if f"layer{i}" in tapped}
        return named

    def taps(self, case):
        return {"layer0": "backbone.layers.0", "layer1": "backbone.layers.1", "tgqg": "queries.decoder"}

    def match_rows(self, outputs, head, samples):
        """Rows (sample, query, target) of the last layer's matching."""
        match = self.match(outputs, head, samples)
        return torch.stack((match.sample, match.query, match.target), dim=1).float()

    @staticmethod
    def match(outputs, head, samples):
        """Matching of the last decoder layer."""
        logits, boxes = outputs["decoder"]
        return head.criterion.match(logits[-1], boxes[-1], head.target_boxes(outputs, samples))

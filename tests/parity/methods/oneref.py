"""OneRef: the original repository, and the RGB-T benchmark's copy of it."""

import torch
from harness import ParityMethod

from rgbtvg.models.backbones.beit3_weights import resize_positions
from rgbtvg.models.heads.mrefm_head import MRefMTask

POSITIONS = "beit3.encoder.embed_positions.A.weight"
LAYERS = ("layer_0_output", "last_layer_output")


class OneRefParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        region = config["use_box_mask_constraints"] or config["enable_dynamic_mim"]
        pretraining = None
        if config["enable_ref_mim"] or config["enable_ref_mlm"]:
            pretraining = dict(
                type="MRefMHead",
                codebook_size=config["codebook_size"] if config["enable_ref_mim"] else 0,
                vocab_size=config["vocab_size"] if config["enable_ref_mlm"] else 0,
                patch_position=config["enable_mim_vts"],
                word_share=config["enable_mlm_sts"],
                label_smoothing=config["label_smoothing"],
            )
        return dict(
            type="OneRef",
            modality=self.modality(case),
            backbone=dict(
                type="BEiT3",
                arch=dict(
                    width=config["embed_dim"],
                    layers=config["layers"],
                    heads=config["heads"],
                    ffn_width=config["ffn_dim"],
                ),
                image_size=config["img_size"],
                patch_size=config["patch_size"],
                vocab_size=config["vocab_size"],
                max_words=config["max_source_positions"] - 2,
                drop_path_rate=config["drop_path_rate"],
                mask_token=config["enable_ref_mim"],
                frozen=config["frozen_backbone"],
            ),
            head=dict(
                type="ReferringHead",
                box_weight=float(config["use_regress_box"]),
                region_weight=float(region),
                contrastive_weight=float(config["use_contrastive_loss"]),
            ),
            mask_head=(
                dict(type="ReferringMaskHead", stacked_streams="RGBTVG" in case.spec["reference"])
                if config["use_mask_loss"]
                else None
            ),
            pretraining=pretraining,
        )

    def task(self, case):
        """The pre-training step that the case describes, or None."""
        inputs, given = self.inputs(case), {name: torch.as_tensor(array) for name, array in case.inputs.items()}
        if "mim_mask" in given:
            return MRefMTask(
                inputs, given["mim_mask"].bool().flatten(1), given["mim_labels"], given.get("mim_vts_labels")
            )
        if "masked_token_ids" in given:
            inputs.token_ids = given["masked_token_ids"]
            masked = given["mlm_mask"].bool()
            return MRefMTask(inputs, masked_words=masked, words=given["token_ids"], shares=given.get("mlm_sts_labels"))
        return None

    def encode(self, case, model):
        task = self.task(case)
        if task is None:
            outputs = model.encode(self.inputs(case))
        else:
            outputs = model.encode(task.inputs, task.masked_patches)
            outputs["guesses"] = model.pretraining(outputs, task)
        outputs["language_head"] = torch.cat(
            [model.head.language_head(stream.text.tokens) for stream in outputs["streams"].values()], dim=1
        )
        return outputs

    def loss_terms(self, case, model, outputs):
        losses = super().loss_terms(case, model, outputs)
        task = self.task(case)
        return losses if task is None else {**losses, **model.pretraining.loss(outputs, task)}

    def taps(self, case):
        last = case.spec["config"]["layers"] - 1
        return {
            "vision_head": "head.vision_head",
            "layer_0_output": "backbone.layers.0",
            "last_layer_output": f"backbone.layers.{last}",
        }

    def outputs(self, case, outputs, tapped):
        streams = outputs["streams"]
        named = {
            "vision_head": tapped["vision_head"],
            "language_head": outputs["language_head"],
            "pooled": outputs["pooled"],
            "similarity": outputs["similarity"],
            "pred_box": outputs["pred_boxes_cxcywh"],
        }
        if "mask_logits" in outputs:
            named["seg_mask"] = outputs["mask_logits"]
        for row, (stream, features) in enumerate(streams.items()):
            suffix = f"_{stream}" if len(streams) > 1 else ""
            named["encoder_out" + suffix] = torch.cat((features.images[0].tokens, features.text.tokens), dim=1)
            for layer in LAYERS:
                named[layer + suffix] = tapped[layer].chunk(len(streams))[row]
        guesses = outputs.get("guesses", {})
        names = {"mim_logits": "mim_pred", "mim_cells": "mim_vts_pred", "mlm_shares": "mlm_sts_pred"}
        named |= {names[name]: guess for name, guess in guesses.items() if name in names}
        if "mlm_logits" in guesses:
            task = self.task(case)
            right = guesses["mlm_logits"].argmax(-1) == task.words[task.masked_words]
            named["mlm_acc"] = right.float().mean()
        return named

    def special(self, case):
        if POSITIONS not in case.inputs:
            return None
        config = case.spec["config"]
        side = config["to"] // config["patch"]
        mode = "bilinear" if "RGBTVG" in case.spec["reference"] else "bicubic"
        return {POSITIONS: resize_positions(torch.from_numpy(case.inputs[POSITIONS]), (side, side), mode)}


METHOD = OneRefParity()

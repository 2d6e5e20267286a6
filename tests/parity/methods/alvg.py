"""ALVG: attention losses, enhancement, boxes and masks, one and many targets."""

import fill
import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch.nn import functional as F

from methods._beit3_queries import QueryParity
from rgbtvg.evaluation.mask_metric import MaskMetric
from rgbtvg.models.fusion import TextGuidedEnhancement
from rgbtvg.models.heads.attention_head import focus_regions, target_regions
from rgbtvg.models.losses import SetCriterion, dice_loss, focal_loss
from rgbtvg.models.losses.attention import (
    attention_targets,
    box_regions,
    decoder_attention_loss,
    score_attention_loss,
    score_target,
)
from rgbtvg.structures.boxes import xyxy_to_cxcywh

CANVAS = (640, 640)


class ALVGParity(QueryParity):
    def model_config(self, case):
        head = case.spec["config"]["head"]
        return dict(
            type="ALVG",
            backbone=self.backbone(case),
            queries=self.queries(case),
            decoder=dict(depth=head["num_decoder_layers"], chained=False),
            enhancement=(
                dict(type="TextGuidedEnhancement", width=head["embed_dim"], eps=0.0)
                if head.get("img_enhance", True)
                else None
            ),
            head=dict(
                type="AttentionSupervisedHead",
                width=head["embed_dim"],
                single=self.is_single(case),
                frame="image",
                supervise_layers=head["aux_loss"],
                score_weight=head.get("score_attn_loss_weight", 0.0),
                attention_weight=head.get("decoder_attn_loss_weight", 0.0),
                mask=True,
                mask_target="whole",
                double_sigmoid=True,
            ),
        )

    def taps(self, case):
        layers = range(case.spec["config"]["head"]["num_decoder_layers"])
        return {**super().taps(case), **{f"decoder{i}": f"decoder.layers.{i}" for i in layers}}

    def encode(self, case, model):
        outputs = super().encode(case, model)
        head, samples = model.head, self.samples(case)
        outputs["matched"] = self.match_rows(outputs, head, samples)
        outputs["boxes_px"] = self.boxes_px(case, outputs, head, outputs["decoder"])
        if "gt_mask" in case.inputs:
            targets = head.mask_targets(samples, tuple(outputs["mask_logits"].shape[-2:]))
            outputs["mask_target"] = targets.mean((1, 2))
        outputs["regions"] = [self.regions(case, sample, outputs["patch_padding"]) for sample in samples]
        outputs["unweighted"] = self.unweighted_attention(case, head, outputs, samples)
        return outputs

    def unweighted_attention(self, case, head, outputs, samples):
        """Both attention losses before their weights; the reference leaves them out when both weights are 0."""
        zero = torch.zeros(())
        if not head.score_weight + head.attention_weight:
            return dict(decoder=zero, score=zero)
        match = self.match(outputs, head, samples)
        maps, score = outputs["attention"], outputs["score"]
        focus = attention_targets(maps.shape, focus_regions(outputs["regions"], samples), match)
        wanted = torch.stack([score_target(region) for region in outputs["regions"]])
        return dict(
            decoder=decoder_attention_loss(maps, focus),
            score=zero if score is None else score_attention_loss(score, wanted),
        )

    @staticmethod
    def regions(case, sample, patch_mask):
        side = case.inputs["image"].shape[-1] // case.spec["config"]["vis_enc"]["patch_size"]
        return target_regions(sample, (side, side), patch_mask.device)

    def outputs(self, case, outputs, tapped):
        named = self.encoder_outputs(case, outputs, tapped)
        layers = case.spec["config"]["head"]["num_decoder_layers"]
        named |= {f"decoder.layer{i}_QBC": tapped[f"decoder{i}"][0].transpose(0, 1) for i in range(layers)}
        named["attn_map"] = outputs["attention"]
        if outputs["score"] is not None:
            named["score"] = outputs["score"]
            named["enhance.feature_BNC"] = outputs["memory"]
            named["enhance.score_flat"] = outputs["score"].flatten(1)[..., None]
        named["score_loss.target_map"] = torch.stack([score_target(region) for region in outputs["regions"]])
        if "mask_target" in outputs:
            named["mask_target_160"] = outputs["mask_target"]
        named["match.decoder_last"] = outputs["matched"]
        probability = outputs["mask_logits"].sigmoid()
        named["pred_masks_160"] = probability
        scores = outputs["decoder"][0][-1].softmax(-1)[..., 0]
        boxes = outputs["boxes_px"]
        if self.is_single(case):
            named["predict.boxes_xyxy"] = boxes[torch.arange(len(boxes)), scores.argmax(-1)]
        for row, (height, width, _) in enumerate(case.inputs["img_shape"].tolist()):
            mask = F.interpolate(probability[row][None, None], (height, width), mode="bilinear")[0, 0]
            named[f"predict.{row}.mask_prob"] = mask
            named[f"predict.{row}.mask_area_ge_0.5"] = (mask >= 0.5).sum()
            named[f"predict.{row}.boxes_xyxy"], named[f"predict.{row}.scores"] = boxes[row], scores[row]
        return named

    def losses(self, case, losses, outputs):
        zero = torch.zeros(())
        terms = {
            name.removeprefix("loss_decoder_"): value
            for name, value in losses.items()
            if name.startswith("loss_decoder_") and name != "loss_decoder_attention"
        }
        named = {f"decoder_gt/weighted/loss_{name}": value for name, value in terms.items()}
        named["decoder_gt/weighted/loss_mask"] = losses.get("loss_mask_focal", zero)
        named["decoder_gt/weighted/loss_dice"] = losses.get("loss_mask_dice", zero)
        named["loss_dgt"] = sum(terms.values())
        named["loss_mask"] = losses.get("loss_mask_focal", zero) + losses.get("loss_mask_dice", zero)
        for kind, value in outputs["unweighted"].items():
            named[f"{kind}_attention_loss"] = losses.get(f"loss_{kind}_attention", zero)
            named[f"attention/unweighted/{kind}"] = value
        named["optimised_total"] = sum(losses.values())
        named["loss_total"] = named["optimised_total"] - named["loss_mask"]
        return {**named, "total": named["optimised_total"]}

    def functions(self, case):
        for name, function in case.spec["functions"].items():
            for part, ours, theirs in getattr(self, f"function_{name.split('/')[0]}")(function, case):
                yield f"{name}: {part}", ours, theirs

    @staticmethod
    def function_attention_loss(function, case):
        given, wanted = function["inputs"], function["output"]
        logits, boxes = torch.tensor(given["logits"]), torch.tensor(given["boxes_cxcywh"])
        categories = given.get("category_id") or [[1]] * len(given["gt_bbox"])
        score = torch.tensor(given["score"])
        grid = tuple(score.shape[-2:])
        maps = torch.tensor(given["attn_map"]["values"])
        maps = maps.view(len(logits), *logits.shape[1:3], *grid)
        targets = []
        for corners, ids in zip(given["gt_bbox"], categories, strict=True):
            corners = torch.tensor(corners).reshape(-1, 4)[[index != -1 for index in ids]]
            targets.append(xyxy_to_cxcywh(corners) / CANVAS[0])
        regions = [box_regions(target, CANVAS, grid) for target in targets]
        match = SetCriterion().match(logits[-1], boxes[-1], targets)
        target_map = torch.stack([score_target(region) for region in regions])
        focus = attention_targets(maps.shape, regions, match)
        yield "decoder", decoder_attention_loss(maps, focus), wanted["decoder"]
        yield "score", score_attention_loss(score, target_map), wanted["score"]
        yield "target map", target_map, wanted["target_map_w"]

    @staticmethod
    def function_mask_loss(function, case):
        given, wanted = function["inputs"], function["output"]
        # The reference gives probabilities where logits are meant.
        logits, targets = torch.tensor(given["probability"]), torch.tensor(given["target"])
        yield "focal", focal_loss(logits, targets).sum() / given["num_boxes"], wanted["focal"]
        yield "dice", dice_loss(logits, targets).sum() / given["num_boxes"], wanted["dice"]

    @staticmethod
    def mask_rows(predictions, truths):
        """Rows of our metric for probabilities (H, W) and targets, each a list of masks (H, W)."""
        metric, rows = MaskMetric(), []
        for probability, masks in zip(predictions, truths, strict=True):
            predicted = torch.tensor(probability) >= 0.5
            rles = [coco_mask.encode(np.asfortranarray(np.array(mask, np.uint8))) for mask in masks]
            sample = dict(gt_rles=rles, ori_shape=tuple(predicted.shape), pred_mask=predicted)
            row = dict(sample_id="case", dataset="case", image_paths={}, size=sample["ori_shape"])
            row |= metric.extra_fields(sample, row)
            rows.append(row | metric.measure(row))
        return metric, rows

    def function_mask_iou(self, function, case):
        given, wanted = function["inputs"], function["output"]
        metric, rows = self.mask_rows(given["pred_probability"], [[mask] for mask in given["gt"]])
        scores = {name: estimate.value * 100 for name, estimate in metric.score(rows).items()}
        yield "mean", scores["miou"], wanted["mean_percent"]
        shares = [scores[f"pr@{limit}"] for limit in (0.5, 0.6, 0.7, 0.8, 0.9)]
        yield "shares", shares, wanted["share at 0.5,0.6,0.7,0.8,0.9 (percent)"]

    def function_gres(self, function, case):
        given, wanted = function["inputs"], function["output"]
        truths = [
            [] if category == -1 else masks
            for masks, category in zip(given["gt_masks"], given["category_id"], strict=True)
        ]
        metric, rows = self.mask_rows(given["pred_probability"], truths)
        scores = {name: estimate.value * 100 for name, estimate in metric.score(rows).items()}
        yield "gIoU", scores["miou"], wanted["gIoU"]
        yield "cIoU", scores["oiou"], wanted["cIoU"]
        empty = [not np.any(coco_mask.decode(row["pred_mask"])) for row in rows]
        # The reference adds one to both denominators; ours are the plain shares.
        rejected = sum(e for e, truth in zip(empty, truths, strict=True) if not truth)
        missed = sum(e for e, truth in zip(empty, truths, strict=True) if truth)
        none = sum(not truth for truth in truths)
        yield "N_acc", rejected / (none + 1), wanted["N_acc"]
        yield "T_acc", rejected / (rejected + missed + 1), wanted["T_acc"]

    @staticmethod
    def function_enhance(function, case):
        given, wanted = function["inputs"], function["output"]
        width = len(given["image_BNC"][0][0])
        block = TextGuidedEnhancement(width, eps=0.0).eval()
        for ours, theirs in ((block.text_proj, "text_proj"), (block.image_proj, "img_proj")):
            for kind in ("weight", "bias"):
                parameter = getattr(ours, kind)
                parameter.data = torch.from_numpy(fill.weight(f"{theirs}.{kind}", parameter.shape, case.spec["seed"]))
        positions = torch.tensor(given["position_NBC"]).transpose(0, 1)
        feature, score = block(torch.tensor(given["image_BNC"]), positions, torch.tensor(given["sentence_B1C"]))
        ours = dict(feature_BNC=feature.detach(), score=score.detach())
        for name, value in wanted.items():
            key = "feature_BNC" if "feature" in name else "score"
            yield name, ours[key].reshape(np.asarray(value).shape), value


METHOD = ALVGParity()

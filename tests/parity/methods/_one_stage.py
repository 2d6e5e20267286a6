"""What FAOA and ReSC share: pixel boxes, anchors, and where the answer lies."""

from __future__ import annotations

import torch
from harness import ParityMethod
from torch import Tensor

from rgbtvg.models.heads.anchor_head import AnchorHead
from rgbtvg.structures import ImageFeatures
from rgbtvg.structures.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

REFERENCE_MOMENTUM = 0.999


class OneStageParity(ParityMethod):
    """Targets are corners in pixels; the reference's words for the candidates are (scale, anchor, row, column)."""

    levels = 1

    def token_padding_mask(self, case, token_ids):
        return token_ids == 0 if "lstm" in case.spec["config"]["text"] else super().token_padding_mask(case, token_ids)

    def targets(self, case):
        size = case.spec["config"]["image_size"]
        return xyxy_to_cxcywh(torch.from_numpy(case.inputs["target_boxes_xyxy_pixels"])) / size

    def samples(self, case):
        samples = super().samples(case)
        for sample, box in zip(samples, self.targets(case), strict=True):
            sample.gt_boxes_cxcywh = box[None]
        return samples

    def anchors(self, case) -> list:
        anchors = case.spec["config"]["anchors_large_to_small"]
        count = len(anchors) // self.levels
        return [anchors[i : i + count] for i in range(0, len(anchors), count)]

    def answers(self, case, head: AnchorHead, maps: list[Tensor]) -> dict[str, Tensor]:
        """Chosen and assigned candidates under the reference's names."""
        candidates = head.candidates(maps)
        best = candidates.logits.argmax(dim=1)
        target = head.assign(candidates, self.targets(case).to(candidates.values))
        chosen, assigned = (self.places(case, maps, index) for index in (best, target))
        per_level = len(self.anchors(case)[0])
        return {
            "conf_logits_flat": candidates.logits,
            "best_scale_anchor_row_col": chosen,
            "best_anchor_row_col": chosen[:, 1:],
            "pred_boxes_xyxy_pixels": cxcywh_to_xyxy(candidates.boxes_cxcywh(best)) * case.spec["config"]["image_size"],
            "target_anchor": assigned[:, 0] * per_level + assigned[:, 1],
            "target_row_col": assigned[:, 2:],
        }

    def suffixed(self, streams: dict[str, ImageFeatures]) -> dict[str, ImageFeatures]:
        """Suffix of the names of a stream's outputs, empty where there is one stream only, -> the stream."""
        return {f"_{name}" if len(streams) > 1 else "": stream for name, stream in streams.items()}

    def places(self, case, maps: list[Tensor], index: Tensor) -> Tensor:
        """Flat candidate indices (B,) -> (B, 4): scale, anchor, row, column."""
        rows = []
        for flat in index.tolist():
            for level, (x, anchors) in enumerate(zip(maps, self.anchors(case), strict=True)):
                height, width = x.shape[-2:]
                if flat < len(anchors) * height * width:
                    rows.append((level, flat // (height * width), flat // width % height, flat % width))
                    break
                flat -= len(anchors) * height * width
        return torch.tensor(rows)

    def losses(self, case, losses, outputs):
        named = {name: losses[f"loss_{name}"] / self.model.head.box_weight for name in "xywh"}
        boxes = sum(losses[f"loss_{name}"] for name in "xywh") + losses["loss_conf"]
        total = sum(losses.values())
        return {**named, "conf": losses["loss_conf"], "yolo": boxes, "total": total, "loss_total": total}

    def build(self, case):
        self.model = super().build(case)
        return self.model

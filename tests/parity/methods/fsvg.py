"""FSVG: the authors' code and the RGB-T benchmark's variant."""

import torch
from fill import normal, weight
from harness import ParityMethod

from methods import _parts
from rgbtvg.models.heads.box_head import box_losses
from rgbtvg.models.layers.patch_selection import PatchSelection, scheduled_keep_rate
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy
from rgbtvg.structures.grid_tables import resize_grid_table


class FSVGParity(ParityMethod):
    def model_config(self, case):
        config = case.spec["config"]
        return dict(
            type="FSVG",
            modality=self.modality(case),
            **_parts.clip_encoders(case, image_size=config["imsize"]),
            head=dict(
                type="BoxHead",
                width=config["hidden"],
                l1_weight=config["loss_weights"]["bbox"],
                giou_weight=config["loss_weights"]["giou"],
            ),
            selection=dict(layers=config["ce_layer"], keep_rate=config["keep_rate"]),
        )

    def streams(self, case, image):
        return _parts.grey_streams(image, self.modality(case))

    def taps(self, case):
        return {"visual_ln_pre": "image_encoder.pre_layernorm", "bbox_logits": "head.mlp"}

    def encode(self, case, model):
        """Listen to what enters every layer too: it is what the layer before it gave."""
        self.entered = []
        hooks = [
            layer.layer_norm1.register_forward_pre_hook(lambda _, args: self.entered.append(args[0]))
            for layer in model.image_encoder.layers
        ]
        outputs = super().encode(case, model)
        for hook in hooks:
            hook.remove()
        self.selection = model.selection
        return outputs

    def outputs(self, case, outputs, tapped):
        blocks = [*self.entered[1:], outputs["sequence"]]
        words, streams = outputs["text"].shape[1], len(self.streams(case, torch.from_numpy(case.inputs["image"])))
        per_stream = {"visual_ln_pre": tapped["visual_ln_pre"], "class_token": outputs["sequence"][:, 0]}
        shared = {}
        for index, block in enumerate(blocks):
            for name in {f"block{index}", "block_last" if index == len(blocks) - 1 else f"block{index}"}:
                patches = block[:, 1:-words]
                per_stream |= {
                    name: block,
                    f"{name}_class": block[:, 0],
                    f"{name}_text": block[:, -words:],
                    f"{name}_image_mean": patches.mean(1),
                }
                shared[f"{name}_num_image"] = torch.full((streams,), float(patches.shape[1]))
        grid_size = outputs["padded"].shape[1]
        selections = outputs["selections"]
        left = [*(chosen["index"] for chosen in selections.values()), outputs["kept"]][1:]
        for (index, chosen), kept in zip(selections.items(), left, strict=True):
            cells = torch.zeros(len(kept), grid_size)
            per_stream[f"score_block{index}"] = cells.scatter(1, chosen["index"], chosen["scores"])
            per_stream[f"kept_block{index}"] = cells.scatter(1, kept, 1.0)
        boxes = outputs["pred_boxes_cxcywh"]
        return {
            **_parts.bracketed(per_stream, self.modality(case)),
            **shared,
            "text_features": outputs["text_features"].tokens,
            "text_resized": outputs["text"],
            "rgbt_fusion": outputs["joined"],
            "neck": outputs["token"],
            "bbox_logits": tapped["bbox_logits"],
            "pred_box": boxes,
            "iou_after_clamping": aligned_iou(
                cxcywh_to_xyxy(boxes).clamp(0, 1), cxcywh_to_xyxy(self.targets(case).to(boxes))
            ),
        }

    def functions(self, case):
        for name, function in case.spec["functions"].items():
            for part, ours, theirs in getattr(self, f"function_{name.split('/')[0]}")(
                function["inputs"], function["output"]
            ):
                yield f"{name}{part}", ours, theirs

    @staticmethod
    def function_select(given, wanted):
        selection = PatchSelection(layers=(0,), keep_rate=given["keep_rate"])
        attention = torch.tensor(given["word_to_patch_attention"])  # (B, L, N)
        scores = attention.mean(1)
        num_kept = selection.num_kept(0, given["patches"])
        if num_kept < given["patches"]:
            chosen = selection(scores, num_kept, torch.zeros_like(scores, dtype=torch.bool))
        else:  # FSVG does not call the selection then
            chosen = torch.arange(num_kept).expand(len(scores), -1)
        yield " num_kept", num_kept, wanted["num_kept"]
        yield " score", scores, wanted["score"]
        yield " kept", chosen, wanted["kept_in_order"]

    @staticmethod
    def function_counts(given, wanted):
        yield "", [PatchSelection((0,), r).num_kept(0, n) for r, n in given["keep_rate_and_patches"]], wanted

    @staticmethod
    def function_counts_in_a_row(given, wanted):
        rows = []
        for rate, patches, times in given["keep_rate_patches_times"]:
            selection, row = PatchSelection((0,), rate), []
            for _ in range(times):
                patches = selection.num_kept(0, patches)
                row.append(patches)
            rows.append(row)
        yield "", rows, wanted

    @staticmethod
    def function_keep_rate(given, wanted):
        rates = [scheduled_keep_rate(epoch, given["keep"], given["start"], given["warm"]) for epoch in given["epochs"]]
        yield "", rates, wanted

    @staticmethod
    def function_resize_positions(given, wanted):
        rows = 1 + given["old_grid"] ** 2
        table = torch.from_numpy(weight(given["name"], [rows, given["width"]], given["seed"]))
        side = given["new_grid"]
        yield "", resize_grid_table(table, (side, side), num_prefix=1, antialias=False), wanted

    @staticmethod
    def function_text_resize(given, wanted):
        name, seed, width = given["name"], given["seed"], given["shape"][-1]
        shapes = {"fc.weight": [given["out"], width], "fc.bias": [given["out"]]}
        shapes |= {"layer_norm.weight": [given["out"]], "layer_norm.bias": [given["out"]]}
        filled = {key: torch.from_numpy(weight(f"{name}.{key}", shape, seed)) for key, shape in shapes.items()}
        for key, factor in (("x", 1e-6), ("y", 1.0)):
            x = factor * torch.from_numpy(normal(f"{name}:{key}", given["shape"], seed))
            widened = torch.nn.functional.linear(x.float(), filled["fc.weight"], filled["fc.bias"])
            yield (
                f" {key}",
                torch.nn.functional.layer_norm(
                    widened, (given["out"],), filled["layer_norm.weight"], filled["layer_norm.bias"], 1e-12
                ),
                wanted[key],
            )

    @staticmethod
    def function_losses(given, wanted):
        boxes, targets = torch.tensor(given["pred_box"]), torch.tensor(given["target_box"])
        for name, weights in (("authors", (5.0, 2.0)), ("benchmark", (1.0, 1.0))):
            terms = box_losses(boxes, targets, *weights)
            for term, value in wanted[name].items():
                yield f" {name} {term}", terms[term].item(), value


METHOD = FSVGParity()

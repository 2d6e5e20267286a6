"""SimVG: both branches, every way of distilling, one and many targets."""

import random

import numpy as np
import torch
from mmengine.optim.scheduler import LinearLR, MultiStepLR

from methods._beit3_queries import QueryParity
from rgbtvg.datasets.transforms import LargeScaleJitter, StretchToSquare, clean_expression
from rgbtvg.engine.ema import WarmUpEMA
from rgbtvg.evaluation.grec_metric import GRECMetric
from rgbtvg.models.backbones.beit3_weights import fit_patch_kernel, resize_positions
from rgbtvg.models.layers import SinePositions, sine_sequence
from rgbtvg.models.losses import SetCriterion
from rgbtvg.structures import Frame
from rgbtvg.structures.boxes import aligned_giou, aligned_iou, cxcywh_to_xyxy

POSITIONS = "beit3.encoder.embed_positions.A.weight"
KERNEL = "beit3.vision_embed.proj.weight"
EPS = 1e-6


class SimVGParity(QueryParity):
    def model_config(self, case):
        head = case.spec["config"]["head"]
        return dict(
            type="SimVG",
            backbone=self.backbone(case),
            queries=self.queries(case),
            decoder=dict(depth=head["num_decoder_layers"]),
            head=dict(
                type="TwoBranchHead",
                width=head["embed_dim"],
                single=self.is_single(case),
                frame="image",
                supervise_layers=head["aux_loss"],
                num_token_layers=head["num_token_mlp_layers"],
                supervise_token_layers=head["mlp_aux_loss"],
                share_predictor=head["share_predicthead"],
                **self.branch_weights(head),
            ),
        )

    @staticmethod
    def branch_weights(head):
        weights = head.get("branch_loss_weight", {"decoder": 1.0, "token": 1.0})
        balanced = "balanced_distill" in weights
        student = weights["balanced_distill"] if balanced else weights
        return dict(
            decoder_weight=weights["decoder"],
            token_weight=student.get("token", 0.0),
            distill_weight=student.get("distill", 0.0),
            balanced=balanced,
            distill="weighted_by_target" if head["distill_type"] == "hard_weighted" else "hard",
            confidence="score" if head["prepare_target_mode"] == "score_weighted" else "score_iou",
        )

    def encode(self, case, model):
        outputs = super().encode(case, model)
        inputs, head = self.inputs(case), model.head
        tower, image = model.backbone, inputs.images["rgb"]
        # The reference's are taken before positions are added and padding is zeroed.
        outputs["embedded"] = {
            "beit3.vision_embed": tower.embed_image(image) - tower.vision_positions[2:],
            "beit3.text_embed": tower.text_embedding(inputs.token_ids),
        }
        samples = self.samples(case)
        outputs["matched"] = self.match_rows(outputs, head, samples)
        teacher = head.teacher_targets(outputs, self.match(outputs, head, samples))
        outputs["teacher_lists"] = teacher
        outputs["teacher"] = [torch.cat(list(part)) for part in teacher]
        outputs["predicted"] = {
            branch: (
                outputs[branch][0][-1].softmax(-1)[..., 0],
                self.boxes_px(case, outputs, head, outputs[branch]),
                head.rank(
                    outputs[branch][0][-1].softmax(-1)[..., 0], head.input_boxes(outputs, outputs[branch][1][-1])
                ),
            )
            for branch in ("decoder", "token")
            if branch in outputs
        }
        if model.class_proj is not None:
            outputs["class"] = model.class_proj(outputs["image"].tokens[:, 0])
        return outputs

    def outputs(self, case, outputs, tapped):
        named = self.encoder_outputs(case, outputs, tapped)
        named |= outputs["embedded"]
        named["head.text_pos_1d"] = sine_sequence(outputs["words"].shape[1], outputs["words"].shape[2], truncated=True)
        named["match.decoder_last"] = outputs["matched"]
        named["teacher.boxes_cxcywh"], named["teacher.weights"] = outputs["teacher"]
        if "token" in outputs:
            named |= {
                "head.input_cls_proj": outputs["class"],
                "head.token_branch_input": outputs["token_queries"],
                "head.token_mlp_out": outputs["token_states"],
                "token.all_logits": outputs["token"][0],
                "token.all_boxes_cxcywh": outputs["token"][1],
            }
        scale = torch.from_numpy(case.inputs["scale_factor"])
        for branch, (scores, boxes, predictions) in outputs["predicted"].items():
            named[f"predict.{branch}.all_scores"] = scores
            for kind, divisor in (("", torch.ones(4)), ("rescaled.", scale)):
                prefix = f"predict.{branch}.{kind}"
                if self.is_single(case):
                    best = scores.argmax(-1)
                    named[prefix + "boxes_xyxy"] = boxes[torch.arange(len(boxes)), best] / divisor
                    continue
                for row in range(len(boxes)):
                    named[f"{prefix}{row}.boxes_xyxy"] = boxes[row] / divisor
                    named[f"{prefix}{row}.scores"] = scores[row]
            assert all(len(prediction.boxes_cxcywh) for prediction in predictions)
        return named

    def losses(self, case, losses, outputs):
        total = sum(value for name, value in losses.items() if "loss" in name)
        named = {"loss_total": total, "total": total}
        weights = self.branch_weights(case.spec["config"]["head"])
        share = losses.get("distill_share")
        if share is not None:
            named["loss_distill_w"] = share
        factors = {
            "decoder": ("decoder_gt", "loss_dgt", weights["decoder_weight"]),
            "token": ("token_gt", "loss_tgt", weights["token_weight"] * (1 if share is None else 1 - share)),
            "distill": ("token_kd", "loss_kd", weights["distill_weight"] * (1 if share is None else share)),
        }
        for branch, (prefix, name, factor) in factors.items():
            terms = {
                key.removeprefix(f"loss_{branch}_"): value
                for key, value in losses.items()
                if key.startswith(f"loss_{branch}_")
            }
            if not terms:
                continue
            named[name] = sum(terms.values())
            named |= {f"{prefix}/weighted/loss_{term}": value / factor for term, value in terms.items()}
        if "token" in outputs and weights["distill"] == "weighted_by_target" and not weights["balanced"]:
            named |= self.unweighted_distillation(case, outputs)
        return named

    def unweighted_distillation(self, case, outputs):
        """The reference's report has the plain criterion's terms beside the weighted loss."""
        logits, boxes = (answer[-1:] for answer in outputs["token"])
        teacher, _ = outputs["teacher_lists"]
        criterion = SetCriterion()
        terms = criterion(logits, boxes, criterion.match_layers(logits, boxes, teacher))
        return {f"token_kd/weighted/loss_{term}": value for term, value in terms.items()}

    def special(self, case):
        if POSITIONS not in case.inputs:
            return None
        model = case.spec["config"]["model"]
        side, patch = model["grid"], model["patch_size"]
        positions, kernel = (torch.from_numpy(case.inputs[name]) for name in (POSITIONS, KERNEL))
        return {
            POSITIONS: resize_positions(positions, (side, side)),
            KERNEL: fit_patch_kernel(kernel, torch.Size((*kernel.shape[:2], patch, patch))),
        }

    def functions(self, case):
        for name, function in case.spec["functions"].items():
            kind = name.split("/")[0].replace(".", "_")
            for part, ours, theirs in getattr(self, f"function_{kind}")(function):
                yield f"{name}: {part}", ours, theirs

    @staticmethod
    def function_text_position_1d(function):
        given = function["inputs"]
        table = sine_sequence(given["length"], given["dim"], truncated=True)
        yield "table", *known_values(table, function["output"])

    @staticmethod
    def function_image_position_2d(function):
        given = function["inputs"]
        positions = SinePositions(2 * given["num_pos_feats"], given["temperature"])
        table = positions(torch.tensor(given["mask"]).bool())
        yield "table", *known_values(table, function["output"])

    @staticmethod
    def function_lr_schedule(function):
        yield "factors", schedule_factors(**function["inputs"]), function["output"]

    @staticmethod
    def function_ema(function):
        given = function["inputs"]
        source = torch.nn.Linear(2, 1, bias=False)
        source.register_buffer("buffer", torch.tensor(given["initial_buffer"]))
        source.weight.data[0] = torch.tensor(given["initial_parameter"])
        average = WarmUpEMA(source, momentum=1 - given["alpha"], update_buffers=True)
        for row in function["output"]:
            source.weight.data[0] = torch.tensor(row["value"])
            source.buffer.copy_(source.weight.data[0] * 2)
            average.update_parameters(source)
            yield f"parameter {row['step']}", average.module.weight[0].tolist(), row["shadow"]
            yield f"buffer {row['step']}", average.module.buffer.tolist(), row["shadow_buffer(value*2)"]

    @staticmethod
    def function_criterion(function):
        given, wanted = function["inputs"], function["output"]
        logits, boxes = torch.tensor(given["pred_logits"]), torch.tensor(given["pred_boxes"])
        targets = [torch.tensor(target).reshape(-1, 4) for target in given["target_boxes"]]
        costs = given["costs"]
        criterion = SetCriterion(1, 1, 1, class_cost=costs["class"], l1_cost=costs["bbox"], giou_cost=costs["giou"])
        match = criterion.match(logits, boxes, targets)
        rows = torch.stack((match.sample, match.query, match.target), dim=1)
        yield "matches", rows, wanted["matches [sample, query, target]"]
        for name, value in criterion.terms(logits, boxes, match).items():
            yield name, value.item(), wanted["unweighted losses (ce_loss)"][f"loss_{name}"]
        chosen = [0, 2]
        trust = [torch.tensor(weights) for weights in wanted["target weights of samples 0 and 2"]]
        match = criterion.match(logits[chosen], boxes[chosen], [targets[i] for i in chosen], trust)
        terms = criterion.weighted(logits[chosen], boxes[chosen], match, True)
        for name, value in terms.items():
            yield f"weighted {name}", value.item(), wanted["hard_weighted on samples 0 and 2"][f"loss_{name}"]
        ours, theirs = cxcywh_to_xyxy(boxes[0])[:, None], cxcywh_to_xyxy(targets[2])[None]
        yield "iou", aligned_iou(ours, theirs, EPS), wanted["iou of sample-0 boxes vs sample-2 targets"]
        yield "giou", aligned_giou(ours, theirs, EPS), wanted["giou of the same"]

    @staticmethod
    def function_accuracy_at_0_5(function):
        given = function["inputs"]
        overlap = aligned_iou(torch.tensor(given["gt"]), torch.tensor(given["pred"]))
        yield "iou", overlap, function["output"]["iou"]
        yield "percent", (overlap >= 0.5).float().mean().item() * 100, function["output"]["percent"]

    @staticmethod
    def function_grec(function):
        given, wanted = function["inputs"], function["output"]
        metric = GRECMetric(given["thresh_score"], given["thresh_iou"], overlap="giou")
        rows = []
        for scores, boxes, truth, categories in zip(
            given["pred_scores"], given["pred_boxes"], given["gt_boxes"], given["category_id"], strict=True
        ):
            targets = [] if -1 in categories else truth
            row = dict(pred_boxes_xyxy=boxes, pred_scores=scores, gt_boxes_xyxy=targets, dataset="case", image_paths={})
            rows.append(row | metric.measure(row))
        hits = [[100.0 * (row["f1"] >= 1), 100.0 * (row["presence"] and not row["gt_boxes_xyxy"])] for row in rows]
        yield "samples", hits, wanted["per sample [F1 hit, N_acc] in percent"]
        scores = {name: estimate.value * 100 for name, estimate in metric.score(rows).items()}
        yield "F1", scores["pr@f1"], wanted["F1score_percent"]
        yield "N-acc", scores["n_acc"], wanted["N_acc_percent"]

    @staticmethod
    def function_clean_string(function):
        ours = [clean_expression(text) for text in function["inputs"]]
        equal = [a == b for a, b in zip(ours, function["output"], strict=True)]
        yield "sentences", equal, [True] * len(equal)

    @staticmethod
    def function_large_scale_jitter(function):
        for number, given in enumerate(function["cases"]):
            random.seed(given["python_random_seed"])
            results = dict(
                images={"rgb": np.zeros((given["h"], given["w"], 3), np.uint8)},
                boxes=np.array([given["box"]], np.float32),
                frame=Frame(),
            )
            steps = (
                ("jitter", LargeScaleJitter(640, released=True, random=random.random)),
                ("resize", StretchToSquare(640)),
            )
            for step, transform in steps:
                results = transform(results)
                wanted = given[f"after_{step}"]
                yield f"{number} {step} size", results["images"]["rgb"].shape[:2], wanted["img"]
                yield f"{number} {step} box", results["boxes"][0], wanted["gt_bbox"]


def known_values(table, wanted):
    """Ours and theirs at the places that the case keeps."""
    if "values" in wanted:
        return table, wanted["values"]
    places = [int(index) for index in wanted["samples"]]
    return table.flatten()[places], list(wanted["samples"].values())


def schedule_factors(warmup_epochs, decay_steps, decay_ratio, max_epoch):
    """Learning-rate factors of every epoch by the schedulers that the configs are made of."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedulers = []
    if warmup_epochs:
        schedulers.append(LinearLR(optimizer, start_factor=1 / (warmup_epochs + 1), end=warmup_epochs + 1))
    if decay_steps is None:
        schedulers.append(LinearLR(optimizer, start_factor=1.0, end_factor=0.0, begin=warmup_epochs, end=max_epoch + 1))
    else:
        schedulers.append(MultiStepLR(optimizer, [step - 1 for step in decay_steps], gamma=decay_ratio))
    factors = []
    for _ in range(max_epoch):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return factors


METHOD = SimVGParity()

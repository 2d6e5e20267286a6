"""AttBalance on TransVG, as the RGB-T benchmark trains it."""

import dataclasses

import fill
import torch

from methods import _parts
from methods.transvg import TransVGParity
from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.models.grounders.attention_balance import AttentionBalance
from rgbtvg.models.heads.box_head import box_losses
from rgbtvg.models.layers.detr_layers import Attention
from rgbtvg.models.losses.attention_balance import (
    attention_constraint,
    attention_distillation,
    attention_inside,
    balance_terms,
    rank_correlation,
    target_regions,
)
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy, xyxy_to_cxcywh

PUBLISHED = dict(copy_buffers=False, start_equal=False, correlate_same_layers=False, cover_small=False)
MOMENTUM = "attention_balance.momentum"
NAMES = {"loss_constraint": "loss_bce", "loss_distillation": "loss_mom"}


class AttBalanceParity(TransVGParity):
    training = True

    def model_config(self, case):
        config, modality = case.spec["config"], self.modality(case)
        model = super().model_config(case)
        masked = modality == "rgb" and case.inputs["image"].shape[1] == 3
        model["image_encoder"] |= dict(use_padding_mask=masked, dropout=config["dropout"])
        model["text_encoder"]["arch"] |= dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        model["text_encoder"]["num_layers"] = config["bert_enc_num"] - 1
        model["fusion"]["dropout"] = config["vl_dropout"]
        return model | dict(
            project_image=True,
            attention_balance=dict(
                momentum=config["momentum"],
                epochs=config["constraint_epochs"],
                first_layer=config["first_constrained_layer"],
                **PUBLISHED,
            ),
        )

    def build(self, case):
        model = super().build(case)
        model.attention_balance.start(model)
        self.filled = None
        self.training = True
        return model

    def streams(self, case, image):
        return _parts.grey_streams(image, self.modality(case))

    def taps(self, case):
        momentum = {
            "resnet_layer4": "image_encoder.resnet",
            "visu_proj": "image_proj",
            "text_proj": "text_proj",
        }
        return super().taps(case) | {f"momentum/{name}": f"{MOMENTUM}.{path}" for name, path in momentum.items()}

    def encode(self, case, model):
        config, balance = case.spec["config"], model.attention_balance
        if self.filled is None:
            self.filled = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.train(self.training)
        balance.set_progress(config["epoch"], config["iteration"], config["iterations_per_epoch"])
        entered = []
        hook = balance.momentum.fusion.encoder.register_forward_pre_hook(lambda _, args: entered.append(args[0]))
        if self.training:
            balance.update(model)
        inputs = self.inputs(case)
        outputs = model.encode(inputs, return_attention=True)
        self.teacher = balance.momentum_attention(inputs, outputs["joint"].attention)
        hook.remove()
        self.terms = balance(outputs, self.teacher, inputs, self.samples(case))
        self.momentum_input = entered[0] if entered else None
        self.model = model
        return outputs

    def outputs(self, case, outputs, tapped):
        momentum = {name: tapped.pop(name) for name in list(tapped) if name.startswith("momentum/")}
        tapped["vl_layer0"] = tapped["vl_layer0"][0]  # without the logits
        named = super().outputs(case, outputs, tapped)
        boxes, targets = outputs["pred_boxes_cxcywh"], self.targets(case)
        if self.training:
            named |= {
                "momentum/text_proj": momentum["momentum/text_proj"],
                "momentum/visu_proj": momentum["momentum/visu_proj"].transpose(0, 1),
                "momentum/vl_input": self.momentum_input.transpose(0, 1),
            }
            named |= _parts.bracketed(
                {"momentum/resnet_layer4": momentum["momentum/resnet_layer4"]}, self.modality(case)
            )
        terms = self.terms
        named |= {
            "attention": outputs["joint"].attention,
            "momentum/attention": self.teacher,
            "attention_inside": terms.inside,
            "constraint": terms.constraint,
            "distillation": terms.distillation,
            "iou": aligned_iou(cxcywh_to_xyxy(boxes), cxcywh_to_xyxy(targets), 1e-16),
            "rho_raw": terms.correlations,
            "rho": terms.layer_weights,
            "difficulty": terms.box_weights,
            "region": target_regions(
                targets,
                case.inputs["image"].shape[-2:],
                [next(iter(outputs["streams"].values())).grid],
                len(outputs["streams"]),
                cover_small=self.model.attention_balance.cover_small,
            ),
        }
        state, converter = self.model.state_dict(), get_converter("attbalance")
        for name in case.spec["outputs"]:
            if name.startswith("after_step/"):
                reference = name.removeprefix("after_step/")
                (ours,) = converter.to_ours({reference: torch.zeros(1)}, wanted=state).state
                named[name] = state[ours]
        return named

    def loss_terms(self, case, model, outputs):
        if not model.attention_balance.active:
            zero = outputs["pred_boxes_cxcywh"].sum() * 0
            return model.losses(outputs, self.samples(case)) | dict.fromkeys(NAMES, zero)
        weighted = {**outputs, "box_weights": self.terms.box_weights}
        return model.losses(weighted, self.samples(case)) | self.terms.losses

    def losses(self, case, losses, outputs):
        named = super().losses(case, losses, outputs)
        return {NAMES.get(name, name): value for name, value in named.items()}

    def idle_trainable(self, case):
        return ()

    def variants(self, case, model):
        balance = model.attention_balance
        bare = {**case.spec, "loss_total": None, "trainable": None, "grad_norms": None}
        options = {
            "rho_of_the_same_layers": "correlate_same_layers",
            "momentum_buffers_copied": "copy_buffers",
            "region_covers_small_targets": "cover_small",
        }
        for name, variant in (case.spec.get("variants") or {}).items():
            model.load_state_dict(self.filled)
            if name in options:
                setattr(balance, options[name], True)
            if name == "momentum_starts_equal":
                balance.start(model)
            self.training = name != "eval_mode"
            spec = bare | {"losses": variant["losses"], "outputs": variant["outputs"]}
            yield name, dataclasses.replace(case, spec=spec)
            self.training = True
            if name in options:
                setattr(balance, options[name], False)

    def functions(self, case):
        for name, function in case.spec["functions"].items():
            answer = getattr(self, f"function_{name.split('/')[0]}")
            for part, ours, theirs in answer(function["inputs"], function["output"]):
                yield f"{name}{part}", ours, theirs

    @staticmethod
    def function_region(given, wanted):
        size, count = given["image_size"], given["image_tokens"]
        copies = 2 if given["modality"] == "rgbt" else 1
        side = round((count / copies) ** 0.5)
        boxes = xyxy_to_cxcywh(torch.tensor(given["boxes_xyxy_px"]) / size)
        yield "", target_regions(boxes, (size, size), [(side, side)], copies, cover_small=False), wanted

    @staticmethod
    def function_attention(given, wanted):
        width, count = given["width"], given["image_tokens"]
        attention = Attention(width, given["heads"])
        shapes = {name: list(parameter.shape) for name, parameter in attention.named_parameters()}
        attention.load_state_dict(
            {
                name: torch.from_numpy(fill.weight(f"attention_case.{name}", shape, given["seed"]))
                for name, shape in shapes.items()
            }
        )
        tokens, batch = given["tokens"], given["batch"]
        x = torch.from_numpy(fill.normal("attention_case:x", [tokens, batch, width], given["seed"])).transpose(0, 1)
        positions = fill.normal("attention_case:pos", [tokens, 1, width], given["seed"])
        placed = x + torch.from_numpy(positions).transpose(0, 1)
        logits = attention.mean_logits(placed[:, :1], placed)[:, 0, -count:]
        yield " attention", logits.softmax(-1).detach(), wanted["attention"]
        mask = torch.tensor(given["mask"]).bool()
        values = attention(placed, placed, x, mask)[:, 0]
        yield " values", values[:, : len(wanted["values_token_0"][0])].detach(), wanted["values_token_0"]

    @staticmethod
    def function_constraint(given, wanted):
        attention = torch.tensor(given["attention"], requires_grad=True)
        region, alpha = torch.tensor(given["region"]).bool(), given["alpha"]
        momentum = given["momentum_attention"]
        teacher = attention.detach() if momentum is None else torch.tensor(momentum)
        terms = {
            "constraint": (1 - alpha) * attention_constraint(attention, region),
            "distillation": alpha * attention_distillation(attention, teacher),
        }
        sum(term.sum() for term in terms.values()).backward()
        terms |= {"attention_inside": attention_inside(attention, region), "gradient_of_sum": attention.grad}
        for name, value in wanted.items():
            yield f" {name}", terms[name].detach(), value

    @staticmethod
    def function_total(given, wanted):
        attention = torch.tensor(given["attention"], requires_grad=True)
        boxes = torch.tensor(given["pred_box"], requires_grad=True)
        targets = torch.tensor(given["target_box"])
        ious = aligned_iou(cxcywh_to_xyxy(boxes.detach()), cxcywh_to_xyxy(targets), 1e-16)
        momentum = given["momentum_attention"]
        share = given["ratio_box"]
        terms = balance_terms(
            attention,
            attention.detach() if momentum is None else torch.tensor(momentum),
            torch.tensor(given["region"]).bool(),
            ious,
            None if share is None else torch.tensor(share),
            given["alpha"],
            correlate_same_layers=False,
            use_correlation=given["rank_correlation"],
        )
        late = given["epoch"] >= 60
        losses = box_losses(boxes, targets, sample_weights=None if late else terms.box_weights)
        losses |= {NAMES[name]: value * 0 if late else value for name, value in terms.losses.items()}
        losses["total"] = sum(losses.values())
        losses["total"].backward()
        for name, value in wanted["losses"].items():
            yield f" {name}", losses[name].item(), value
        ours = {
            "iou": ious,
            "gradient_of_boxes": boxes.grad,
            "gradient_of_attention": attention.grad,
            "rho_raw": terms.correlations if given["rank_correlation"] else torch.ones_like(terms.correlations),
            "rho": terms.layer_weights,
            "difficulty": terms.box_weights.detach(),
        }
        for name in sorted(wanted.keys() - {"losses"}):
            if wanted[name] is not None:
                yield f" {name}", ours[name], wanted[name]

    @staticmethod
    def function_box_fields(given, wanted):
        size, (width, height) = given["size"], given["picture_wh"]
        box = torch.tensor(given["box_xyxy"]) + torch.tensor([given["left"], given["top"]] * 2)
        target = xyxy_to_cxcywh(box / size)[None]
        yield " box", target[0], wanted["box"]
        yield " ratio_box", (target[0, 2:].prod() * size * size / (width * height)).item(), wanted["ratio_box"]
        pixels = target_regions(target, (size, size), [(size, size)], cover_small=False)[0].reshape(size, size)
        rows, columns = pixels.any(1).nonzero().flatten(), pixels.any(0).nonzero().flatten()
        found = [-1] * 4
        if len(rows):
            found = [rows[0].item(), rows[-1].item() + 1, columns[0].item(), columns[-1].item() + 1]
        yield " region", found, wanted["positive_rows_columns"] or [-1] * 4

    @staticmethod
    def function_rank_correlation(given, wanted):
        pairs = [[torch.tensor(values) for values in pair] for pair in given["pairs"]]
        yield "", [rank_correlation(x, y).item() for x, y in pairs], wanted

    @staticmethod
    def function_momentum(given, wanted):
        balance = AttentionBalance(momentum=given["momentum"])
        online, balance.momentum = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
        torch.nn.init.constant_(online.weight, given["online"])
        torch.nn.init.constant_(balance.momentum.weight, given["start"])
        values = []
        for _ in range(given["steps"]):
            balance.update(online)
            values.append(balance.momentum.weight.item())
        yield "", values, wanted

    @staticmethod
    def function_alpha(given, wanted):
        balance, values = AttentionBalance(), []
        for position in given["epoch_iteration_iterations"]:
            balance.set_progress(*position)
            values.append(balance.alpha)
        yield "", values, wanted


METHOD = AttBalanceParity()

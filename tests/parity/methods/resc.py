"""ReSC: the authors' code."""

import torch

from methods import _one_stage, _parts
from rgbtvg.models.layers import coordinate_map


class ReSCParity(_one_stage.OneStageParity):
    def model_config(self, case):
        config = case.spec["config"]
        momentum = _one_stage.REFERENCE_MOMENTUM
        output = "lstm" if config["convlstm"] else "stack" if config["mstack"] else "last"
        hidden = case.spec["state_dict"]["module.fcn_out.0.conv.weight"][0]
        return dict(
            type="ReSC",
            modality=self.modality(case),
            image_encoder=dict(type="Darknet53", strides=(config["stride"],)),
            text_encoder=_parts.bert(case, prefix="module.textmodel", average_last=4, frozen=not config["tunebert"]),
            fusion=dict(
                type="SubQueryFusion",
                num_rounds=config["NFilm"],
                output=output,
                word_fusion=config["fusion"],
                over_all=True,
                bn_momentum=momentum,
            ),
            head=dict(type="AnchorHead", anchors=self.anchors(case), hidden_channels=hidden, bn_momentum=momentum),
            auxiliary_heads=[dict(type="WordCoverageHead", weight=config["w_div"])],
            width=config["emb_size"],
            bn_momentum=momentum,
        )

    def taps(self, case):
        return {"text_encoder": "text_encoder", "mapping_visu": "image_proj"}

    def outputs(self, case, outputs, tapped):
        rounds = outputs["rounds"]
        batch, grid = len(rounds.fused), rounds.fused.shape[-2:]
        named = {
            "mapping_visu": tapped["mapping_visu"],
            "visual_normalised": outputs["projected"],
            "coord": coordinate_map(tuple(grid)).expand(batch, -1, -1, -1),
            "bert_mean_last4": tapped["text_encoder"].tokens,
            "words": outputs["text"].tokens,
            "convlstm_h": rounds.fused,
            "round_word_weights": rounds.weights,
            "out": outputs["maps"][0],
        }
        for suffix, stream in self.suffixed(outputs["streams"]).items():
            named[f"darknet{suffix}"] = stream.levels[0]
        for k in range(len(rounds.maps)):
            named |= {
                f"round{k}_context": rounds.contexts[k],
                f"round{k}_score": rounds.scores[k],
                f"round{k}_subquery": rounds.queries[k],
                f"round{k}_out": rounds.maps[k],
            }
        return named | self.answers(case, self.model.head, outputs["maps"])

    def losses(self, case, losses, outputs):
        weight = case.spec["config"]["w_div"]
        named = super().losses(case, losses, outputs)
        diversity, coverage = losses["loss_diversity"] / weight, losses["loss_coverage"] / weight
        return named | {
            "diversity_offdiagonal": diversity,
            "coverage": coverage,
            "diversity_plus_coverage": torch.add(diversity, coverage),
        }


METHOD = ReSCParity()

"""SimVG: visual grounding with decoupled multi-modal fusion (Dai et al., NeurIPS 2024)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.heads.patch_choice import PatchChoice, chosen_map
from rgbtvg.models.layers import SinePositions, TransformerDecoder
from rgbtvg.models.necks import PairNeck
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class SimVG(BaseGrounder):
    """BEiT-3 fuses; text-guided queries read the answer off its patches, a linear student off its class token.

    ALVG is this frame with an enhancement before the decoder and without the student. In rgbt (our definition,
    the method knows RGB only) the shared tower runs once per stream, thermal with adapters of its own where `adapter`
    says so; the neck joins the patches, the class tokens and the words.

    Args:
        backbone: config of :class:`BEiT3`.
        queries: config of :class:`TextGuidedQueries`.
        decoder: values of :class:`TransformerDecoder`.
        head: config of :class:`TwoBranchHead`.
        neck: config of a modality neck that keeps the grid.
        adapter: config of :class:`LoRA` for the tower, whose Linears are called ``attention.q_proj.vision`` and so on.
        patch_choice: as in :class:`RegressionGrounder`, on the fused patches and words; what the chosen patches hold is
            added to the queries, and their mean place is the reference point of every box. For one object per sentence.
        kwargs: see :class:`BaseGrounder`.
    """

    decoder_defaults: ClassVar[dict[str, Any]] = dict(attention_dropout=0.0)
    """In DETR dropout follows a layer's attention."""

    def __init__(
        self,
        backbone: dict,
        queries: dict,
        decoder: dict,
        head: dict,
        neck: dict | None = None,
        adapter: dict | None = None,
        patch_choice: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(head=head, **kwargs)
        self.backbone = MODELS.build(backbone)
        self.attach_adapter(adapter, {self.backbone: self.streams})
        self.neck = MODELS.build(neck or dict(type="AverageStreams")).requires_grad_(len(self.streams) > 1)
        self.queries = MODELS.build(queries)
        width = self.queries.width
        self.image_proj = nn.Conv2d(self.backbone.width, width, 1)
        self.text_proj = nn.Linear(self.backbone.width, width)
        self.class_proj = nn.Linear(self.backbone.width, width) if self.head.has_token_branch else None
        self.patch_choice: PatchChoice | None = None
        if patch_choice is not None:
            if self.head.frame != "input" or not self.head.single:
                raise ConfigError("patch_choice needs a head with frame='input' and single=True")
            self.patch_choice = MODELS.build(dict(width=width, text_width=width) | patch_choice)
        self.image_positions = SinePositions(width)
        self.decoder = TransformerDecoder(**{"width": width, **self.decoder_defaults, **decoder})

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Tower, queries, decoder and student."""
        outputs = self.encode_memory(inputs)
        decoded = self.decoder(*(outputs[name] for name in ("queries", "patches", "positions", "patch_padding")))
        outputs["decoder_states"] = decoded.states  # (S, B, Q, D)
        if self.class_proj is not None:
            outputs["token_queries"] = outputs["queries"] + self.class_proj(outputs["image"].tokens[:, :1])
        outputs.update(self.head(decoded.states, outputs["centre"], outputs.get("token_queries")))
        outputs["pred_boxes_cxcywh"] = self.head.answers(outputs)[1]
        return outputs

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Mean attention of the queries in the last layer, and the distribution over the patches of `patch_choice`."""
        given = (outputs[name] for name in ("queries", "patches", "positions", "patch_padding"))
        weights = self.decoder(*given, need_weights=True).weights[-1]  # (B, Q, N)
        return {"attention": weights.mean(1).unflatten(1, outputs["image"].grid)} | chosen_map(outputs)

    def encode_memory(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Tower and queries: all that the decoder begins with."""
        image, text = joined_streams(self.backbone.encode_streams(inputs, self.streams), self.neck, inputs)
        patches = self.image_proj(patch_map(image)).flatten(2).transpose(1, 2)  # (B, N, D)
        words = self.text_proj(text.tokens)  # (B, L, D)
        patch_padding = image.padding_mask[:, image.num_prefix :]
        # Places are measured from the image's border, whether thermal shows something there or not.
        outside = patch_padding if image.invalid is None else patch_padding & ~image.invalid[:, image.num_prefix :]
        positions = self.image_positions(outside.unflatten(1, image.grid)).flatten(2).transpose(1, 2)  # (B, N, D)
        queries, sentence = self.queries(words, text.padding_mask)
        outputs = {
            "image": image,
            "text": text,
            "patches": patches,
            "words": words,
            "positions": positions,
            "patch_padding": patch_padding,
            "queries": queries,
            "sentence": sentence,
            "centre": None,
            "image_share": image_share(inputs.padding_mask),
        }
        if self.patch_choice is not None:
            chosen = self.patch_choice(patches, [image.grid], sentence[:, 0], patches, queries.mean(1))
            outputs |= chosen.outputs() | {"queries": queries + chosen.token[:, None], "centre": chosen.centre}
        return outputs


def joined_streams(
    streams: dict[str, Any], neck: PairNeck, inputs: GroundingInputs
) -> tuple[ImageFeatures, TextFeatures]:
    """One image and one sentence from the tower's passes over the streams, joined by the neck."""
    texts = [stream.text for stream in streams.values()]
    image = neck({name: stream.images[0] for name, stream in streams.items()}, inputs, texts[0])
    words = neck.join_words([text.tokens for text in texts])
    return image, TextFeatures(words, inputs.token_padding_mask)


def patch_map(image: ImageFeatures) -> Tensor:
    """Patches as an image (B, D, h, w)."""
    return image.tokens[:, image.num_prefix :].transpose(1, 2).unflatten(2, image.grid)


def image_share(padding_mask: Tensor) -> Tensor:
    """Sides (B, 2) of the unpadded image, width and height, as shares of the padded input."""
    columns, rows = (~padding_mask).any(1), (~padding_mask).any(2)
    return torch.stack((columns.float().mean(1), rows.float().mean(1)), dim=-1)

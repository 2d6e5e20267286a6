"""Dynamic-MDETR: a dynamic multimodal transformer decoder for visual grounding (Shi et al., TPAMI 2024)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from rgbtvg.models.grounders.base import TwoEncoderGrounder
from rgbtvg.models.grounders.regression import choose_patches
from rgbtvg.models.heads.dynamic_decoder import points_per_cell
from rgbtvg.models.heads.patch_choice import ChosenPatches, PatchChoice, chosen_map
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.models.layers.words import strip_sentence_marks
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class DynamicMDETR(TwoEncoderGrounder):
    """A short joint encoder over all cells and words, then a decoder that samples a few points per stage.

    In rgbt both streams pass through the same image encoder and their cells stand side by side in the joint sequence.

    Args:
        fusion: config of :class:`JointEncoder`, without the token counts, order and regression token.
        decoder: config of :class:`DynamicDecoder`.
        image_size: side of the square network input in pixels.
        max_length: words of a sentence, sentence marks included unless they are stripped.
        strip_marks: leave out CLIP's start and end marks (the CLIP variant).
        project: bring cells and words to the fusion's width by linear layers. The authors' CLIP variant has none, and
            needs a fusion as wide as CLIP's projection.
        mask_image_padding: hide padded cells from the joint encoder. The CLIP variant of the reference has no image
            mask: False reproduces it (for :class:`ResNetDETR`, see there).
        patch_choice: as in :class:`RegressionGrounder`, with the mean of the fused words in place of the regression
            token; the decoder begins at the chosen place.
        kwargs: see :class:`TwoEncoderGrounder`; encoders :class:`ResNetDETR` and :class:`BertEncoder`, or
            :class:`CLIPVisionEncoder` with `project_tokens` and :class:`CLIPTextEncoder`; head :class:`BoxHead`.
    """

    def __init__(
        self,
        fusion: dict,
        decoder: dict,
        image_size: int = 640,
        max_length: int = 20,
        strip_marks: bool = False,
        project: bool = True,
        mask_image_padding: bool = True,
        patch_choice: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.strip_marks = strip_marks
        self.mask_image_padding = mask_image_padding
        num_cells = self.image_encoder.num_tokens(image_size)
        num_image = self.neck.num_tokens(num_cells, 0, len(self.streams))
        sizes = dict(num_image=num_image, num_text=max_length, image_grids=((math.isqrt(num_cells),) * 2,))
        self.fusion = MODELS.build(dict(fusion, order=("image", "text"), regression=False, **sizes))
        self.decoder = MODELS.build(decoder)
        width = self.fusion.width
        self.patch_choice: PatchChoice | None = None
        text_width = getattr(self.text_encoder, "embed_dim", self.text_encoder.width)
        if patch_choice is not None:
            self.patch_choice = MODELS.build(dict(width=width, text_width=text_width) | patch_choice)
        self.image_proj = nn.Linear(self.image_encoder.width, width) if project else nn.Identity()
        self.text_proj = nn.Linear(self.text_encoder.width, width) if project else nn.Identity()

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Joint features, the decoder's stages and the last stage's box."""
        text = self.encode_words(inputs)  # (B, L, D)
        streams = {name: self.cells(stream) for name, stream in self.encode_streams(self.image_encoder, inputs).items()}
        image = self.neck(streams, inputs)  # (B, S*N, D)
        image = replace(image, tokens=self.image_proj(image.tokens))
        joint = self.fusion(image, replace(text, tokens=self.text_proj(text.tokens)))
        outputs: dict[str, Any] = {"streams": streams, "text": text, "joint": joint}
        head, start = self.head, None
        if self.patch_choice is not None:
            sentence = masked_mean(joint.text, text.padding_mask)
            chosen = choose_patches(self.patch_choice, image, text, joint, streams, sentence)
            head, start = partial(self._measure, chosen), chosen.centre
            outputs |= chosen.outputs()
        sizes = [joint.image.shape[1], joint.text.shape[1]]
        image_positions, word_positions = self.fusion.positions.weight[None].split(sizes, dim=1)
        stages = self.decoder(
            joint.image, image_positions, joint.text, word_positions, text.padding_mask, image.grid, head, start
        )
        return outputs | {"stages": stages, "pred_boxes_cxcywh": stages[-1].boxes_cxcywh}

    def _measure(self, chosen: ChosenPatches, token: Tensor) -> Tensor:
        """Boxes (B, 4) of a stage, measured from the chosen patches."""
        return self.head(token + chosen.token, chosen.centre)

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Sampled points of each stage, counted per cell, and the distribution over the patches of `patch_choice`."""
        grid = next(iter(outputs["streams"].values())).grid
        return {
            f"points of stage {number}": points_per_cell(stage.points, grid)
            for number, stage in enumerate(outputs["stages"], 1)
        } | chosen_map(outputs)

    def encode_words(self, inputs: GroundingInputs) -> TextFeatures:
        """(B, L, D), without CLIP's sentence marks where they are stripped."""
        text = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        return strip_sentence_marks(text, inputs.token_ids, self.max_length) if self.strip_marks else text

    def cells(self, image: ImageFeatures) -> ImageFeatures:
        """The grid without prefix tokens."""
        tokens, padded = image.tokens[:, image.num_prefix :], image.padding_mask[:, image.num_prefix :]
        invalid = None if image.invalid is None else image.invalid[:, image.num_prefix :]
        if not self.mask_image_padding:
            padded = padded.new_zeros(padded.shape) if invalid is None else invalid
        return replace(image, tokens=tokens, padding_mask=padded, num_prefix=0, invalid=invalid)

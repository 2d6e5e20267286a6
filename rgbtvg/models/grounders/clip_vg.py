"""CLIP-VG: self-paced curriculum adapting of CLIP for visual grounding (Xiao et al., IEEE TMM 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.models.grounders.regression import RegressionGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class CLIPVG(RegressionGrounder):
    """Frozen CLIP, all of whose tokens go through one joint transformer; its regression token gives the box.

    In rgbt both streams pass through the same frozen CLIP and are put side by side along the channels.

    Args:
        frozen: keep both towers of CLIP fixed; False trains them too, from scratch for instance.
        learn_image_positions: let CLIP's image position table learn, as the multi-level model does.
        prompt_ids: token ids put before every sentence, whose end is cut to keep `max_length` (``ML_CLIP_VG_PROMPT``).
        kwargs: see :class:`RegressionGrounder`; encoders :class:`CLIPVisionEncoder` and :class:`CLIPTextEncoder`, head
            :class:`BoxHead`. With `out_levels` in the image encoder the channels of those layers are concatenated (the
            multi-level model that the authors released); without, its last tokens are used (the RGB-T benchmark).
    """

    default_neck = "ConcatChannels"
    num_prefix = 1

    def __init__(
        self,
        image_size: int = 224,
        max_length: int = 77,
        frozen: bool = True,
        learn_image_positions: bool = False,
        prompt_ids: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size=image_size, max_length=max_length, **kwargs)
        for tower in (self.image_encoder, self.text_encoder):
            tower.requires_grad_(not frozen)
        if learn_image_positions:
            self.image_encoder.position_embedding.requires_grad_(True)
        self.image_proj = nn.Linear(self.neck.width(self.image_width, len(self.streams)), self.fusion.width)
        self.text_proj = nn.Linear(self.text_encoder.width, self.fusion.width)
        self.register_buffer("prompt_ids", torch.tensor(prompt_ids, dtype=torch.int64), persistent=False)

    @property
    def image_width(self) -> int:
        """Channels of one stream before the neck."""
        return sum(self.image_encoder.level_widths) or self.image_encoder.width

    def encode(self, inputs: GroundingInputs, return_attention: bool = False) -> dict[str, Any]:
        """Joint features and the box of the regression token."""
        words = self.encode_text(inputs)
        streams = self.encode_streams(self.image_encoder, inputs)
        features = self.neck({name: join_levels(stream) for name, stream in streams.items()}, inputs, words)
        image = replace(features, tokens=self.image_proj(features.tokens))  # (B, 1 + h*w, D)
        text = replace(words, tokens=self.text_proj(words.tokens))  # (B, L, D)
        joint = self.fusion(image, text, return_attention)
        return {
            "streams": streams,
            "image_features": features,
            "text_features": words,
            "image": image,
            "text": text,
            "joint": joint,
            **self.locate(image, words, joint, streams),
        }

    def encode_text(self, inputs: GroundingInputs) -> TextFeatures:
        """Words (B, L, 512), behind the prompt where there is one."""
        token_ids, padding_mask = inputs.token_ids, inputs.token_padding_mask
        if len(self.prompt_ids):
            length = token_ids.shape[1]
            prompt = self.prompt_ids.expand(token_ids.shape[0], -1)
            token_ids = torch.cat((prompt, token_ids), dim=1)[:, :length]
            padding_mask = torch.cat((torch.zeros_like(prompt, dtype=torch.bool), padding_mask), dim=1)[:, :length]
        return self.text_encoder(token_ids, padding_mask)


def join_levels(stream: ImageFeatures) -> ImageFeatures:
    """Levels concatenated along the channels as the stream's tokens; without levels the stream as it is."""
    if not stream.levels:
        return stream
    tokens: Tensor = torch.cat(stream.levels, dim=-1)  # (B, 1 + h*w, levels * D)
    return replace(stream, tokens=tokens)

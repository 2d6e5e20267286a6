"""The architecture that HiVG and RGBT-VGNet share: an adapted CLIP, a modality neck and a joint transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import Guides, PerStream, unfreeze_layers
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.backbones.text_cache import TextCache
from rgbtvg.models.fusion.joint_encoder import JointFeatures
from rgbtvg.models.grounders.regression import RegressionGrounder
from rgbtvg.models.heads.sentence_heads import TokenAlignmentHead
from rgbtvg.models.layers.clip_layers import Linear
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures
from rgbtvg.structures.grid_tables import resize_grid_rows

SENTENCE_TOKENS = ("end", "after_first_stream")
PROJECTIONS = ("level_proj", "image_proj")


class CLIPGrounder(RegressionGrounder):
    """CLIP with adapters and guides, a modality neck, a joint transformer, and a box head on its regression token.

    All streams go through one CLIP in one batched pass. Everything outside CLIP is trainable; which part of CLIP is,
    :meth:`unfreeze_layers` decides (none at first).

    Args:
        guides: arguments of :class:`Guides`, the modules by which the sentence guides the image encoder.
        adapter: config of :class:`LoRA` or :class:`AdaLoRA`, applied to both encoders.
        tuned_weights: which pre-trained weights are trainable in unfrozen layers; see
            :func:`~rgbtvg.models.adapters.unfreeze_layers`.
        projections_per_stream: which of ``'level_proj'`` and ``'image_proj'`` exist once per stream.
        sentence_token: which fused token represents the sentence in the auxiliary losses: ``'end'``, its end token, or
            ``'after_first_stream'``, the token at the same distance behind the first stream's patches. With two
            streams that is a thermal patch, which the RGB-T references read by mistake.
        kwargs: see :class:`RegressionGrounder`. The `out_levels` of the :class:`CLIPVisionEncoder` are concatenated
            and projected; those of the :class:`CLIPTextEncoder` are for the guides.
    """

    image_encoder: CLIPVisionEncoder
    text_encoder: CLIPTextEncoder

    num_prefix = 1

    def __init__(
        self,
        guides: dict | None = None,
        adapter: dict | None = None,
        tuned_weights: str = "none",
        projections_per_stream: Sequence[str] = (),
        sentence_token: str = "end",
        image_size: int = 224,
        max_length: int = 77,
        **kwargs: Any,
    ) -> None:
        super().__init__(image_size=image_size, max_length=max_length, **kwargs)
        if sentence_token not in SENTENCE_TOKENS:
            raise ConfigError(f"sentence_token must be one of {', '.join(SENTENCE_TOKENS)}, got {sentence_token!r}")
        if set(projections_per_stream) - set(PROJECTIONS):
            raise ConfigError(
                f"projections_per_stream must be of {', '.join(PROJECTIONS)}, got {tuple(projections_per_stream)}"
            )
        self.sentence_token = sentence_token
        self.tuned_weights = tuned_weights
        self.text_cache = TextCache()
        self.register_load_state_dict_pre_hook(lambda model, *_: model.text_cache.clear())
        self.guides = Guides(**(guides or {}))
        self.guide_proj = self.guides.attach(self.image_encoder, self.text_encoder, self.streams)
        self.attach_adapter(adapter, {self.image_encoder: self.streams, self.text_encoder: ("text",)})
        self._build_projections(projections_per_stream)
        self.unfreeze_layers(0)

    def _build_projections(self, per_stream: Sequence[str]) -> None:
        encoder = self.image_encoder
        self.text_proj = nn.Linear(self.text_encoder.embed_dim, self.fusion.width)
        widths = dict(
            level_proj=(sum(encoder.level_widths), encoder.embed_dim), image_proj=(encoder.embed_dim, self.fusion.width)
        )
        for name, (in_width, out_width) in widths.items():
            if name in per_stream:
                copies = PerStream({stream: Linear(in_width, out_width) for stream in self.streams})
                self.add_module(name, copies)
            else:
                self.add_module(name, Linear(in_width, out_width))

    def init_weights(self) -> None:
        """Load pre-trained CLIP and start the projection of the levels as the sum of CLIP's projection of each."""
        super().init_weights()
        tiled = self.image_encoder.projection.weight.data.repeat(1, len(self.image_encoder.out_levels))
        for module in self.level_proj.modules():
            if isinstance(module, Linear):
                module.weight.data.copy_(tiled)

    def unfreeze_layers(self, image_depth: int | float, text_depth: int | float | None = None) -> None:
        """Make CLIP's first layers trainable (adapters, and weights by `tuned_weights`) and freeze the others.

        Args:
            image_depth: layers of the image encoder, as a count or a fraction of its depth.
            text_depth: layers of the text encoder; defaults to `image_depth`.
        """
        text_depth = image_depth if text_depth is None else text_depth
        unfreeze_layers(self.image_encoder, image_depth, self.tuned_weights)
        unfreeze_layers(self.text_encoder, text_depth, self.tuned_weights)
        self.guides.unfreeze(self.image_encoder)

    def set_image_size(self, image_size: int) -> None:
        """Resample the joint position table to another side of the square input; the optimizer must be rebuilt."""
        grid = self.image_encoder.grid_of((image_size, image_size))
        table = self.fusion.positions.weight.data
        streams = self.neck.num_tokens(1, 0, len(self.streams))
        rows = len(table) - 2 - self.max_length
        if rows % streams:
            raise ConfigError(f"the joint position table has {rows} image rows, which are not {streams} grids")
        table = resize_grid_rows(table, 2, rows // streams, streams, grid)
        self.fusion.positions = nn.Embedding.from_pretrained(table, freeze=False)

    def train(self, mode: bool = True) -> CLIPGrounder:
        """Set the mode and clear the text-feature cache."""
        self.text_cache.clear()
        return super().train(mode)

    def encode(self, inputs: GroundingInputs, return_attention: bool = False) -> dict[str, Any]:
        """Joint features, the box of the regression token, and the inputs of the auxiliary losses."""
        words = self.encode_text(inputs)
        streams = self.encode_images(inputs, words)
        image = self.neck(streams, inputs, words)  # (B, 1 + S*h*w or 1 + h*w, D)
        text = self.project_text(words)  # (B, L, D)
        joint = self.fusion(image, text, return_attention)
        num_patches = image.grid[0] * image.grid[1]
        sentence = self.sentence_vector(joint, inputs, num_patches)
        return {
            "words": words,
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            "grid": image.grid,
            "patches": joint.image[:, 1 : 1 + num_patches],
            "sentence": F.normalize(sentence, dim=-1),
            "text_embedding": F.normalize(cast(Tensor, words.pooled), dim=-1),
            "image_embeddings": {
                name: F.normalize(cast(Tensor, stream.pooled), dim=-1) for name, stream in streams.items()
            },
            **self.locate(image, words, joint, streams, sentence),
        }

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """As :class:`RegressionGrounder`, and patch scores of a :class:`TokenAlignmentHead`."""
        maps = super().relevance(outputs)
        for head in self.auxiliary_heads:
            if isinstance(head, TokenAlignmentHead):
                maps["likeness to the sentence"] = head(outputs).sigmoid().unflatten(1, outputs["grid"])
        return maps

    def encode_text(self, inputs: GroundingInputs) -> TextFeatures:
        """Words (B, L, E) in the image-text space; cached at inference, except in a compiled graph."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        return self.text_cache(self.text_encoder, inputs.token_ids, inputs.token_padding_mask)

    def project_text(self, words: TextFeatures) -> TextFeatures:
        """Words (B, L, D) at the width of the fusion."""
        return replace(words, tokens=self.text_proj(words.tokens))

    def encode_images(self, inputs: GroundingInputs, words: TextFeatures) -> dict[str, ImageFeatures]:
        """Stream -> its levels, projected to the width of the fusion (B, 1 + h*w, D)."""
        language = words if self.guide_proj is None else replace(words, tokens=self.guide_proj(words.tokens))
        features = self.encode_stacked(self.image_encoder, inputs, language, groups=self.streams)
        levels = self.adapt_levels(features)
        tokens = self.level_proj(torch.cat(levels, dim=-1), groups=self.streams)
        tokens = self.image_proj(tokens, groups=self.streams)
        if features.invalid is not None:
            tokens = tokens.masked_fill(features.invalid[..., None], 0)
        return self.split_streams(replace(features, tokens=tokens, levels=levels))

    def adapt_levels(self, features: ImageFeatures) -> tuple[Tensor, ...]:
        """Hook for subclasses: levels of the image encoder, each (S*B, 1 + h*w, width)."""
        return features.levels

    def sentence_vector(self, joint: JointFeatures, inputs: GroundingInputs, num_patches: int) -> Tensor:
        """The fused token (B, D) that represents the sentence."""
        end = inputs.token_ids.argmax(dim=-1)
        samples = torch.arange(end.shape[0], device=end.device)
        if self.sentence_token == "end":
            return joint.text[samples, end]
        return joint.sequence[samples, 2 + num_patches + end]

"""HiVG: hierarchical multimodal fine-grained modulation for visual grounding (Xiao et al., ACM MM 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import AdaLoRA, PerStream, adapted_linears, slot_modules, unfreeze_layers
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.backbones.text_cache import TextCache
from rgbtvg.models.fusion.joint_encoder import JointFeatures
from rgbtvg.models.grounders.base import TwoEncoderGrounder, cell_maps, split_streams
from rgbtvg.models.heads.sentence_heads import TokenAlignmentHead
from rgbtvg.models.layers.linear import Linear
from rgbtvg.models.layers.positions import resize_grid_rows
from rgbtvg.registry import MODELS
from rgbtvg.structures import MODALITY_STREAMS, GroundingInputs, GroundingSample, ImageFeatures, TextFeatures

SENTENCE_TOKENS = ("end", "after_first_stream")
PROJECTIONS = ("level_proj", "image_proj")


@MODELS.register_module()
class HiVG(TwoEncoderGrounder):
    """CLIP adapted by low-rank updates, guided by the sentence from inside, and one joint transformer.

    Both streams of a pair pass through the same CLIP in one batched pass, and part only where they have weights of
    their own. Everything outside CLIP learns; of CLIP itself, :meth:`unfreeze_layers` decides what learns.

    Args:
        fusion: config of :class:`JointEncoder`; token counts are filled in.
        guide: config of the block that is put into a slot of `guide_layers` (:class:`CrossModalBridge`,
            :class:`TextGuidedBlock`), without sizes; None for none.
        guide_layers: layers of the image encoder, from 0.
        guide_per_stream: one guide per stream instead of a shared one.
        patch_choice: config of :class:`PatchChoice`, without sizes: which patches the sentence means is learned by
            cross-entropy (:class:`PatchChoiceHead` among the auxiliary heads), what they hold is added to the
            regression token, and the box is measured from their mean place. No published method has it; small models
            from scratch learn in minutes with it. None for none.
        adapter: config of :class:`LoRA` or :class:`AdaLoRA`; None for none.
        level_adapter: config of :class:`CLIPAdapter` on the levels, one per stream: ``dict(type='CLIPAdapter',
            levels=[0])`` with indices into `out_levels`; None for none.
        tuned_weights: which pre-trained weights learn in open layers, see :func:`unfreeze_layers`.
        image_depth, text_depth: open layers at the start, see :meth:`unfreeze_layers`.
        projections_per_stream: of ``'level_proj'`` and ``'image_proj'``, those that thermal has a copy of.
        frozen_guides: streams whose guides do not learn. The reference with two bridges leaves the thermal one at
            random.
        sentence_token: which fused token stands for the sentence in the auxiliary losses: ``'end'``, the sentence's
            end token; or ``'after_first_stream'``, the token as far behind the first stream's patches as the end
            token is behind the sentence's start. With two streams side by side that is a thermal patch, which the
            RGB-T references read by mistake.
        image_size: side of the square network input in pixels.
        max_length: tokens of a sentence.
        kwargs: see :class:`TwoEncoderGrounder`; encoders :class:`CLIPVisionEncoder`, whose `out_levels` are
            concatenated and projected, and :class:`CLIPTextEncoder`, whose `out_levels` feed the guides that gate
            several text layers; head :class:`BoxHead`.
    """

    image_encoder: CLIPVisionEncoder
    text_encoder: CLIPTextEncoder

    def __init__(
        self,
        fusion: dict,
        guide: dict | None = None,
        guide_layers: Sequence[int] = (0, 3, 7, 11),
        guide_per_stream: bool = False,
        patch_choice: dict | None = None,
        adapter: dict | None = None,
        level_adapter: dict | None = None,
        tuned_weights: str = "none",
        image_depth: int | float = 0,
        text_depth: int | float | None = None,
        projections_per_stream: Sequence[str] = (),
        frozen_guides: Sequence[str] = (),
        sentence_token: str = "end",
        image_size: int = 224,
        max_length: int = 77,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sentence_token not in SENTENCE_TOKENS:
            raise ConfigError(f"sentence_token must be one of {', '.join(SENTENCE_TOKENS)}, got {sentence_token!r}")
        if set(projections_per_stream) - set(PROJECTIONS) or set(frozen_guides) - set(MODALITY_STREAMS["rgbt"]):
            raise ConfigError(
                f"projections_per_stream are of {', '.join(PROJECTIONS)} and frozen_guides of rgb, ir; got "
                f"{tuple(projections_per_stream)} and {tuple(frozen_guides)}"
            )
        self.sentence_token = sentence_token
        self.max_length = max_length
        self.tuned_weights = tuned_weights
        self.frozen_guides = tuple(frozen_guides)
        self.text_cache = TextCache()
        self.register_load_state_dict_pre_hook(lambda model, *_: model.text_cache.clear())
        if len(self.streams) == 1:  # passes unchanged, so the neck has nothing to learn from
            self.neck.requires_grad_(False)
        self._build_guides(guide, guide_layers, guide_per_stream)
        self.adapter = None if adapter is None else MODELS.build(adapter)
        if self.adapter is not None:
            self.adapter.attach(self.image_encoder, self.streams)
            self.adapter.attach(self.text_encoder, ("text",))
        self._build_level_adapters(level_adapter)
        self._build_fusion(fusion, projections_per_stream, image_size, max_length)
        sizes = dict(width=self.fusion.width, text_width=self.text_encoder.embed_dim)
        self.patch_choice = None if patch_choice is None else MODELS.build({**sizes, **patch_choice})
        self.unfreeze_layers(image_depth, text_depth)

    def _build_guides(self, guide: dict | None, layers: Sequence[int], per_stream: bool) -> None:
        """Put a guide into every named layer's slot."""
        self.guide_proj = None
        if guide is None:
            return
        arch, text = self.image_encoder.arch, self.text_encoder
        sizes = dict(width=arch["width"], num_heads=arch["heads"], mlp_width=arch["mlp_width"])
        if guide["type"] == "CrossModalBridge":
            sizes.update(text_width=text.arch["width"], text_length=text.arch["context_length"])
        if not set(layers) <= set(range(len(self.image_encoder.layers))):
            raise ConfigError(
                f"guide_layers {tuple(layers)} are not all among the {len(self.image_encoder.layers)} layers, from 0"
            )
        for index in layers:
            build = [MODELS.build({**sizes, **guide}) for _ in (self.streams if per_stream else [None])]
            module = PerStream(dict(zip(self.streams, build, strict=True))) if per_stream else build[0]
            self.image_encoder.layers[index].slots["guide"] = module
        if not guide.get("num_text_levels"):
            self.guide_proj = nn.Linear(text.embed_dim, arch["width"])

    def _build_level_adapters(self, level_adapter: dict | None) -> None:
        """One bottleneck adapter per chosen level and stream."""
        self.level_adapters = nn.ModuleDict()
        if level_adapter is None:
            return
        options = dict(level_adapter)
        for level in options.pop("levels"):
            adapters = {
                stream: MODELS.build(dict(options, width=self.image_encoder.level_widths[0])) for stream in self.streams
            }
            index = range(len(self.image_encoder.out_levels))[level]
            self.level_adapters[str(index)] = PerStream(adapters)

    def _build_fusion(self, fusion: dict, per_stream: Sequence[str], image_size: int, max_length: int) -> None:
        rows, columns = self.image_encoder.grid_of((image_size, image_size))
        num_image = self.neck.num_tokens(rows * columns, 1, len(self.streams))
        sizes = dict(num_image=num_image, num_text=max_length, image_grid=(rows, columns))
        self.fusion = MODELS.build({**sizes, **fusion})
        width, encoder = self.fusion.width, self.image_encoder
        self.level_proj = Linear(sum(encoder.level_widths), encoder.embed_dim)
        self.image_proj = Linear(encoder.embed_dim, width)
        self.text_proj = nn.Linear(self.text_encoder.embed_dim, width)
        for name in per_stream:
            linear = getattr(self, name)
            copies = {stream: Linear(linear.in_features, linear.out_features) for stream in self.streams}
            setattr(self, name, PerStream(copies))

    def init_weights(self) -> None:
        """Pre-trained CLIP, and the projection of the levels as the sum of CLIP's own projections of each."""
        super().init_weights()
        tiled = self.image_encoder.projection.weight.data.repeat(1, len(self.image_encoder.out_levels))
        linears = self.level_proj.values() if isinstance(self.level_proj, PerStream) else [self.level_proj]
        for linear in linears:
            linear.weight.data.copy_(tiled)

    # What learns, and how the weights are stored

    def unfreeze_layers(self, image_depth: int | float, text_depth: int | float | None = None) -> None:
        """Let CLIP's first layers learn (adapters, and weights by `tuned_weights`) and freeze the rest; stages call
        this.

        Args:
            image_depth: layers of the image encoder, as a count or a share of its depth.
            text_depth: layers of the text encoder; like `image_depth` by default.
        """
        text_depth = image_depth if text_depth is None else text_depth
        unfreeze_layers(self.image_encoder, image_depth, self.tuned_weights)
        unfreeze_layers(self.text_encoder, text_depth, self.tuned_weights)
        for module in slot_modules(self.image_encoder):
            module.requires_grad_(True)
            for stream in self.frozen_guides:
                if isinstance(module, PerStream) and stream in module:
                    module[stream].requires_grad_(False)

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

    def merge_adapters(self) -> None:
        """For inference: fold every group of low-rank updates into a ready weight of its own. Training unfolds them."""
        for linear in adapted_linears(self):
            linear.merge()

    def unmerge_adapters(self) -> None:
        """Undo :meth:`merge_adapters`, exactly."""
        for linear in adapted_linears(self):
            linear.unmerge()

    def train(self, mode: bool = True) -> HiVG:
        """Sentences kept from before are forgotten: weights may have changed, or will."""
        self.text_cache.clear()
        return super().train(mode)

    def losses(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms of all heads, and the regularisation of an adapter that has one."""
        losses = super().losses(outputs, data_samples)
        if isinstance(self.adapter, AdaLoRA):
            losses["loss_orthogonality"] = self.adapter.loss(self)
        return losses

    # The way of the data

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Joint features, the box of the regression token, and what the auxiliary losses read."""
        words = self.encode_text(inputs)
        streams = self.encode_images(inputs, words)
        image = self.neck(streams, inputs)  # (B, 1 + S*h*w or 1 + h*w, D)
        text = self.project_text(words)  # (B, L, D)
        joint = self.fusion(image, text)
        rows, columns = image.grid
        sentence = self.sentence_vector(joint, inputs, rows * columns)
        if self.patch_choice is None:
            boxes, choice = self.head(joint.regression), {}
        else:
            chosen = self.patch_choice(image, words.pooled, joint.image, sentence)
            boxes = self.head(joint.regression + chosen.token, chosen.centre)
            choice = {"patch_logits": chosen.logits}
        return {
            "words": words,
            "streams": streams,
            "image": image,
            "text": text,
            "joint": joint,
            "grid": image.grid,
            "patches": joint.image[:, 1 : 1 + rows * columns],
            "sentence": F.normalize(sentence, dim=-1),
            "text_embedding": F.normalize(words.pooled.float(), dim=-1),
            "image_embeddings": {name: F.normalize(stream.pooled.float(), dim=-1) for name, stream in streams.items()},
            "pred_boxes": boxes.float(),
            **choice,
        }

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Attention of the regression token, the choice of patches, what a :class:`TokenAlignmentHead` says of them."""
        maps = cell_maps("attention", self.fusion.answer_attention(outputs["joint"]), outputs["streams"])
        if "patch_logits" in outputs:
            maps["chosen patches"] = outputs["patch_logits"][-1].softmax(-1).unflatten(1, outputs["grid"])
        for head in self.auxiliary_heads:
            if isinstance(head, TokenAlignmentHead):
                maps["likeness to the sentence"] = head(outputs).sigmoid().unflatten(1, outputs["grid"])
        return maps

    def encode_text(self, inputs: GroundingInputs) -> TextFeatures:
        """Words (B, L, E) in the image-text space."""
        if self.training or torch.is_grad_enabled():
            return self.text_encoder(inputs.token_ids, inputs.token_mask)
        return self.text_cache(self.text_encoder, inputs.token_ids, inputs.token_mask)

    def project_text(self, words: TextFeatures) -> TextFeatures:
        """Words (B, L, D) at the fusion's width."""
        return replace(words, tokens=self.text_proj(words.tokens))

    def encode_images(self, inputs: GroundingInputs, words: TextFeatures) -> dict[str, ImageFeatures]:
        """Stream -> its levels, projected to the fusion's width (B, 1 + h*w, D)."""
        images = torch.cat([inputs.images[stream] for stream in self.streams])  # (S*B, C, H, W)
        mask = inputs.padding_mask.repeat(len(self.streams), 1, 1)
        language = words if self.guide_proj is None else replace(words, tokens=self.guide_proj(words.tokens))
        features = self.image_encoder(images, mask, language, groups=self.streams)
        levels = self.adapt_levels(features.levels)
        tokens = self.level_proj(torch.cat(levels, dim=-1), groups=self.streams)
        tokens = self.image_proj(tokens, groups=self.streams)
        features = replace(features, tokens=tokens, levels=levels)
        return dict(zip(self.streams, split_streams(features, len(self.streams)), strict=True))

    def adapt_levels(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Levels (S*B, 1 + h*w, width) behind their bottleneck adapters, where there are any."""
        return tuple(
            self.level_adapters[str(index)](level, groups=self.streams) if str(index) in self.level_adapters else level
            for index, level in enumerate(levels)
        )

    def sentence_vector(self, joint: JointFeatures, inputs: GroundingInputs, num_patches: int) -> Tensor:
        """The fused token (B, D) that stands for the sentence."""
        samples, end = torch.arange(inputs.batch_size), inputs.token_ids.argmax(dim=-1)
        if self.sentence_token == "end":
            return joint.text[samples, end]
        return joint.sequence[samples, 2 + num_patches + end]

"""Base of all methods: the three modes, the streams, and the conversion of boxes to pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters import LoRA, adapted_linears
from rgbtvg.models.heads.base import Head
from rgbtvg.models.layers.padding import find_invalid_patches
from rgbtvg.registry import MODELS
from rgbtvg.structures import (
    MODALITY_STREAMS,
    GroundingInputs,
    GroundingSample,
    ImageFeatures,
    Prediction,
    TextFeatures,
)
from rgbtvg.structures.boxes import cxcywh_to_xyxy
from rgbtvg.structures.frame import denormalise_boxes


class BaseGrounder(BaseModel):
    """A method: a subclass builds its parts and says in :meth:`encode` how data flows through them.

    Args:
        head: config of the head that turns the outputs into boxes, losses and predictions (`heads/`).
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        auxiliary_heads: heads that only add losses.
        data_preprocessor: config of :class:`GroundingPreprocessor`.
        init_cfg: MMEngine's.
    """

    adapter: LoRA | None = None

    def __init__(
        self,
        head: dict,
        modality: str = "rgb",
        auxiliary_heads: list[dict] | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict):  # MMEngine would look in its own registry, whatever the scope
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {sorted(MODALITY_STREAMS)}, got {modality!r}")
        self.modality = modality
        self.streams = MODALITY_STREAMS[modality]
        self.head = MODELS.build(head)
        self.auxiliary_heads = nn.ModuleList(MODELS.build(auxiliary) for auxiliary in auxiliary_heads or ())

    training_only: tuple[str, ...] = ()
    """Prefixes of state that only a training that resumes needs; other checkpoints may lack it."""

    def set_progress(self, epoch: int, iteration: int, iterations_per_epoch: int) -> None:
        """Note the position in the training, counted from 0. :class:`TrainingProgressHook` calls it every iteration."""

    def begin_step(self) -> None:
        """Prepare for an optimizer step. :class:`TrainingProgressHook` calls it before the first batch of each one."""

    def _dump_init_info(self) -> None:
        """Keep MMEngine from logging two lines per parameter about its initial value."""

    def attach_adapter(self, adapter: dict | None, encoders: Mapping[nn.Module, Sequence[str]]) -> None:
        """Build a low-rank adapter (:class:`LoRA`) and add it to encoders, each with the streams that it encodes."""
        if adapter is None:
            return
        self.adapter = MODELS.build(adapter)
        for encoder, streams in encoders.items():
            self.adapter.attach(encoder, streams)

    def merge_adapters(self) -> None:
        """Merge the low-rank updates into the weights for inference; training undoes it."""
        for linear in adapted_linears(self):
            linear.merge()

    def unmerge_adapters(self) -> None:
        """Undo :meth:`merge_adapters`, exactly."""
        for linear in adapted_linears(self):
            linear.unmerge()

    @property
    def training_hooks(self) -> list[dict[str, Any]]:
        """Configs of the MMEngine hooks that training this model needs."""
        return [] if self.adapter is None else self.adapter.training_hooks

    @abstractmethod
    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Compute everything that heads and their losses read, by name.

        ``pred_boxes_cxcywh`` (B, 4) or (B, Q, 4) cxcywh in [0, 1] of the padded input is the usual last entry. Names of
        intermediate features are the method's own; the parity cases read them too.
        """

    def forward(
        self, inputs: GroundingInputs, data_samples: Sequence[GroundingSample] = (), mode: str = "tensor"
    ) -> Any:
        """MMEngine's entry: ``loss`` gives a dict of losses, ``predict`` the samples, ``tensor`` the raw outputs."""
        if mode == "loss":
            return self.loss(inputs, list(data_samples))
        if mode == "predict":
            return self.predict(inputs, list(data_samples))
        if mode == "tensor":
            return self.encode(inputs)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms by name; those whose name contains ``loss`` are summed for the step."""
        return self.losses(self.encode(inputs), data_samples)

    def losses(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms of all heads on given outputs of :meth:`encode`."""
        return self.loss_terms(outputs, self.targets(outputs, data_samples))

    def compile_graphs(self, **kwargs: Any) -> None:
        """Compile :meth:`encode` and :meth:`loss_terms`, one graph each; matching and decoding stay outside.

        Args:
            kwargs: of ``torch.compile``.
        """
        self.encode = torch.compile(self.encode, fullgraph=True, **kwargs)  # type: ignore[method-assign]
        self.loss_terms = torch.compile(self.loss_terms, fullgraph=True, **kwargs)  # type: ignore[method-assign]

    def loss_heads(self) -> list[Head]:
        """All heads that have losses."""
        return [self.head, *self.auxiliary_heads]

    @torch.no_grad()
    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> list[Any]:
        """Targets of every head in :meth:`loss_heads`."""
        return [head.targets(outputs, data_samples) for head in self.loss_heads()]

    def loss_terms(self, outputs: dict[str, Any], targets: list[Any]) -> dict[str, Tensor]:
        """Loss terms of all heads and of the adapter, as a function of tensors."""
        losses: dict[str, Tensor] = {}
        for head, target in zip(self.loss_heads(), targets, strict=True):
            losses.update(head.loss(outputs, target))
        if self.adapter is not None and self.adapter.has_losses:
            losses.update(self.adapter.losses(self))
        gate = thermal_gate(outputs)
        if gate is not None:
            losses["thermal_gate"] = gate.detach().mean()  # logged, no term of the loss
        return losses

    def predict(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> list[GroundingSample]:
        """The samples with ``pred_boxes_xyxy`` (xyxy, pixels of the original image) and ``pred_scores`` added."""
        return self.predictions(self.encode(inputs), data_samples)

    def predictions(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> list[GroundingSample]:
        """The same on given outputs of :meth:`encode`."""
        predictions = on_host(self.head.predict(outputs))
        gate = thermal_gate(outputs)
        for sample, value in zip(data_samples, [] if gate is None else gate.tolist(), strict=gate is not None):
            sample.set_metainfo({"thermal_gate": value})
        # A comparison with NaN is False: without this check a diverged model would predict an empty mask.
        finite = [prediction.mask.isfinite().all() for prediction in predictions if prediction.mask is not None]
        has_mask = torch.stack(finite).tolist() if finite else [False] * len(predictions)
        for sample, prediction, masked in zip(data_samples, predictions, has_mask, strict=True):
            # The reference protocol clips the corners to the padded input before anything is measured.
            corners = cxcywh_to_xyxy(prediction.boxes_cxcywh).clamp(0, 1)
            height, width = sample.input_shape
            sample.pred_boxes_xyxy = sample.frame.to_image(corners * corners.new_tensor([width, height, width, height]))
            sample.pred_scores = prediction.scores
            if masked and prediction.mask is not None:
                sample.pred_mask = mask_to_image(prediction.mask, sample)
        return data_samples

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Relevance maps for visualization: name -> (B, h, w), non-negative, over the padded input.

        The name gives the kind: ``attention`` (sums to one, zero on padding), ``likeness`` or ``confidence``. Every
        method of this project has one.
        """
        return {}

    def encode_streams(
        self, encoder: nn.Module, inputs: GroundingInputs, language: TextFeatures | None = None
    ) -> dict[str, ImageFeatures]:
        """Run one shared image encoder over every stream of the modality, in one batched pass.

        `language` goes to the encoder, once per stream, for the modules in its slots.

        Returns stream name -> features.
        """
        if language is not None:
            language = repeat_text(language, len(self.streams))
        return self.split_streams(self.encode_stacked(encoder, inputs, language))

    def encode_stacked(
        self, encoder: nn.Module, inputs: GroundingInputs, language: TextFeatures | None = None, **options: Any
    ) -> ImageFeatures:
        """Features (S*B, ...) of the S streams of the modality, one after another along the batch.

        Thermal patches that show nothing are zero and masked. `language` and `options` go to the encoder as they are.
        """
        images = torch.cat([inputs.images[stream] for stream in self.streams])
        mask = inputs.padding_mask.repeat(len(self.streams), 1, 1)
        if inputs.thermal_valid is None:
            return encoder(images, mask, language, **options)
        if getattr(encoder, "takes_invalid", False):
            invalid = find_invalid_patches(inputs, self.streams, cast(Any, encoder).grid_of(inputs.input_shape))
            return encoder(images, mask, language, invalid=invalid, **options)
        return mask_invalid_patches(encoder(images, mask, language, **options), inputs, self.streams)

    def split_streams(self, features: ImageFeatures) -> dict[str, ImageFeatures]:
        """Stream name -> its part of features whose streams are stacked along the batch."""
        count = len(self.streams)
        names = ("tokens", "padding_mask", "pooled", "invalid")
        parts = {name: value.chunk(count) for name in names if (value := getattr(features, name)) is not None}
        levels = [level.chunk(count) for level in features.levels]
        return {
            stream: replace(
                features,
                levels=tuple(level[i] for level in levels),
                **{name: part[i] for name, part in parts.items()},
            )
            for i, stream in enumerate(self.streams)
        }


class TwoEncoderGrounder(BaseGrounder):
    """A method with an image encoder, a text encoder and a modality neck; a subclass joins what they give.

    Args:
        image_encoder: config of the image encoder.
        text_encoder: config of the text encoder.
        head: as in :class:`BaseGrounder`.
        neck: config of the modality neck (`necks/`), of class `default_neck` unless it is given.
        kwargs: see :class:`BaseGrounder`.
    """

    default_neck: ClassVar[str] = "ConcatTokens"

    def __init__(
        self, image_encoder: dict, text_encoder: dict, head: dict, neck: dict | None = None, **kwargs: Any
    ) -> None:
        super().__init__(head=head, **kwargs)
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        self.neck = MODELS.build(neck or dict(type=self.default_neck))
        if len(self.streams) == 1:  # the neck passes a single stream through unchanged
            self.neck.requires_grad_(False)


def thermal_gate(outputs: Mapping[str, Any]) -> Tensor | None:
    """Scale (B,) of thermal in each sample, of methods whose neck has a gate."""
    image = outputs.get("image")
    return image.gate if isinstance(image, ImageFeatures) else None


def mask_invalid_patches(features: ImageFeatures, inputs: GroundingInputs, streams: Sequence[str]) -> ImageFeatures:
    """Features (S*B, ...) of stacked streams whose thermal patches that show nothing are zero and masked."""
    invalid = find_invalid_patches(inputs, streams, features.grid)
    if invalid is None:
        return features
    invalid = F.pad(invalid, (features.num_prefix, 0), value=False)
    if invalid.shape != features.padding_mask.shape:  # tokens of several levels
        return features
    tokens, padded = features.tokens.masked_fill(invalid[..., None], 0), features.padding_mask | invalid
    return replace(features, tokens=tokens, padding_mask=padded, invalid=invalid)


def cell_layout(streams: Mapping[str, ImageFeatures], num_cells: int) -> tuple[list[tuple[int, int]], int]:
    """Grids of the levels behind `num_cells` image cells, and how many streams they stand for."""
    first = next(iter(streams.values()))
    maps = [level for level in first.levels if level.ndim == 4]
    grids = [(level.shape[2], level.shape[3]) for level in maps] or [first.grid]
    return grids, num_cells // sum(rows * columns for rows, columns in grids)


def cell_maps(name: str, cells: Tensor, streams: dict[str, ImageFeatures]) -> dict[str, Tensor]:
    """Values of the cells behind a neck, (B, N), as maps (B, h, w): one per stream where they stand side by side.

    Of several levels the first one, the finest, is taken. Values of prefix tokens are left out.
    """
    first = next(iter(streams.values()))
    of_stream = first.tokens.shape[1] - first.num_prefix
    parts = cells[:, cells.shape[1] % of_stream :].split(of_stream, dim=1)
    titles = [f"{name} {stream}" for stream in streams] if len(parts) == len(streams) > 1 else [name]
    height, width = first.grid
    return {
        title: part[:, : height * width].unflatten(1, first.grid) for title, part in zip(titles, parts, strict=True)
    }


def repeat_text(text: TextFeatures, count: int) -> TextFeatures:
    """The batch of sentences `count` times in a row, for as many streams stacked along the batch."""
    return TextFeatures(
        text.tokens.repeat(count, 1, 1),
        text.padding_mask.repeat(count, 1),
        tuple(level.repeat(count, 1, 1) for level in text.levels),
        None if text.pooled is None else text.pooled.repeat(count, 1),
    )


def on_host(predictions: list[Prediction]) -> list[Prediction]:
    """Boxes and scores of a batch in float32 on the host, in one transfer; masks stay where they are."""
    rows = torch.cat([torch.cat((p.boxes_cxcywh.float(), p.scores.float()[:, None]), dim=1) for p in predictions]).cpu()
    parts = rows.split([len(prediction.boxes_cxcywh) for prediction in predictions])
    return [
        replace(prediction, boxes_cxcywh=part[:, :4], scores=part[:, 4])
        for prediction, part in zip(predictions, parts, strict=True)
    ]


def mask_to_image(mask: Tensor, sample: GroundingSample) -> Tensor:
    """A soft mask (H', W') over the padded input -> bool (H, W) in the original image, thresholded at 0.5."""
    height, width = sample.input_shape
    mask = F.interpolate(mask[None, None].float(), (height, width), mode="bilinear")[0, 0]
    whole = denormalise_boxes(torch.tensor([0.5, 0.5, 1.0, 1.0]), (height, width))  # on the host
    left, top, right, bottom = sample.frame.to_image(whole).tolist()
    # Sample the input at the centre of every pixel of the original image.
    rows, cols = sample.ori_shape
    x = (torch.arange(cols, device=mask.device) + 0.5 - left) / (right - left) * 2 - 1
    y = (torch.arange(rows, device=mask.device) + 0.5 - top) / (bottom - top) * 2 - 1
    if sample.frame.scale_x < 0:
        x = -x
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
    return F.grid_sample(mask[None, None], grid, align_corners=False)[0, 0] > 0.5

"""A vision-language model that writes boxes as text, trained for RGB-T grounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.adapters import adapt_linears
from rgbtvg.models.general.prompts import note
from rgbtvg.models.general.residual import ThermalResidual
from rgbtvg.models.general.writers import GenerativeModel, Pictures
from rgbtvg.models.grounders.general import GeneralGrounder, images_of
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample

PAIRS = ("both_images", "residual")
"""Values of `thermal` that read both cameras."""
PARTS = ("vision", "projector", "language")
FULL = "full"
HASH = "base_sha256"


@MODELS.register_module()
class VLMGrounder(GeneralGrounder):
    """Trains a :class:`GenerativeModel`, which writes boxes as text, on the tokens of the right answers.

    Its checkpoints hold what has been trained and the SHA-256 of the base model, which is read from its own folder.

    Args:
        general: config of the writer.
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``. A single camera is read alone, whatever `thermal` says.
        thermal: how both cameras are read: ``'both_images'``, two images in the prompt; ``'residual'``, thermal tokens
            added to the RGB tokens inside the vision encoder (:class:`ThermalResidual`). ``'rgb'`` and ``'ir'`` read
            that camera alone and go with its modality.
        vision, projector, language: how a part learns: a rank of low-rank updates of all its Linears, 0 for not at
            all, or ``'full'`` for all its parameters.
        thermal_rank: rank of the thermal updates of the vision encoder (``residual``).
        layers: of the vision encoder, behind which thermal is added (``residual``).
        alpha: an update is scaled by alpha / rank.
        dropout: on the input of the updates, in training.
        bf16: hold what does not learn in bfloat16 and compute in it; otherwise in float32.
        constrained: generate only tokens that continue a box; an expression without a target gets one too.

    Raises:
        ConfigError: values that do not go together.
        CheckpointError: the base model is missing or damaged, see :func:`load_folder`.
    """

    general: GenerativeModel

    def __init__(
        self,
        general: dict,
        modality: str = "rgb",
        thermal: str = "rgb",
        vision: int | str = 16,
        projector: int | str = 16,
        language: int | str = 16,
        thermal_rank: int = 48,
        layers: Sequence[int] = (-1,),
        alpha: float = 32.0,
        dropout: float = 0.0,
        bf16: bool = True,
        constrained: bool = False,
    ) -> None:
        super().__init__(general, modality)
        if modality == "rgbt" and thermal not in PAIRS:
            raise ConfigError(
                f"thermal must be one of {', '.join(PAIRS)} with modality=rgbt, got {thermal!r}; set modality={thermal}"
            )
        if modality != "rgbt" and thermal not in (modality, *PAIRS):
            raise ConfigError(f"modality={modality} does not go with thermal={thermal!r}")
        self.thermal = thermal if modality == "rgbt" else modality
        if self.thermal == "both_images" and self.general.max_pictures < 2:
            raise ConfigError(f"{type(self.general).__name__} reads one image: set thermal=residual or one modality")
        self.optional_streams = ("ir",) if self.thermal == "residual" else ()
        self.bf16 = bf16
        self.constrained = constrained
        tuning = dict(zip(PARTS, (vision, projector, language), strict=True))
        # What a config of a checkpoint may allocate does not count the user's own files.
        with torch.utils._python_dispatch._disable_current_modes():
            self._freeze(tuning)
            sha256 = "" if self.general.processor is None else self.identity()["sha256"]
        self.register_buffer(HASH, torch.frombuffer(bytearray.fromhex(sha256 or "00" * 32), dtype=torch.uint8).clone())
        self.residual: ThermalResidual | None = None
        if self.thermal == "residual":
            self.residual = ThermalResidual(self.general, layers, thermal_rank, alpha, dropout)
        for part, rank in tuning.items():
            if isinstance(rank, int) and rank > 0:
                for module in self.general.modules_of(part):
                    adapt_linears(module, rank, alpha, dropout)
        self._register_state_dict_hook(_without_frozen)
        self.register_load_state_dict_post_hook(_forgive_frozen)
        self.register_load_state_dict_pre_hook(_check_base)

    def _freeze(self, tuning: Mapping[str, int | str]) -> None:
        """Set what learns, and number formats: float32 for what learns, in which an optimizer's steps count."""
        for part, how in tuning.items():
            if how != FULL and not (type(how) is int and how >= 0):
                raise ConfigError(f"{part} must be a rank from 0 on or {FULL!r}, got {how!r}")
        for name, parameter in self.general.model.named_parameters():
            full = tuning[self.general.part_of(name)] == FULL
            parameter.requires_grad_(full)
            parameter.data = parameter.data.to(torch.bfloat16 if self.bf16 and not full else torch.float32)

    def init_weights(self) -> None:
        """Keep the weights of the folder."""

    def forward(
        self,
        inputs: Mapping[str, Sequence[Tensor]],
        data_samples: list[GroundingSample] | None = None,
        mode: str = "predict",
        thermal_valid: Sequence[Tensor] | None = None,
    ) -> Any:
        """MMEngine's entry.

        Args:
            inputs: stream -> uint8 (C, H, W) per sample, thermal with one channel. Without ``'ir'``, a model that reads
                both cameras by ``thermal='residual'`` is the RGB-only model.
            data_samples: the samples.
            mode: ``'loss'`` gives ``loss_answer``, and ``thermal_gate_<layer>`` for the log (``residual``);
                ``'predict'`` the samples with ``pred_boxes_xyxy`` and ``pred_scores``, or with the reason why there are
                none.
            thermal_valid: bool (H, W) per sample, True where thermal is valid (``residual``); by default everywhere. A
                thermal image of one value is not valid anywhere.

        Raises:
            ConfigError: another mode.
        """
        if mode not in ("loss", "predict") or data_samples is None:
            raise ConfigError(f"{type(self).__name__} has no raw outputs, only mode='loss' and mode='predict'")
        images = images_of(inputs, self.streams)
        pictures = self._pictures(images)
        batch = self.general.inputs(
            pictures, self.general.build_prompts([sample.expression for sample in data_samples], note(self.thermal))
        )
        device = cast(nn.Parameter, next(self.general.model.parameters())).device
        with (
            torch.autocast(device.type, torch.bfloat16, enabled=self.bf16),
            self._thermal(images, pictures, thermal_valid),
        ):
            if mode == "loss":
                boxes = [sample.frame.to_input(sample.gt_boxes_xyxy) for sample in data_samples]
                loss = self.general.answer_loss(batch, pictures, boxes)
                gates = {} if self.residual is None else self.residual.gates()
                return dict(loss_answer=loss, **{f"thermal_gate_{layer}": gate for layer, gate in gates.items()})
            found = self.general.generate_boxes(batch, pictures, self.constrained)
        self.add_located(data_samples, found)
        return data_samples

    def _pictures(self, images: Mapping[str, list[Image.Image]]) -> list[Pictures]:
        streams = self.streams if self.thermal == "both_images" else self.streams[:1]
        missing = [stream for stream in streams if stream not in images]
        if missing:
            raise ConfigError(f"the samples have no {missing[0]} images: give LoadImages the modality of the model")
        return list(zip(*(images[stream] for stream in streams), strict=True))

    def _thermal(
        self,
        images: Mapping[str, list[Image.Image]],
        pictures: Sequence[Pictures],
        thermal_valid: Sequence[Tensor] | None,
    ) -> AbstractContextManager[None]:
        """The context in which the vision encoder sees thermal; an empty one where there is nothing to see."""
        if self.residual is None or "ir" not in images:
            return nullcontext()
        shown, valid = [], []
        for i, ((rgb,), thermal) in enumerate(zip(pictures, images["ir"], strict=True)):
            given = None if thermal_valid is None else thermal_valid[i].cpu().numpy()
            pixels, mask = checked_thermal(np.asarray(thermal), given)
            shown.append((Image.fromarray(pixels).resize(rgb.size),))
            valid.append(torch.from_numpy(mask))
        if not any(mask.any() for mask in valid):
            return nullcontext()
        batch = self.general.image_inputs(shown)
        valid = [mask.to(batch["pixel_values"].device) for mask in valid]
        return self.residual.shown(
            self.general.vision_inputs(batch), lambda state: self.general.valid_tokens(valid, batch, state)
        )


def checked_thermal(pixels: np.ndarray, valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """A thermal image (H, W, 3) that is black where it is not valid, and its mask (H, W).

    What stands in an invalid region changes nothing, and an image of one value is not valid anywhere.
    """
    mask = np.ones(pixels.shape[:2], dtype=bool) if valid is None else valid.astype(bool)
    seen = pixels.reshape(-1, pixels.shape[2]) if mask.all() else pixels[mask]
    if not len(seen) or (seen == seen[0]).all():
        mask = np.zeros_like(mask)
    return np.where(mask[..., None], pixels, 0).astype(pixels.dtype), mask


def _learning(model: VLMGrounder) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def _without_frozen(model: VLMGrounder, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    """Hook of ``state_dict``: keep what learns, once each, and the hash of the base model."""
    kept = _learning(model) | {HASH}
    for name in [key for key in state if key.startswith(prefix) and key.removeprefix(prefix) not in kept]:
        del state[name]


def _forgive_frozen(model: VLMGrounder, keys: Any) -> None:
    """Hook after loading: what :func:`_without_frozen` leaves out is not missing."""
    kept = _learning(model)
    keys.missing_keys[:] = [key for key in keys.missing_keys if key in kept]


def _check_base(model: VLMGrounder, state: Mapping[str, Tensor], prefix: str, *args: Any) -> None:
    """Hook before loading.

    Raises:
        CheckpointError: the weights were trained on another base model.
    """
    wanted = state.get(prefix + HASH)
    here = cast(Tensor, getattr(model, HASH)).cpu()
    if wanted is not None and not torch.equal(wanted.cpu().to(torch.uint8), here):
        raise CheckpointError(
            f"the checkpoint was trained on a base model with SHA-256 {bytes(wanted.to(torch.uint8).tolist()).hex()}, "
            f"but {model.general.weights} has {bytes(here.tolist()).hex()}: name the folder of the same files with "
            "--cfg-options weights=FOLDER"
        )

"""What every method's parity module builds on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from cases import Case
from torch import Tensor, nn

from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import Frame, GroundingInputs, GroundingSample

Tensors = dict[str, Tensor]


class ParityMethod:
    """A method's side of the comparison; each ``methods/<method>.py`` holds one as ``METHOD``.

    A subclass says how the case's config becomes ours (:meth:`model_config`), which modules to listen to (:meth:`taps`)
    and how what they gave is laid out under the reference's names (:meth:`outputs`). The rest has defaults for the
    common names.
    """

    def model_config(self, case: Case) -> dict:
        """Config of our grounder for the case's config, without `data_preprocessor`."""
        raise NotImplementedError

    def build(self, case: Case) -> BaseGrounder:
        return MODELS.build(self.model_config(case)).eval()

    def modality(self, case: Case) -> str:
        return case.spec["config"].get("modality", "rgb")

    def inputs(self, case: Case) -> GroundingInputs:
        """The batch of a case.

        It reads ``image`` (B, 3 or 4, H, W), ``image_mask`` 1 = padding, ``token_ids``, and ``token_mask`` 1 = token or
        ``token_padding`` 1 = padding; without a mask nothing is padded.
        """
        image = torch.from_numpy(case.inputs["image"])
        token_ids = torch.from_numpy(case.inputs["token_ids"])
        return GroundingInputs(
            images=self.streams(case, image),
            padding_mask=image_padding(case, image),
            token_ids=token_ids,
            token_padding_mask=self.token_padding_mask(case, token_ids),
        )

    def streams(self, case: Case, image: Tensor) -> Tensors:
        """Our streams of the case's ``image``."""
        return image_streams(image, self.modality(case))

    def token_padding_mask(self, case: Case, token_ids: Tensor) -> Tensor:
        if "token_mask" in case.inputs:
            return ~torch.from_numpy(case.inputs["token_mask"]).bool()
        if "token_padding" in case.inputs:
            return torch.from_numpy(case.inputs["token_padding"]).bool()
        return token_ids == 0

    def samples(self, case: Case) -> list[GroundingSample]:
        """Targets: ``target_box`` (B, 4) cxcywh in [0, 1] and ``target_mask`` (B, 1, H, W) where the case has them."""
        height, width = case.inputs["image"].shape[-2:]
        samples = []
        for row in range(len(case.inputs["image"])):
            sample = GroundingSample(
                metainfo=dict(input_shape=(height, width), ori_shape=(height, width), frame=Frame())
            )
            if "target_box" in case.inputs:
                sample.gt_boxes_cxcywh = torch.from_numpy(case.inputs["target_box"][row]).float().reshape(-1, 4)
            if "target_mask" in case.inputs:
                sample.gt_masks = torch.from_numpy(case.inputs["target_mask"][row]).reshape(-1, height, width)
            samples.append(sample)
        return samples

    def targets(self, case: Case) -> Tensor:
        """Target boxes (B, 4), cxcywh in [0, 1]."""
        return torch.from_numpy(case.inputs["target_box"]).float()

    def taps(self, case: Case) -> Mapping[str, str]:
        """Name of ours -> path of the module whose output (or first output) is kept."""
        return {}

    def outputs(self, case: Case, outputs: dict[str, Any], tapped: dict[str, Any]) -> Tensors:
        """Everything of the case's outputs that our model has too, under the reference's names and in its layouts.

        Args:
            outputs: what ``Grounder.encode`` gave.
            tapped: what the modules of :meth:`taps` gave.
        """
        raise NotImplementedError

    def encode(self, case: Case, model: BaseGrounder) -> dict[str, Any]:
        """Run our model on the case's inputs."""
        return model.encode(self.inputs(case))

    def loss_terms(self, case: Case, model: BaseGrounder, outputs: dict[str, Any]) -> Tensors:
        """Our losses for the case's targets, under our names."""
        return model.losses(outputs, self.samples(case))

    def losses(self, case: Case, losses: Tensors, outputs: dict[str, Any]) -> Tensors:
        """Our losses under the reference's names; the sum of ours is the total."""
        total = sum(value for name, value in losses.items() if "loss" in name)
        return {**losses, "total": total, "loss_total": total}

    def idle_trainable(self, case: Case) -> Iterable[str]:
        """Reference names that the reference lists as trainable although they never learn, and that we freeze."""
        return ()

    def functions(self, case: Case) -> Iterable[tuple[str, Any, Any]]:
        """Name, our answer and the reference's answer of every function of a case that lists ``functions``."""
        return ()

    def variants(self, case: Case, model: BaseGrounder) -> Iterable[tuple[str, Case]]:
        """The case's variants (a defect corrected, one sample alone), one after the other: before each is given, the
        model is turned into it. A variant is the case with the inputs, outputs, losses and gradients of the variant."""
        return ()

    def special(self, case: Case) -> Tensors | None:
        """Outputs of a case that runs no model (a single function, a table that is resized), or None."""
        return None


def image_streams(image: Tensor, modality: str) -> Tensors:
    """(B, 3 or 4, H, W) in the reference's channel order -> our streams, thermal repeated to three channels."""
    if modality == "rgbt":
        return {"rgb": image[:, :3], "ir": image[:, 3:].repeat(1, 3, 1, 1)}
    return {modality: image}


def image_padding(case: Case, image: Tensor) -> Tensor:
    if "image_mask" in case.inputs:
        return torch.from_numpy(case.inputs["image_mask"]).bool()
    return torch.zeros(len(image), *image.shape[-2:], dtype=torch.bool)


class Listener:
    """Keeps the outputs of named modules during a forward pass.

    A module that runs several times (once per stream) leaves a list, in the order of the calls.
    """

    def __init__(self, model: nn.Module, paths: Mapping[str, str]) -> None:
        self.kept: dict[str, list] = {name: [] for name in paths}
        self.handles = [
            model.get_submodule(path).register_forward_hook(self._keeper(name)) for name, path in paths.items()
        ]

    def _keeper(self, name: str):
        def keep(module: nn.Module, args: tuple, output: Any) -> None:
            self.kept[name].append(output)

        return keep

    def tapped(self) -> dict[str, Any]:
        for handle in self.handles:
            handle.remove()
        return {name: calls[0] if len(calls) == 1 else calls for name, calls in self.kept.items()}

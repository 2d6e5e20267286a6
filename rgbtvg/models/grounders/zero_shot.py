"""A general model that others have trained, tested as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image
from torch import Tensor

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.base import Located
from rgbtvg.models.general.prompts import note
from rgbtvg.models.grounders.general import GeneralGrounder, images_of
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample

PAIRS = ("both_in_turn", "side_by_side")


@MODELS.register_module()
class ZeroShotGrounder(GeneralGrounder):
    """Asks a general model about the images of a sample; there is nothing to train.

    Args:
        general: config of the model (`rgbtvg/models/general/`).
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        pair: what is done with both cameras: ``'both_in_turn'`` asks about each and takes the answer of the better
            score; ``'side_by_side'`` shows one image, RGB on the left and thermal on the right, and maps boxes back.

    Raises:
        ConfigError: unknown modality or pair, or a model without scores is to be asked in turn.
    """

    reads_own_weights = True
    """The runner loads no checkpoint into such a model."""

    def __init__(self, general: dict, modality: str = "rgbt", pair: str = "both_in_turn") -> None:
        super().__init__(general, modality)
        if pair not in PAIRS:
            raise ConfigError(f"pair must be one of {', '.join(PAIRS)}, got {pair!r}")
        if modality == "rgbt" and pair == "both_in_turn" and not self.general.has_scores:
            raise ConfigError(
                f"pair=both_in_turn compares scores, and {type(self.general).__name__} gives none: set "
                "pair=side_by_side, modality=rgb or modality=ir"
            )
        self.pair = pair

    def forward(
        self,
        inputs: Mapping[str, Sequence[Tensor]],
        data_samples: list[GroundingSample] | None = None,
        mode: str = "predict",
        thermal_valid: Sequence[Tensor] | None = None,
    ) -> list[GroundingSample]:
        """The samples with ``pred_boxes_xyxy`` and ``pred_scores``, or with the reason why there are none.

        Args:
            inputs: stream -> uint8 (C, H, W) per sample, thermal with one channel.
            data_samples: the samples.
            mode: MMEngine's; only ``'predict'``.
            thermal_valid: of :class:`ThermalValidity`, which has made the other pixels black; not read.

        Raises:
            ConfigError: another mode.
        """
        if mode != "predict" or data_samples is None:
            raise ConfigError(f"{type(self).__name__} is only tested: use tools/test.py")
        images = images_of(inputs, self.streams)
        expressions = [sample.expression for sample in data_samples]
        self.add_located(data_samples, self._located(images, expressions))
        return data_samples

    def _located(self, images: Mapping[str, Sequence[Image.Image]], expressions: Sequence[str]) -> list[Located]:
        if self.modality == "rgbt" and self.pair == "side_by_side":
            pairs = list(zip(images["rgb"], images["ir"], strict=True))
            found = self.general.locate([side_by_side(*pair) for pair in pairs], expressions, note("side_by_side"))
            return [from_side_by_side(one, pair[0].width) for one, pair in zip(found, pairs, strict=True)]
        in_turn = [self.general.locate(images[stream], expressions, note(stream)) for stream in self.streams]
        return [max(answers, key=lambda answer: answer.best) for answers in zip(*in_turn, strict=True)]


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two images of one size as one."""
    joined = Image.new("RGB", (left.width + right.width, left.height))
    joined.paste(left, (0, 0))
    joined.paste(right, (left.width, 0))
    return joined


def from_side_by_side(located: Located, width: int) -> Located:
    """Boxes of a joined image in the frame of either half; the half of a box is that of its centre."""
    boxes = located.boxes.clone()
    in_right = boxes[:, [0, 2]].mean(1, keepdim=True) >= width  # (M, 1)
    boxes[:, [0, 2]] = (boxes[:, [0, 2]] - in_right * width).clamp(0, width)
    return Located(boxes, located.scores, located.problem)

"""The part that methods share whose box is read from one regression token of a joint transformer."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from rgbtvg.checkpoints import MOMENTUM
from rgbtvg.models.fusion.joint_encoder import JointEncoder, JointFeatures
from rgbtvg.models.grounders.attention_balance import AttentionBalance
from rgbtvg.models.grounders.base import TwoEncoderGrounder, cell_layout, cell_maps
from rgbtvg.models.heads.patch_choice import ChosenPatches, PatchChoice, chosen_map
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample, ImageFeatures, TextFeatures


class RegressionGrounder(TwoEncoderGrounder):
    """A method with a joint encoder (``fusion``) whose regression token gives the box.

    Args:
        fusion: config of :class:`JointEncoder`; token counts are filled in.
        image_size: side of the square network input in pixels.
        max_length: tokens of a sentence.
        patch_choice: config of :class:`PatchChoice`, without sizes, for small models (see there); its
            loss is :class:`PatchChoiceHead`. Not part of any published method.
        attention_balance: arguments of :class:`AttentionBalance`; ``dict()`` switches it on with its defaults.
        kwargs: see :class:`TwoEncoderGrounder`. The head is a :class:`BoxHead`.
    """

    num_prefix: ClassVar[int] = 0
    """Tokens that the image encoder puts in front of the patches."""
    fusion: JointEncoder

    def __init__(
        self,
        fusion: dict,
        image_size: int,
        max_length: int,
        patch_choice: dict | None = None,
        attention_balance: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        num_cells = self.image_encoder.num_tokens(image_size)
        levels = getattr(self.image_encoder, "token_grids", None)
        grids = levels(image_size) if levels else ((math.isqrt(num_cells),) * 2,)
        num_image = self.neck.num_tokens(num_cells, self.num_prefix, len(self.streams))
        sizes = dict(num_image=num_image, num_text=max_length, image_grids=grids)
        self.fusion = MODELS.build({**sizes, **fusion})
        text_width = getattr(self.text_encoder, "embed_dim", self.text_encoder.width)
        sizes = dict(width=self.fusion.width, text_width=text_width)
        self.patch_choice: PatchChoice | None = None
        if patch_choice is not None:
            self.patch_choice = MODELS.build({**sizes, **patch_choice})
        self.attention_balance = None if attention_balance is None else AttentionBalance(**attention_balance)
        if self.attention_balance is not None:
            self.training_only = (MOMENTUM,)
            self.register_load_state_dict_post_hook(_copy_weights_again)

    @abstractmethod
    def encode(self, inputs: GroundingInputs, return_attention: bool = False) -> dict[str, Any]:
        """As in :class:`BaseGrounder`; with `return_attention` the joint features hold the regression token's."""

    def locate(
        self,
        image: ImageFeatures,
        words: TextFeatures,
        joint: JointFeatures,
        streams: dict[str, ImageFeatures],
        sentence: Tensor | None = None,
    ) -> dict[str, Any]:
        """``pred_boxes_cxcywh`` (B, 4) from the regression token; with `patch_choice` also what its head reads.

        Args:
            image: tokens that entered the fusion.
            words: output of the text encoder.
            joint: output of the fusion.
            streams: outputs of the image encoder.
            sentence: (B, D), the fused token that stands for the sentence; the regression token by default.
        """
        assert joint.regression is not None  # these methods build a fusion that has one
        if self.patch_choice is None:
            return {"pred_boxes_cxcywh": self.head(joint.regression)}
        sentence = joint.regression if sentence is None else sentence
        chosen = choose_patches(self.patch_choice, image, words, joint, streams, sentence)
        boxes = self.head(joint.regression + chosen.token, chosen.centre)
        return {"pred_boxes_cxcywh": boxes, **chosen.outputs()}

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Attention of the regression token, and the distribution over the patches of `patch_choice`."""
        maps = cell_maps("attention", self.fusion.answer_attention(outputs["joint"]), outputs["streams"])
        return maps | chosen_map(outputs)

    def init_weights(self) -> None:
        """Read initial weights, and make the momentum copy where there is one."""
        super().init_weights()
        if self.attention_balance is not None:
            self.attention_balance.start(self)

    def set_progress(self, epoch: int, iteration: int, iterations_per_epoch: int) -> None:
        """Set the share of the distillation, and switch the extra terms off late in training."""
        if self.attention_balance is not None:
            self.attention_balance.set_progress(epoch, iteration, iterations_per_epoch)

    def begin_step(self) -> None:
        """Move the momentum copy, as long as a loss reads it."""
        if self.attention_balance is not None and self.attention_balance.active:
            self.attention_balance.update(self)

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms; with AttBalance the attention's too, and box losses weighted by difficulty."""
        balance = self.attention_balance
        if balance is None or not balance.active:
            return super().loss(inputs, data_samples)
        outputs = self.encode(inputs, return_attention=True)
        teacher = balance.momentum_attention(inputs, outputs["joint"].attention)
        terms = balance(outputs, teacher, inputs, data_samples)
        return self.losses({**outputs, "box_weights": terms.box_weights}, data_samples) | terms.losses


def choose_patches(
    patch_choice: PatchChoice,
    image: ImageFeatures,
    words: TextFeatures,
    joint: JointFeatures,
    streams: dict[str, ImageFeatures],
    sentence: Tensor,
) -> ChosenPatches:
    """Call `patch_choice` with patches and sentence before and after the fusion; arguments as in `locate` above."""
    before, after = (tokens[:, image.num_prefix :] for tokens in (image.tokens, joint.image))
    grids, _ = cell_layout(streams, before.shape[1])
    pooled = masked_mean(words.tokens, words.padding_mask) if words.pooled is None else words.pooled
    return patch_choice(before, grids, pooled, after, sentence)


def _copy_weights_again(module: RegressionGrounder, keys: Any) -> None:
    """Make the momentum copy again after weights without one were loaded."""
    if module.attention_balance is None:  # the copy itself
        return
    missing = [name for name in keys.missing_keys if name.startswith(module.training_only)]
    if missing:
        if module.attention_balance.start_equal:
            module.attention_balance.start(module)
        keys.missing_keys[:] = [name for name in keys.missing_keys if name not in missing]

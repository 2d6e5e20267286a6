"""Mask referring modelling: OneRef's pre-training by masked patches and words (Xiao et al. 2024, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.heads.box_head import single_targets
from rgbtvg.models.layers import MLP
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample
from rgbtvg.structures.frame import denormalise_boxes

BACKGROUND_RATIO, TARGET_RATIO = 0.35, 0.75
"""Shares of patches masked over the image and inside the target."""
WORD_RATIO = 0.4
"""Share of words masked."""
EASY_SHARE = 0.8


@dataclass
class MRefMTask:
    """Masked-modelling targets of one step.

    Args:
        inputs: the batch, its words masked in a language step.
        masked_patches: (B, h*w) bool in an image step, else None.
        codes: (M,) int64, visual words of the masked patches of all streams, row by row.
        cells: (B, h*w, 4), where every patch lies relative to the target, or None.
        masked_words: (B, L) bool in a language step, else None.
        words: (B, L) int64, the words as they were.
        shares: (B, L - 2), how much every word between the first and the last position belongs to the image, or None.
    """

    inputs: GroundingInputs
    masked_patches: Tensor | None = None
    codes: Tensor | None = None
    cells: Tensor | None = None
    masked_words: Tensor | None = None
    words: Tensor | None = None
    shares: Tensor | None = None


@MODELS.register_module()
class MRefMHead(nn.Module):
    """Even steps mask patches, most of them inside the target; odd steps mask words, those of the target first.

    Args:
        width: channels of the tower.
        codebook: config of the frozen image tokenizer (:class:`VQKDTokenizer`); None where the codes are given.
        codebook_size: visual words, needed when `codebook` is None; 0 leaves the image task out.
        vocab_size: words; 0 leaves the language task out.
        mask_id: id of the mask word.
        patch_position: also regress where each patch lies relative to the target (the paper's "visual target-relation
            score").
        word_share: also regress how much each word says about the image ("semantic target-relation score"). Nobody
            has published labels for it, so that it only learns where a task brings them along.
        label_smoothing: of the masked words' classes.
        easy_after: from this step on only :data:`EASY_SHARE` of the masked words with the smallest loss count.
    """

    step: Tensor

    def __init__(
        self,
        width: int,
        codebook: dict | None = None,
        codebook_size: int = 8192,
        vocab_size: int = 64010,
        mask_id: int = 64001,
        patch_position: bool = False,
        word_share: bool = False,
        label_smoothing: float = 0.1,
        easy_after: int = 12000,
    ) -> None:
        super().__init__()
        self.codebook = None if codebook is None else MODELS.build(codebook)
        if self.codebook is not None:
            codebook_size = self.codebook.num_codes
        if not codebook_size and not vocab_size:
            raise ConfigError("mask referring modelling needs codebook_size or vocab_size; both are 0")
        self.mim_head = nn.Linear(width, codebook_size) if codebook_size else None
        self.mim_vts_head = MLP((width, width, width, 4)) if patch_position else None
        self.mlm_head = nn.Linear(width, vocab_size) if vocab_size else None
        self.mlm_sts_head = MLP((width, width, width, 1)) if word_share else None
        self.vocab_size = vocab_size
        self.mask_id = mask_id
        self.label_smoothing = label_smoothing
        self.easy_after = easy_after
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def next_task(
        self, inputs: GroundingInputs, data_samples: list[GroundingSample], streams: Sequence[str]
    ) -> MRefMTask:
        """The task of this step; counts the step."""
        image_step = self.mlm_head is None or (self.mim_head is not None and self.step % 2 == 0)
        self.step += 1
        if image_step:
            return self.image_task(inputs, data_samples, streams)
        return self.language_task(inputs, data_samples)

    def image_task(
        self, inputs: GroundingInputs, data_samples: list[GroundingSample], streams: Sequence[str]
    ) -> MRefMTask:
        """Mask patches and look up their visual words; with several streams the same places in each."""
        if self.codebook is None:
            raise ConfigError("masked image modelling needs the config of an image tokenizer in codebook=")
        boxes = single_targets(data_samples).to(inputs.padding_mask.device)
        codes = torch.cat([self.codebook(inputs.images[stream], stream) for stream in streams], dim=1)
        grid = self.codebook.grid_of(inputs.input_shape)
        masked = referring_patch_mask(boxes, grid, BACKGROUND_RATIO, TARGET_RATIO)
        cells = patch_offsets(boxes, grid) if self.mim_vts_head is not None else None
        return MRefMTask(inputs, masked, codes[masked.repeat(1, len(streams))], cells)

    def language_task(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> MRefMTask:
        """Mask words; ``key_positions`` of a sample (places of its subject and object words) come first."""
        keys = [sample.get("key_positions", ()) for sample in data_samples]
        masked = referring_word_mask(inputs.token_padding_mask, keys, WORD_RATIO)
        token_ids = replace_words(inputs.token_ids, masked, self.mask_id)
        return MRefMTask(replace(inputs, token_ids=token_ids), masked_words=masked, words=inputs.token_ids)

    def forward(self, outputs: dict[str, Any], task: MRefMTask) -> dict[str, Tensor]:
        """Guesses about the M masked places.

        They are ``mim_logits`` (M, codes) and ``mim_cells`` (B, S*N, 4), or ``mlm_logits`` (M, words) and
        ``mlm_shares`` (B, L - 2).
        """
        guesses = {}
        if task.masked_patches is not None and self.mim_head is not None:
            num_prefix = outputs["vision"].shape[1] - outputs["similarity"].shape[1]
            patches = outputs["vision_embedding"][:, num_prefix:]
            likeness = outputs["sentence_embedding"][:, None] * patches  # (B, S*N, D)
            masked = task.masked_patches.repeat(1, patches.shape[1] // task.masked_patches.shape[1])
            guesses["mim_logits"] = self.mim_head(F.normalize(likeness[masked], dim=-1))
            if self.mim_vts_head is not None:
                guesses["mim_cells"] = self.mim_vts_head(likeness)
        if task.masked_words is not None and self.mlm_head is not None:
            words = outputs["text"].tokens
            guesses["mlm_logits"] = self.mlm_head(words[task.masked_words])
            if self.mlm_sts_head is not None:
                likeness = outputs["text_embedding"][:, 1:-1] * outputs["image_embedding"][:, None]
                guesses["mlm_shares"] = self.mlm_sts_head(likeness)[..., 0].softmax(-1)
        return guesses

    def loss(self, outputs: dict[str, Any], task: MRefMTask) -> dict[str, Tensor]:
        """The terms of the task's kind."""
        guesses, losses = self(outputs, task), {}
        if "mim_logits" in guesses and task.codes is not None:
            losses["loss_mim"] = F.cross_entropy(guesses["mim_logits"], task.codes)
        if "mim_cells" in guesses and task.cells is not None:
            cells = task.cells.repeat(1, guesses["mim_cells"].shape[1] // task.cells.shape[1], 1)
            losses["loss_mim_vts"] = (guesses["mim_cells"] - cells).abs().sum(-1).mean()
        if "mlm_logits" in guesses and task.words is not None:
            losses["loss_mlm"] = self._word_loss(guesses["mlm_logits"], task.words[task.masked_words])
        if "mlm_shares" in guesses and task.shares is not None:
            # The guess is a soft-max already and goes through a second one, as in the reference.
            share = guesses["mlm_shares"].log_softmax(-1)
            losses["loss_mlm_sts"] = F.kl_div(share, task.shares.softmax(-1), reduction="batchmean")
        return losses

    def _word_loss(self, logits: Tensor, words: Tensor) -> Tensor:
        """Divergence from smoothed labels: 1 - eps at the word, the rest spread over all others."""
        log_probability = logits.float().log_softmax(-1)
        others = self.label_smoothing / (self.vocab_size - 1)
        target = torch.full_like(log_probability, others)
        target.scatter_(1, words[:, None], 1 - self.label_smoothing)
        divergence = F.kl_div(log_probability, target, reduction="none").sum(-1)
        if self.step > self.easy_after:
            divergence = divergence.sort().values[: max(1, int(EASY_SHARE * len(divergence)))]
        return divergence.mean()


def random_share(among: Tensor, ratio: float) -> Tensor:
    """Pick places at random: of every row's L places in `among` (B, N) bool, all but floor(L * (1 - ratio))."""
    noise = torch.rand(among.shape, device=among.device).masked_fill(~among, 2.0)
    counts = among.sum(1)
    picked = counts - (counts * (1 - ratio)).floor().long()
    return (noise.argsort(1).argsort(1) < picked[:, None]) & among


def referring_patch_mask(
    boxes_cxcywh: Tensor, grid: tuple[int, int], background_ratio: float, target_ratio: float
) -> Tensor:
    """Mask (B, h*w) of patches: some everywhere, more inside the box (B, 4) and one patch around it."""
    height, width = grid
    corners = denormalise_boxes(boxes_cxcywh, grid).long()
    x0, y0, x1, y1 = corners.unbind(-1)
    x, y = torch.arange(width, device=corners.device), torch.arange(height, device=corners.device)
    columns = (x >= x0[:, None] - 1) & (x <= x1[:, None] + 1)  # (B, w)
    rows = (y >= y0[:, None] - 1) & (y <= y1[:, None] + 1)  # (B, h)
    inside = (rows[:, :, None] & columns[:, None, :]).flatten(1)
    anywhere = random_share(torch.ones_like(inside), background_ratio)
    return torch.where(inside, random_share(inside, target_ratio), anywhere)


def patch_offsets(boxes_cxcywh: Tensor, grid: tuple[int, int]) -> Tensor:
    """Offset of each patch from the box's centre, as a share of the grid, and its size in boxes: (B, h*w, 4)."""
    height, width = grid
    cx, cy, w, h = boxes_cxcywh[:, None].unbind(-1)  # each (B, 1)
    y, x = torch.meshgrid(
        torch.arange(height, device=boxes_cxcywh.device), torch.arange(width, device=boxes_cxcywh.device), indexing="ij"
    )
    horizontal = x.flatten()[None] / width - cx
    vertical = y.flatten()[None] / height - cy
    sizes = [1 / (w * width).clamp(min=1), 1 / (h * height).clamp(min=1)]
    return torch.stack([horizontal, vertical, *(size.expand_as(horizontal) for size in sizes)], dim=-1)


def referring_word_mask(padding_mask: Tensor, keys: Sequence[Sequence[int]], ratio: float) -> Tensor:
    """Mask (B, L) of words: key positions first, then random ones; never the first token, possibly the end token."""
    places = ~padding_mask
    lengths = places.sum(1)
    places[:, 0] = False
    counts = ((lengths - 1) * ratio + 0.5).long().clamp(min=1)
    counts = torch.minimum(counts, lengths - 1)
    priority = torch.rand(padding_mask.shape, device=padding_mask.device)
    for row, positions in enumerate(keys):
        for rank, position in enumerate(positions):
            priority[row, position] = rank - len(positions)
    priority = priority.masked_fill(~places, torch.inf)
    return (priority.argsort(1).argsort(1) < counts[:, None]) & places


def replace_words(token_ids: Tensor, masked: Tensor, mask_id: int, first_word: int = 3) -> Tensor:
    """Of the masked words 80 % become the mask word, 10 % stay, 10 % become any word (Devlin et al. 2019)."""
    draw = torch.rand(token_ids.shape, device=token_ids.device)
    anything = torch.randint_like(token_ids, first_word, mask_id + 1)
    replaced = torch.where(draw < 0.8, mask_id, torch.where(draw < 0.9, token_ids, anything))
    return torch.where(masked, replaced, token_ids)

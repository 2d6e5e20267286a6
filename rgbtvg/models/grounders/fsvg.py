"""FSVG: a simple and better baseline for visual grounding (Wang et al., ICME 2025)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.backbones.clip import patch_mask
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.heads.patch_choice import ChosenPatches, chosen_map
from rgbtvg.models.layers.padding import find_invalid_patches
from rgbtvg.models.layers.patch_selection import PatchSelection, attend_and_score, attention_weights
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, TextFeatures


@MODELS.register_module()
class FSVG(BaseGrounder):
    """CLIP's image tower reads patches and words together and drops patches that the words do not attend to.

    The word vectors of the text tower are widened and stand behind the patches in the image tower. The class token of
    the last layer gives the box. In rgbt both streams pass through the same tower in one batch, each selects its own
    patches, and a linear layer joins the two class tokens.

    Args:
        image_encoder: config of :class:`CLIPVisionEncoder`; `image_size` of its `arch` is the side of the network
            input, since the position table is trained at that size.
        text_encoder: config of :class:`CLIPTextEncoder`.
        head: config of :class:`BoxHead`, whose width the class token is projected to.
        selection: arguments of :class:`PatchSelection`.
        text_dropout: dropout on the widened words.
        patch_choice: as in :class:`RegressionGrounder`, with the class tokens in place of the regression token; dropped
            patches are zero.
        kwargs: see :class:`BaseGrounder`.
    """

    def __init__(
        self,
        image_encoder: dict,
        text_encoder: dict,
        head: dict,
        selection: dict | None = None,
        text_dropout: float = 0.1,
        patch_choice: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(head=head, **kwargs)
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        width = self.image_encoder.arch["width"]
        self.text_proj = nn.Sequential(
            nn.Linear(self.text_encoder.width, width), nn.LayerNorm(width, eps=1e-12), nn.Dropout(text_dropout)
        )
        self.selection = PatchSelection(**selection or {})
        self.stream_proj = nn.Linear(len(self.streams) * width, width) if len(self.streams) > 1 else nn.Identity()
        self.output_proj = nn.Linear(width, head["width"])
        sizes = dict(width=width, text_width=self.text_encoder.embed_dim)
        self.patch_choice = None if patch_choice is None else MODELS.build({**sizes, **patch_choice})
        # The class token is read before CLIP's last norm and projection.
        self.image_encoder.post_layernorm.requires_grad_(False)
        self.image_encoder.projection.requires_grad_(False)

    def encode(self, inputs: GroundingInputs) -> dict[str, Any]:
        """Tokens of the tower, the selections and the box of the class token."""
        words = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)  # (B, L, D')
        text = self.text_proj(words.tokens)  # (B, L, D)
        count = len(self.streams)
        images = torch.cat([inputs.images[stream] for stream in self.streams])  # (S*B, C, H, W)
        grid = self.image_encoder.grid_of(inputs.input_shape)
        padded = patch_mask(inputs.padding_mask, grid).repeat(count, 1)  # (S*B, N)
        invalid = find_invalid_patches(inputs, self.streams, grid)
        weights = self.word_weights(words).repeat(count, 1)
        tower = self.run_tower(images, text.repeat(count, 1, 1), weights, padded, invalid)
        classes = tower["sequence"][:, 0].chunk(count)  # S x (B, D)
        joined = self.stream_proj(torch.cat(classes, dim=-1))
        chosen = self.choose_patches(tower, words, joined, grid)
        token = self.output_proj(joined if chosen is None else joined + chosen.token)
        boxes = self.head(token, None if chosen is None else chosen.centre)
        return {
            **tower,
            "grid": grid,
            "padded": padded,
            "text_features": words,
            "text": text,
            "joined": joined,
            "token": token,
            "pred_boxes_cxcywh": boxes,
            **({} if chosen is None else chosen.outputs()),
        }

    def choose_patches(
        self, tower: dict[str, Any], words: TextFeatures, joined: Tensor, grid: tuple[int, int]
    ) -> ChosenPatches | None:
        """The choice among the patches that are left, where there is one; `joined` (B, D) are the class tokens."""
        if self.patch_choice is None:
            return None
        kept = tower["kept"][..., None].expand(-1, -1, joined.shape[1])  # (S*B, K, D)
        patches = tower["sequence"][:, 1 : 1 + kept.shape[1]]
        whole = patches.new_zeros(len(patches), grid[0] * grid[1], patches.shape[2]).scatter(1, kept, patches)
        whole = torch.cat(whole.chunk(len(self.streams)), dim=1)  # (B, S*N, D)
        return self.patch_choice(whole, [grid], words.pooled, whole, joined)

    def set_progress(self, epoch: int, iteration: int, iterations_per_epoch: int) -> None:
        """Set the keep rate of the epoch."""
        self.selection.set_epoch(epoch)

    def word_weights(self, words: TextFeatures) -> Tensor:
        """(B, L) weight of each position in the patches' scores."""
        padding = words.padding_mask
        return (~padding if self.selection.words_only else torch.ones_like(padding)).float()

    def run_tower(
        self, images: Tensor, text: Tensor, word_weights: Tensor, padded: Tensor, invalid: Tensor | None = None
    ) -> dict[str, Any]:
        """Run the image tower over ``[class | patches | words]``.

        Args:
            images: (B, C, H, W).
            text: (B, L, D).
            word_weights: (B, L).
            padded: (B, N) bool, True where padded.
            invalid: (B, N) bool, True at patches that no token attends to; they are dropped first.

        Returns:
            ``sequence`` (B, 1 + K + L, D), the last layer's ``last_input``, ``kept`` (B, K) the original indices of
            the patches that are left, and ``selections``, a dict of ``scores`` and ``kept`` per selecting layer, both
            on the patches in front of it (``index``).
        """
        encoder = self.image_encoder
        patches = encoder.pre_layernorm(encoder.embed(images))
        x = torch.cat((patches, text), dim=1)
        kept = torch.arange(padded.shape[1], device=x.device).expand(x.shape[0], -1)  # (B, N)
        selections: dict[int, dict[str, Tensor]] = {}
        last_input = x
        for index, layer in enumerate(encoder.layers):
            last_input = x
            num_patches = kept.shape[1]
            num_kept = self.selection.num_kept(index, num_patches)
            mask = None
            if invalid is not None:  # class token and words are always attended to
                mask = ~F.pad(invalid.gather(1, kept), (1, text.shape[1]), value=False)[:, None, None]
            if num_kept == num_patches:
                x = layer(x, attention_mask=mask)
                continue
            x, scores = attend_and_score(layer, x, word_weights, slice(1, 1 + num_patches), mask)
            chosen = self.selection(scores, num_kept, padded.gather(1, kept))  # (B, K)
            selections[index] = {"index": kept, "scores": scores}
            kept = kept.gather(1, chosen)
            rows = x[:, 1 : 1 + num_patches].gather(1, chosen[..., None].expand(-1, -1, x.shape[-1]))
            x = torch.cat((x[:, :1], rows, x[:, 1 + num_patches :]), dim=1)
            x = x + layer.mlp(layer.layer_norm2(x))
        return {"sequence": x, "last_input": last_input, "kept": kept, "selections": selections}

    def relevance(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Attention of the class token in the last layer, which patches were kept, and which were chosen."""
        layer, kept = self.image_encoder.layers[-1], outputs["kept"]
        attention, normed = layer.self_attn, layer.layer_norm1(outputs["last_input"])
        query = attention.split_heads(attention.q_proj(normed[:, :1]))
        weights = attention_weights(query, attention.split_heads(attention.k_proj(normed)))
        weights = weights[:, 0, 1 : 1 + kept.shape[1]]  # (S*B, K)
        padded = outputs["padded"]
        cells = torch.zeros_like(padded, dtype=torch.float32)
        maps = {
            "attention": cells.scatter(1, kept, weights).masked_fill(padded, 0),
            "kept": cells.scatter(1, kept, 1.0),
        }
        named: dict[str, Tensor] = {}
        for name, values in maps.items():
            titles = [f"{name} {stream}" for stream in self.streams] if len(self.streams) > 1 else [name]
            parts = values.unflatten(1, outputs["grid"]).chunk(len(self.streams))
            named.update(zip(titles, parts, strict=True))
        return named | chosen_map(outputs)

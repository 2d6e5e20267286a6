"""BEiT v2's image tokenizer (Peng et al. 2022): one of a few thousand visual words for every patch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.checkpoints.initial import read_initial_weights
from rgbtvg.datasets.pixel_statistics import Statistics, get_statistics
from rgbtvg.errors import CheckpointError
from rgbtvg.registry import MODELS
from rgbtvg.structures.grid_tables import resize_grid_table

BASE = dict(width=768, layers=12, heads=12)


@MODELS.register_module()
class VQKDTokenizer(BaseModule):
    """A frozen ViT whose patches are looked up in a codebook; labels for masked image modelling.

    Args:
        arch: `width`, `layers` and `heads` of the ViT.
        image_size: side of the input in pixels; positions of a file are resampled to it.
        patch_size: side of a patch, the tower's.
        num_codes, code_width: size of the codebook.
        statistics, thermal_normalisation: those that the images were normalised with (the preprocessor's). They are
            undone, since the tokenizer wants values in [-1, 1]; None leaves images as they are.
        pretrained: ``vqkd_encoder_base_decoder_3x768x12_clip-*.pth``. Without it the tokenizer is a fixed random
            projection.
    """

    def __init__(
        self,
        arch: Mapping[str, int] = BASE,
        image_size: int = 224,
        patch_size: int = 16,
        num_codes: int = 8192,
        code_width: int = 32,
        statistics: Statistics | None = None,
        thermal_normalisation: str = "dataset",
        pretrained: str | None = None,
    ) -> None:
        from timm.models.vision_transformer import VisionTransformer  # timm costs every start a second

        super().__init__()
        self.pretrained = pretrained
        self.patch_size = patch_size
        self.num_codes = num_codes
        self.statistics = statistics
        self.thermal_normalisation = thermal_normalisation
        self.encoder = VisionTransformer(
            img_size=image_size,
            patch_size=patch_size,
            embed_dim=arch["width"],
            depth=arch["layers"],
            num_heads=arch["heads"],
            num_classes=0,
            global_pool="avg",
            fc_norm=True,
        )
        self.project = nn.Sequential(
            nn.Linear(arch["width"], arch["width"]), nn.Tanh(), nn.Linear(arch["width"], code_width)
        )
        self.codebook = nn.Embedding(num_codes, code_width)
        self.requires_grad_(False)

    def grid_of(self, input_shape: tuple[int, int]) -> tuple[int, int]:
        """Patch grid (h, w) of an input of (H, W) pixels."""
        return input_shape[0] // self.patch_size, input_shape[1] // self.patch_size

    def train(self, mode: bool = True) -> VQKDTokenizer:
        """Always in evaluation mode."""
        return super().train(False)

    def init_weights(self) -> None:
        """Read the pre-trained weights."""
        if self.pretrained is None:
            return
        state = read_initial_weights(self.pretrained, "the VQ-KD image tokenizer")
        side = self.encoder.patch_embed.grid_size
        missing, _ = self.load_state_dict(self._renamed(state, side), strict=False)
        if missing:
            raise CheckpointError(
                f"{self.pretrained} lacks {len(missing)} weights of the tokenizer, {missing[0]} among them"
            )

    @staticmethod
    def _renamed(state: Mapping[str, Tensor], grid: tuple[int, int]) -> dict[str, Tensor]:
        """The released file's names -> ours."""
        ours: dict[str, Tensor] = {}
        for name, tensor in state.items():
            if name.endswith(".attn.q_bias"):
                # Keys have no bias there.
                stem = name.removesuffix("q_bias")
                bias = torch.cat((tensor, torch.zeros_like(tensor), state[f"{stem}v_bias"]))
                ours[f"{stem}qkv.bias"] = bias
            elif name.endswith("pos_embed"):
                ours[name] = resize_grid_table(tensor[0], grid, 1, antialias=False)[None]
            elif name.startswith("encode_task_layer."):
                ours[name.replace("encode_task_layer", "project")] = tensor
            elif name.startswith("quantize.embedding."):
                ours["codebook.weight"] = tensor
            elif name.startswith("encoder."):
                ours[name.replace("encoder.norm.", "encoder.fc_norm.")] = tensor
        return ours

    @torch.no_grad()
    def forward(self, images: Tensor, stream: str) -> Tensor:
        """Normalised images (B, 3, H, W) of a stream -> codes (B, h*w)."""
        if self.statistics is not None:
            pixels = get_statistics(self.statistics, stream, self.thermal_normalisation)
            mean, std = (images.new_tensor(values).view(1, -1, 1, 1) for values in (pixels.mean, pixels.std))
            images = (images * std + mean) * 2 - 1
        tokens = self.encoder.fc_norm(self.encoder.forward_features(images)[:, 1:])
        codes = F.normalize(self.project(tokens), dim=-1)  # (B, h*w, code_width)
        return (codes @ F.normalize(self.codebook.weight, dim=-1).t()).argmax(-1)

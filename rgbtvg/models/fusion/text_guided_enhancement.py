"""Image tokens weighted by how well they fit the sentence (ALVG: text-guided image enhancement)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.layers.precision import autocast_disabled, full_precision
from rgbtvg.registry import MODELS


@MODELS.register_module()
class TextGuidedEnhancement(nn.Module):
    """Scales every projected token by twice the sigmoid of its standardised cosine to the sentence.

    Args:
        width: channels.
        dropout: on both projections.
        eps: added to the deviation that standardises the cosines; 0 in the released code, which gives no number where
            all cosines are equal.
    """

    def __init__(self, width: int = 256, dropout: float = 0.1, eps: float = 1e-6) -> None:
        super().__init__()
        self.image_proj = nn.Linear(width, width)
        self.text_proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.eps = eps
        nn.init.xavier_uniform_(self.image_proj.weight)
        nn.init.xavier_uniform_(self.text_proj.weight)

    def forward(self, patches: Tensor, positions: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """patches and positions (B, N, D), sentence (B, 1, D) -> patches (B, N, D), scores (B, N) in (0, 2)."""
        # Standardising cosines that are nearly equal enlarges their rounding, hence float32 under autocast too.
        with autocast_disabled(patches.device):
            seen = self.dropout(self.image_proj(full_precision(patches) + positions))
            meant = self.dropout(self.text_proj(full_precision(sentence)))
            cosine = (F.normalize(seen, dim=-1) * F.normalize(meant, dim=-1)).sum(-1)  # (B, N)
            standard = (cosine - cosine.mean(1, keepdim=True)) / (cosine.std(1, keepdim=True) + self.eps)
            score = 2 * standard.sigmoid()
            return score[..., None] * seen, score

"""Side paths whose weights depend on the sentence (MMCA, Yao et al., ACM MM 2024)."""

from __future__ import annotations

from torch import Tensor, nn

from rgbtvg.models.layers import MLP
from rgbtvg.structures import TextFeatures


class ConditionGate(nn.Module):
    """One vector per sample from what the sentence says and what the image shows (MMCA, eq. 3 to 5).

    The image's part is weighed, channel by channel, before it joins the sentence's. Padded positions count in the
    image's mean, as in the reference.

    Args:
        image_proj: linear map of the image's mean state to `width` channels.
        text_width: channels of the sentence vector.
        width: channels of the answer.
    """

    def __init__(self, image_proj: nn.Module, text_width: int, width: int) -> None:
        super().__init__()
        self.image_proj = image_proj
        self.text_proj = nn.Linear(text_width, width, bias=False)
        self.weigh = MLP((width, width // 4, width))

    def forward(self, mean: Tensor, sentence: Tensor) -> Tensor:
        """Mean state (B, C) or (B, C, 1, 1) and sentence vector (B, D) -> (B, width)."""
        image = self.image_proj(mean).flatten(1)
        sentence = self.text_proj(sentence)
        return sentence + self.weigh(image + sentence).sigmoid() * image


class ConditionalMap(nn.Module):
    """A low-rank convolution beside a stage, its channels scaled by a :class:`ConditionGate`.

    Args:
        channels: of the map.
        text_width: channels of the sentence vector (``language.pooled``).
        rank: channels in the middle.
        gate_width: channels of the gate's vector.
        zero_init: start as nothing. The reference starts the last convolution at random, so that noise is added to the
            pre-trained features: False reproduces it.
    """

    def __init__(
        self, channels: int, text_width: int, rank: int = 64, gate_width: int = 128, zero_init: bool = True
    ) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, rank, 3, padding=1)
        self.gate = ConditionGate(nn.Conv2d(channels, gate_width, 1, bias=False), text_width, gate_width)
        self.scale = nn.Linear(gate_width, rank)
        self.up = nn.Conv2d(rank, channels, 1)
        # Every sentence scales by one at first.
        nn.init.zeros_(self.scale.weight)
        nn.init.ones_(self.scale.bias)
        if zero_init:
            for parameter in self.up.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor, language: TextFeatures) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w), to be added to the stage's output."""
        condition = self.gate(x.mean((2, 3), keepdim=True), language.pooled)
        return self.up(self.down(x) * self.scale(condition)[..., None, None])


class ConditionalTokens(nn.Module):
    """A low-rank linear path beside a projection of tokens, scaled by a :class:`ConditionGate`.

    Args:
        width: channels of the tokens.
        text_width, rank, gate_width: as for :class:`ConditionalMap`.
        zero_init: start as nothing, with a scale of one. The reference starts all matrices Xavier-uniform, the scale's
            among them: False reproduces it.
    """

    def __init__(
        self, width: int, text_width: int, rank: int = 64, gate_width: int = 128, zero_init: bool = True
    ) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.gate = ConditionGate(nn.Linear(width, gate_width, bias=False), text_width, gate_width)
        self.scale = nn.Linear(gate_width, rank)
        self.up = nn.Linear(rank, width, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.ones_(self.scale.bias)
        if zero_init:
            nn.init.zeros_(self.scale.weight)
            nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor, language: TextFeatures) -> Tensor:
        """(B, N, C) -> (B, N, C), to be added to queries or keys."""
        condition = self.gate(x.mean(1), language.pooled)
        return self.up(self.down(x) * self.scale(condition)[:, None])

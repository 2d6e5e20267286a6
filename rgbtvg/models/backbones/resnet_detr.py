"""ResNet followed by the encoder of DETR (Carion et al. 2020), the image side of TransVG and its descendants."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.models.layers import SinePositions, TransformerEncoder
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures

STRIDE = 32


@MODELS.register_module()
class ResNetDETR(BaseModule):
    """ResNet with frozen batch norm, 1x1 projection, DETR encoder.

    Language enters through ``resnet.slots`` (see :class:`ResNetTrunk`) and the slots of the encoder's layers.

    Args:
        depth: 18, 34, 50, 101 or 152; 26 for two bottlenecks in every stage.
        width, num_layers, num_heads, ffn_width, dropout, pre_norm: of the DETR encoder; 0 layers leave the projected
            map as it is.
        dilation: dilate the last stage instead of striding (DC5): stride 16.
        frozen_stages: how many of stem and ``layer1`` .. ``layer4`` do not learn, counted from the stem (DETR: 2).
        use_padding_mask: the RGB-T benchmark's TransVG loses the mask in modality rgbt, so that padded cells are keys
            like any other and the sine table is a full square's; False reproduces it.
        stem_width: channels of the stem, which all others of the ResNet follow; another one than 64 with depth 26.
        pretrained: a DETR checkpoint (``{'model': ...}``) or a file of ours, read when training starts.
    """

    def __init__(
        self,
        depth: int = 50,
        width: int = 256,
        num_layers: int = 6,
        num_heads: int = 8,
        ffn_width: int = 2048,
        dropout: float = 0.1,
        pre_norm: bool = False,
        dilation: bool = False,
        frozen_stages: int = 2,
        use_padding_mask: bool = True,
        stem_width: int = 64,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.resnet = ResNetTrunk(depth, dilation, frozen_stages, stem_width)
        self.stride = STRIDE // 2 if dilation else STRIDE
        self.width = width
        self.level_widths = ()
        self.use_padding_mask = use_padding_mask
        self.pretrained = pretrained
        self.input_proj = nn.Conv2d(self.resnet.widths["layer4"], width, kernel_size=1)
        self.positions = SinePositions(width)
        self.encoder = TransformerEncoder(width, num_layers, num_heads, ffn_width, dropout, pre_norm)

    def init_weights(self) -> None:
        """Read the DETR checkpoint: ResNet, projection and encoder; its decoder and heads are ignored."""
        if self.pretrained is None:
            return
        renames = (
            (r"^backbone\.0\.body\.", "resnet."),
            (r"^input_proj\.", "input_proj."),
            (r"^transformer\.encoder\.", "encoder."),
        )
        fill_module(self, read_initial_weights(self.pretrained, "DETR"), self.pretrained, "DETR", renames)

    def num_tokens(self, image_size: int) -> int:
        """Tokens of a square image of `image_size` pixels."""
        return (-(-image_size // self.stride)) ** 2

    def forward(self, images: Tensor, padding_mask: Tensor, language: TextFeatures | None = None) -> ImageFeatures:
        """(B, 3, H, W), (B, H, W) True where padded -> tokens (B, h*w, D), row by row."""
        features = self.input_proj(self.resnet(images, language))  # (B, D, h, w)
        grid = features.shape[-2:]
        if not self.use_padding_mask:
            padding_mask = padding_mask.new_zeros(padding_mask.shape)
        # Nearest neighbour with the floor rule: a cell is padded when its top-left pixel is.
        mask = F.interpolate(padding_mask[:, None].float(), grid, mode="nearest")[:, 0].bool()
        positions = self.positions(mask).flatten(2).transpose(1, 2)
        tokens = self.encoder(features.flatten(2).transpose(1, 2), mask.flatten(1), positions, language)
        return ImageFeatures(tokens, mask.flatten(1), grid)


class ResNetTrunk(nn.Module):
    """torchvision's ResNet up to ``layer4`` with frozen batch norm, the first stages fixed.

    A module in ``slots`` under the name of a stage (``layer1`` .. ``layer4``) sees the map (B, C, h, w) that enters
    the stage's last block; what it gives is added to the stage's output, before the next stage.
    """

    STAGES = ("layer1", "layer2", "layer3", "layer4")

    def __init__(self, depth: int, dilation: bool, frozen_stages: int, stem_width: int = 64) -> None:
        from rgbtvg.models.layers.resnet import frozen_norm_resnet  # torchvision costs every start a second

        super().__init__()
        network = frozen_norm_resnet(depth, dilation, stem_width)
        for name, module in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, module)
        self.slots = nn.ModuleDict()
        expansion = network.layer1[0].expansion
        self.widths = {stage: stem_width * 2**i * expansion for i, stage in enumerate(self.STAGES)}
        for name in ("conv1", *self.STAGES)[:frozen_stages]:
            getattr(self, name).requires_grad_(False)

    def forward(self, images: Tensor, language: TextFeatures | None = None) -> Tensor:
        """(B, 3, H, W) -> (B, C, H/32, W/32)."""
        x = images
        for name in ("conv1", "bn1", "relu", "maxpool"):
            x = getattr(self, name)(x)
        for name in self.STAGES:
            *blocks, last = getattr(self, name)
            for block in blocks:
                x = block(x)
            x = last(x) + self.slots[name](x, language) if name in self.slots else last(x)
        return x

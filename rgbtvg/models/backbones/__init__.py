"""Image and text encoders."""

from rgbtvg.models.backbones.beit3 import BEiT3
from rgbtvg.models.backbones.bert import BertEncoder
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.backbones.resnet_detr import ResNetDETR
from rgbtvg.models.backbones.swin import SwinPyramid

__all__ = ["BEiT3", "BertEncoder", "CLIPTextEncoder", "CLIPVisionEncoder", "ResNetDETR", "SwinPyramid"]

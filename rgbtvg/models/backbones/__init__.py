"""Image and text encoders."""

from rgbtvg.models.backbones.beit3 import BEiT3
from rgbtvg.models.backbones.bert import BertEncoder
from rgbtvg.models.backbones.clip import CLIPTextEncoder, CLIPVisionEncoder
from rgbtvg.models.backbones.conv_encoder import ConvEncoder
from rgbtvg.models.backbones.darknet import Darknet53
from rgbtvg.models.backbones.lstm import LSTMEncoder
from rgbtvg.models.backbones.mmdet_backbone import MMDetBackbone
from rgbtvg.models.backbones.resnet_detr import ResNetDETR
from rgbtvg.models.backbones.swin import SwinPyramid
from rgbtvg.models.backbones.vqkd import VQKDTokenizer

__all__ = [
    "BEiT3",
    "BertEncoder",
    "CLIPTextEncoder",
    "CLIPVisionEncoder",
    "ConvEncoder",
    "Darknet53",
    "LSTMEncoder",
    "MMDetBackbone",
    "ResNetDETR",
    "SwinPyramid",
    "VQKDTokenizer",
]

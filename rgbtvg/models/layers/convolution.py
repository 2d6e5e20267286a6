"""Convolution blocks of the one-stage methods."""

from __future__ import annotations

from mmcv.cnn import ConvModule


def conv_bn_relu(in_channels: int, out_channels: int, kernel: int = 1, momentum: float = 0.1) -> ConvModule:
    """Convolution without bias, batch norm, ReLU; parameters under ``conv`` and ``bn``.

    Args:
        in_channels, out_channels, kernel: of the convolution.
        momentum: of the running statistics, the share of the newest batch.
    """
    norm = dict(type="BN", momentum=momentum)
    return ConvModule(in_channels, out_channels, kernel, padding=kernel // 2, norm_cfg=norm)

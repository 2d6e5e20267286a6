"""QRNet on Swin-T."""

_base_ = ["qrnet_swin_s.py"]

model = dict(image_encoder=dict(arch="tiny", pretrained="pretrain_weights/mask_rcnn_swin_tiny_patch4_window7.pth"))

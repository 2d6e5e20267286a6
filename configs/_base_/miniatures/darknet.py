"""The Darknet that is pre-trained in minutes, and what methods built on it start from."""

darknet = "pretrain_weights/miniature/darknet.safetensors"
darknet_image = dict(type="Darknet53", width=5, blocks=(1, 1, 2, 2, 1), pretrained="$darknet")

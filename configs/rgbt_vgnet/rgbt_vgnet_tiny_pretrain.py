"""What the tiny RGBT-VGNet's comparison of adapters begins with: all of it trained on RGB pairs of the synthetic set.

No adapter and no guide yet, as a CLIP with grounding has none. Targets are cut out with a random amount of what is
around them, and pictures are told apart by their sentences, which small Transformers learn much faster from.
"""

_base_ = ["rgbt_vgnet_tiny.py"]

modality = "rgb"
batch_size = 16
guide = None
adapter = None
stages = [dict(epochs=5, lr=2e-3, max_layer=3)]
model = dict(
    stream_exchange=False,
    auxiliary_heads=[
        dict(type="ContrastiveHead", loss_weight=0.5),
        dict(type="TokenAlignmentHead", width=64, mlp_width=128),
        dict(type="SentenceMaskHead", width=64),
    ],
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            "$load_images",
            dict(type="CropAroundTarget"),
            dict(type="ResizeLongSide", size="$image_size", exact=False),
            dict(type="PadToSquare", size="$image_size", random=True),
            dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length"),
            dict(type="PackGroundingInputs"),
        ]
    )
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
# Finer than accuracy while that is near zero.
default_hooks = dict(checkpoint=dict(save_best="grounding/miou"))

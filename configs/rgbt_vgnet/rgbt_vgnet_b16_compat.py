"""For released RGBT-VGNet v2 checkpoints: text reshaped across the batch, sentence token read at a thermal patch."""

_base_ = ["rgbt_vgnet_b16.py"]

rgbt_resize = "premultiplied"
tokenize = dict(mask_pad_id=True)
guide = dict(interleave_text=True)
model = dict(sentence_token="after_first_stream", fusion=dict(num_image=393))

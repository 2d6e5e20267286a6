"""RGBT-VGNet v3: v2 whose streams are joined by three priors (TPF).

Its users' recipe: one cosine over all epochs from 1e-4 (2e-4 on RefM3FD), batches of 12 on eight GPUs.
"""

_base_ = ["rgbt_vgnet_b16.py"]

batch_size = 12
auto_scale_lr = dict(base_batch_size=96)
stage_mode = "one_schedule"
stages = [dict(epochs=epochs, lr=1e-4, max_layer=layer) for epochs, layer in ((60, 0), (20, 5), (20, 8), (20, 12))]
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # docs/experiments.md says how it is made
neck = dict(_delete_=True, type="TriPrior", width=512)

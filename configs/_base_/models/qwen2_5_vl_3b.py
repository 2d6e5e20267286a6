"""Qwen2.5-VL-3B with every size, for planning; a `config.json` in the folder of the weights takes its place."""

_base_ = ["./vlm.py"]

weights = "pretrain_weights/Qwen2.5-VL-3B-Instruct"  # folder of the model
arch = dict(
    text_config=dict(
        hidden_size=2048,
        intermediate_size=11008,
        num_hidden_layers=36,
        num_attention_heads=16,
        num_key_value_heads=2,
        vocab_size=151936,
        tie_word_embeddings=True,
        rope_parameters=dict(rope_type="default", mrope_section=[16, 24, 24]),
    ),
    vision_config=dict(
        hidden_size=1280,
        intermediate_size=3420,
        depth=32,
        num_heads=16,
        patch_size=14,
        temporal_patch_size=2,
        spatial_merge_size=2,
        out_hidden_size=2048,
        window_size=112,
        fullatt_block_indexes=[7, 15, 23, 31],
    ),
    tie_word_embeddings=True,
)
general = dict(type="Qwen2_5VL", weights="$weights", arch="$arch", max_pixels="$max_pixels")

"""Qwen3-VL-8B with every size, for planning; a `config.json` in the folder of the weights takes its place."""

_base_ = ["./vlm.py"]

weights = "pretrain_weights/Qwen3-VL-8B-Instruct"  # folder of the model
arch = dict(
    text_config=dict(
        hidden_size=4096,
        intermediate_size=12288,
        num_hidden_layers=36,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
        vocab_size=151936,
        rope_parameters=dict(rope_type="default", mrope_interleaved=True, mrope_section=[24, 20, 20]),
    ),
    vision_config=dict(
        hidden_size=1152,
        intermediate_size=4304,
        depth=27,
        num_heads=16,
        patch_size=16,
        temporal_patch_size=2,
        spatial_merge_size=2,
        out_hidden_size=4096,
        num_position_embeddings=2304,
        deepstack_visual_indexes=[8, 16, 24],
    ),
    tie_word_embeddings=False,
)
general = dict(type="Qwen3VL", weights="$weights", arch="$arch", max_pixels="$max_pixels")

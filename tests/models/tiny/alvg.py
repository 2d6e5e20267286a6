"""ALVG with masks and both attention losses."""

from tests.models.tiny.oneref import BACKBONE


def config(modality: str) -> dict:
    return dict(
        type="ALVG",
        modality=modality,
        backbone=BACKBONE,
        queries=dict(type="TextGuidedQueries", width=32, num_heads=2, ffn_width=64, dropout=0.0),
        decoder=dict(num_heads=2, ffn_width=64, dropout=0.0, attention_dropout=0.0),
        enhancement=dict(type="TextGuidedEnhancement", width=32, dropout=0.0),
        head=dict(type="AttentionSupervisedHead", width=32, score_weight=40.0, attention_weight=1.0, mask=True),
    )

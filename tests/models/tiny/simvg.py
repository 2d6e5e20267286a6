"""SimVG with both branches."""

from tests.models.tiny.oneref import BACKBONE


def config(modality: str) -> dict:
    return dict(
        type="SimVG",
        modality=modality,
        backbone=BACKBONE,
        queries=dict(type="TextGuidedQueries", width=32, num_heads=2, ffn_width=64, dropout=0.0),
        decoder=dict(num_heads=2, ffn_width=64, dropout=0.0),
        head=dict(type="TwoBranchHead", width=32, token_weight=2.0, distill_weight=1.0),
    )

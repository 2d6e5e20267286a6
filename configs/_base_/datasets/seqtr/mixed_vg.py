"""The same with the regions of Visual Genome, which lie in SimVG's merged file only: mixed/instances.json."""

_base_ = ["mixed.py"]

train_dataloader = dict(
    dataset=dict(
        sources=dict(
            vg=dict(type="SeqTRInstances", dataset="simvg_mixed", split="train", data_sources=["visual", "vg"]),
        )
    )
)

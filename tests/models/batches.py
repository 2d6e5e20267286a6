"""Small random batches in the form that the dataset's pipeline gives them."""

from __future__ import annotations

import torch

from rgbtvg.structures import MODALITY_STREAMS, Frame, GroundingSample
from rgbtvg.structures.boxes import cxcywh_to_xyxy
from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY


def collated_batch(modality: str, size: int = 8, seed: int = 0) -> dict:
    """`size` pairs with a distinct sentence, box and rectangle mask each, as MMEngine's `pseudo_collate` gives them.

    A bright rectangle stands where the target is, in every stream; the image is a little smaller than the input.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = {stream: [] for stream in MODALITY_STREAMS[modality]}
    samples = []
    for row in range(size):
        centre = torch.rand(2, generator=generator) * 0.4 + 0.3
        boxes = torch.cat((centre, torch.rand(2, generator=generator) * 0.3 + 0.2))[None]
        corners = (cxcywh_to_xyxy(boxes) * IMAGE_SIZE)[0]
        x0, y0, x1, y1 = corners.round().int().tolist()
        mask = torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
        mask[:, y0:y1, x0:x1] = 1
        for stream, images in inputs.items():
            channels = 3 if stream == "rgb" else 1
            noise = torch.randint(0, 100, (channels, IMAGE_SIZE, IMAGE_SIZE), generator=generator, dtype=torch.uint8)
            images.append((noise + 150 * mask)[:, :60])
        samples.append(sample_of(row, boxes, corners[None], mask, generator))
    return {"inputs": inputs, "data_samples": samples}


def sample_of(row: int, boxes, corners, mask, generator: torch.Generator) -> GroundingSample:
    length = int(torch.randint(4, MAX_LENGTH, (1,), generator=generator))
    ids = torch.zeros(MAX_LENGTH, dtype=torch.int64)
    ids[:length] = torch.randint(3, VOCABULARY - 1, (length,), generator=generator)
    ids[length - 1] = VOCABULARY - 1
    sample = GroundingSample(
        metainfo=dict(
            sample_id=f"tiny/{row}",
            expression=f"the thing number {row}",
            ori_shape=(60, IMAGE_SIZE),
            input_shape=(IMAGE_SIZE, IMAGE_SIZE),
            pad_offset=(0, 0),
            frame=Frame(),
        )
    )
    sample.token_ids, sample.token_padding_mask = ids, torch.arange(MAX_LENGTH) >= length
    sample.gt_boxes_cxcywh, sample.gt_boxes_xyxy, sample.gt_masks = boxes, corners, mask
    return sample

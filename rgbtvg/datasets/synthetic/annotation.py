"""One image of the set: its scene, its expressions and what is written about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.datasets.synthetic.phrases import (
    Phrase,
    needs,
    observer_choices,
    sample_absent,
    sample_group,
    sample_needs,
    sample_phrases,
)
from rgbtvg.datasets.synthetic.scenes import Scene, sample_scene, sample_theme
from rgbtvg.datasets.synthetic.wording import say, say_group

SPLITS = ("train", "val", "test")
PRETRAINING_SPLITS = ("pretraining_train", "pretraining_val")
"""Splits of the pre-training set: scenes of their own, by day and at dusk only."""
_SCENE_STREAM, _RENDERING_STREAM, _GREC_STREAM, CAPTION_STREAM = range(4)
_TRIES_PER_THEME = 40


@dataclass(frozen=True)
class Expression:
    """An expression, what it means, and the indices of the objects it means: one, or any number in a GREC row."""

    text: str
    phrase: Phrase
    targets: tuple[int, ...]


def image_rng(seed: int, split: str, index: int, stream: int) -> np.random.Generator:
    """The generator of one image and purpose: the same whatever else is generated, in whatever order or process."""
    return np.random.default_rng([seed, (SPLITS + PRETRAINING_SPLITS).index(split), index, stream])


def annotate(
    seed: int, split: str, index: int, count: int, image_size: tuple[int, int] = (160, 128)
) -> tuple[Scene, list[Expression]]:
    """The scene of image ``index`` of a split, with ``count`` expressions that single out one object each.

    Args:
        image_size: (width, height) in pixels.
    """
    rng = image_rng(seed, split, index, _SCENE_STREAM)
    while True:
        theme = sample_theme(rng)
        if split in PRETRAINING_SPLITS and theme.dark:
            continue
        plan = sample_needs(rng, theme, count)
        for _ in range(_TRIES_PER_THEME):
            scene = sample_scene(rng, theme, image_size)
            pairs = sample_phrases(rng, scene, plan)
            if pairs is not None:
                return scene, [Expression(say(phrase, rng), phrase, (target,)) for phrase, target in pairs]


def rendering_rng(seed: int, split: str, index: int) -> np.random.Generator:
    """The generator of sensor noise and weather for `render_rgb`, then `render_thermal`."""
    return image_rng(seed, split, index, _RENDERING_STREAM)


def annotate_grec(seed: int, split: str, index: int, scene: Scene) -> list[Expression]:
    """An expression that means several objects of the scene and one that means none, where the scene offers them."""
    rng = image_rng(seed, split, index, _GREC_STREAM)
    expressions = []
    group = sample_group(rng, scene)
    if group is not None:
        phrase, targets = group
        expressions.append(Expression(say_group(phrase, len(targets), rng), phrase, tuple(targets)))
    absent = sample_absent(rng, scene)
    if absent is not None:
        expressions.append(Expression(say(absent, rng), absent, ()))
    return expressions


def conditions(scene: Scene, targets: Sequence[int]) -> dict[str, int | str]:
    """The benchmark's codes in the order of its rows; of several targets the smallest and the most hidden count."""
    objects = [scene.objects[index] for index in targets]
    return {
        "lighting": scene.theme.lighting,
        "size": "small" if any(scene.is_small(item) for item in objects) else "normal",
        "crowded": scene.crowded,
        "scene": scene.theme.scene_code,
        "weather": scene.theme.weather,
        "occlusion": max((item.occlusion for item in objects), default=0),
    }


def benchmark_row(file_name: str, scene: Scene, expression: Expression) -> tuple:
    """The ten fields of an RGBT-Ground row, plain types only."""
    (target,) = expression.targets
    size = {"height": scene.height, "width": scene.width}
    box_xywh = list(scene.objects[target].box_xywh)
    return (file_name, size, box_xywh, expression.text, *conditions(scene, [target]).values())


def grec_row(file_name: str, scene: Scene, expression: Expression) -> dict:
    """A row with any number of targets, with boxes and masks."""
    return {
        "file_name": file_name,
        "height": scene.height,
        "width": scene.width,
        "expression": expression.text,
        "boxes_xywh": [list(scene.objects[index].box_xywh) for index in expression.targets],
        "masks": [encode_binary_mask(scene.visible_mask(index)) for index in expression.targets],
        "conditions": conditions(scene, expression.targets),
    }


def extras_record(file_name: str, split: str, scene: Scene, expressions: Sequence[Expression]) -> dict:
    """Everything known about an image: all its objects, and the meaning of each expression of its benchmark rows.

    One line of ``extras.jsonl``. Besides the image's name, split, size and condition codes:

    - ``objects``: category, colour, heat ('warm' or 'cold'), nearness (0 horizon, 1 lower edge), ``box_xywh`` and COCO
      RLE ``mask`` of the visible pixels, and the share of the object that is visible;
    - ``expressions``: expression, index of its ``target`` in ``objects``, its ``phrase`` (see `Phrase`), which of
      colour and heat it ``needs``, and among how many objects each stream leaves the ``choices`` (see
      `observer_choices`).
    """
    return {
        "file_name": file_name,
        "split": split,
        "height": scene.height,
        "width": scene.width,
        "lighting": scene.theme.lighting,
        "crowded": scene.crowded,
        "scene": scene.theme.scene_code,
        "weather": scene.theme.weather,
        "thermal_crossover": scene.thermal_crossover,
        "objects": [
            {
                "category": item.category,
                "colour": item.colour,
                "heat": item.heat,
                "nearness": round(item.nearness, 4),
                "box_xywh": list(item.box_xywh),
                "visible_share": item.visible_share,
                "mask": encode_binary_mask(scene.visible_mask(index)),
            }
            for index, item in enumerate(scene.objects)
        ],
        "expressions": [
            {
                "expression": expression.text,
                "target": expression.targets[0],
                "phrase": expression.phrase.to_dict(),
                "needs": list(needs(expression.phrase, scene)),
                "choices": observer_choices(expression.phrase, scene),
            }
            for expression in expressions
        ],
    }

"""All kinds of corruption by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from rgbtvg.datasets.corruptions import misalignment, rgb, thermal
from rgbtvg.datasets.corruptions.base import FAMILIES, SEVERITIES, Corruption, Generator, Image, Images, Means
from rgbtvg.datasets.corruptions.missing import FILLS, fill_stream
from rgbtvg.errors import ConfigError


def _missing(stream: str, fill: str) -> Corruption:
    def apply(images: Images, level: int, rng: Generator, means: Means) -> Image:
        return fill_stream(images, stream, fill, rng, means.get(stream))

    name = f"missing_{'rgb' if stream == 'rgb' else 'thermal'}_{fill}"
    needs = ("rgb", "ir") if fill == "copy" else (stream,)
    return Corruption(name, "missing", stream, apply, graded=False, needs=needs)


def _graded(
    family: str, stream: str, functions: Sequence[Callable[[Images, int, Generator], Image]]
) -> list[Corruption]:
    def without_means(function: Callable[[Images, int, Generator], Image]) -> Callable[..., Image]:
        return lambda images, level, rng, means: function(images, level, rng)

    return [Corruption(one.__name__, family, stream, without_means(one), needs=(stream,)) for one in functions]


_ALL = (
    *(_missing(stream, fill) for stream in ("rgb", "ir") for fill in FILLS),
    *_graded(
        "misalignment",
        "ir",
        (
            misalignment.shift,
            misalignment.rotation,
            misalignment.scale,
            misalignment.perspective,
            misalignment.parallax,
        ),
    ),
    *_graded(
        "rgb",
        "rgb",
        (
            rgb.low_light,
            rgb.underexposure,
            rgb.overexposure,
            rgb.glare,
            rgb.fog,
            rgb.rain,
            rgb.motion_blur,
            rgb.defocus,
            rgb.jpeg,
        ),
    ),
    *_graded(
        "thermal",
        "ir",
        (
            thermal.fixed_pattern,
            thermal.stripes,
            thermal.dead_pixels,
            thermal.drift,
            thermal.saturation,
            thermal.low_contrast,
            thermal.gain_jump,
            thermal.low_resolution,
        ),
    ),
    Corruption("inverted", "thermal", "ir", lambda images, *_: 255 - images["ir"], graded=False, needs=("ir",)),
)
CORRUPTIONS: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
"""Name -> corruption, family by family."""


def get_corruption(name: str) -> Corruption:
    """A corruption by name.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in CORRUPTIONS:
        raise ConfigError(f"no corruption is named {name!r}; there are {', '.join(CORRUPTIONS)}")
    return CORRUPTIONS[name]


def names_of(kinds: Collection[str] = ()) -> list[str]:
    """Names of corruptions, in the order of :data:`CORRUPTIONS`.

    Args:
        kinds: names of corruptions or of families; all corruptions by default.

    Raises:
        ConfigError: a name is neither.
    """
    for kind in kinds:
        if kind not in FAMILIES and kind not in CORRUPTIONS:
            raise ConfigError(
                f"no corruption is named {kind!r}; there are the families {', '.join(FAMILIES)} and the kinds "
                f"{', '.join(CORRUPTIONS)}"
            )
    return [name for name, one in CORRUPTIONS.items() if not kinds or name in kinds or one.family in kinds]


def corrupt(
    images: Images, name: str, severity: int | None, rng: Generator, means: Means | None = None
) -> dict[str, Image]:
    """The pair with one stream corrupted; the other stream is the same array.

    Args:
        images: stream -> uint8 image; the streams that the corruption needs must be there.
        name: of a corruption.
        severity: 1 to 5, or None for a corruption without severities.
        rng: source of all random choices.
        means: mean of the data set per stream on [0, 1], for ``missing_..._mean``; the image's own mean by default.

    Raises:
        ConfigError: no such corruption, or not its severity.
    """
    kind = get_corruption(name)
    if severity not in kind.severities:
        has = f"severities {SEVERITIES[0]} to {SEVERITIES[-1]}" if kind.graded else "no severities"
        raise ConfigError(f"{name} has {has}, got {severity!r}")
    level = 0 if severity is None else severity - 1
    return {**images, kind.stream: kind.apply(images, level, rng, means or {})}

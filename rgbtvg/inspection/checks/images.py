"""Checks of image files and of what the two images of a pair have to do with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rgbtvg.inspection.checks.base_check import Finding, pair_check, record_check, survey_check
from rgbtvg.inspection.image_facts import PairFacts
from rgbtvg.inspection.survey import Survey

UNIFORM = 2.0
"""Standard deviation of the grey levels below which an image shows nothing."""
MOSTLY_CLIPPED = 0.5
LIKE_COLOUR = 0.85
"""Likeness from which thermal is a copy of the colour image. Thirty real pairs stay below 0.61; their copies, also with
other contrast, noise or strong compression, or as negatives, are above 0.9."""
NARROW = 1 / 16
"""Part of the 16-bit range below which scaling it to 8 bits leaves 16 levels or fewer."""
SHIFTED = 0.02


@pair_check("error", "Fetch the file, or correct the name or the data root.", drop=True)
def missing_file(pair: PairFacts) -> str | None:
    """An image file does not exist"""
    names = [image.path for image in pair.images.values() if image.missing]
    return f"there is no {' and no '.join(names)}" if names else None


@pair_check("error", "Fetch the file again.", drop=True)
def unreadable_file(pair: PairFacts) -> str | None:
    """An image file cannot be decoded"""
    problems = [image.problem for image in pair.images.values() if image.problem and not image.missing]
    return "; ".join(problems) or None


@survey_check("error", "Give the rows the missing image, or use the set with one modality only.")
def missing_stream(survey: Survey) -> Iterator[Finding]:
    """A row lacks a modality that the others have"""
    streams = Counter(stream for pair in survey.pairs for stream in pair.images)
    usual = [stream for stream, count in streams.items() if count * 2 > len(survey.pairs)]
    for pair, places in zip(survey.pairs, survey.records_of, strict=True):
        lacking = [stream for stream in usual if stream not in pair.images]
        if lacking:
            present = ", ".join(image.path for image in pair.images.values())
            yield Finding(f"no {' and no '.join(lacking)} image beside {present or 'nothing'}", tuple(places))


@survey_check("error", "Correct height and width, or find out whether the boxes were drawn on another version.")
def annotated_size(survey: Survey) -> Iterator[Finding]:
    """The annotation gives another image size than the file has"""
    for pair, places in zip(survey.pairs, survey.records_of, strict=True):
        actual = next((image.size for image in pair.images.values() if image.size), None)
        if actual is None:
            continue
        wrong = [place for place in places if tuple(survey.records[place].get("size") or actual) != actual]
        if wrong:
            height, width = survey.records[wrong[0]]["size"]
            turned = " (height and width exchanged)" if (width, height) == actual else ""
            message = f"annotated {width}x{height}, the image has {actual[1]}x{actual[0]}{turned}"
            yield Finding(message, tuple(wrong))


@pair_check("warning", "Register the pair: thermal is stretched to the colour image's size when it is read.")
def pair_size(pair: PairFacts) -> str | None:
    """The two images of a pair differ in size"""
    sizes = {stream: image.size for stream, image in pair.images.items() if image.size}
    if len(set(sizes.values())) < 2:
        return None
    shapes = {round(width / height, 2) for height, width in sizes.values()}
    listed = ", ".join(f"{stream} {width}x{height}" for stream, (height, width) in sizes.items())
    return listed + (": the proportions differ too" if len(shapes) > 1 else "")


@pair_check("warning", "Check the registration; large shifts put the box beside the object in thermal.")
def registration(pair: PairFacts) -> str | None:
    """Thermal lies beside colour"""
    if pair.shift is None or pair.shift.relative < SHIFTED:
        return None
    dx, dy, _, relative = pair.shift
    sideways = f"{abs(dx):.0f} px {'right' if dx > 0 else 'left'}"
    upwards = f"{abs(dy):.0f} px {'down' if dy > 0 else 'up'}"
    return f"thermal is shifted {sideways} and {upwards} ({100 * relative:.1f} % of the long side)"


@pair_check("note", "Nothing, where registration explains it; boxes inside the border have no heat to be found by.")
def black_border(pair: PairFacts) -> str | None:
    """Thermal has a black border"""
    borders = [border for image in pair.images.values() for border in image.borders]
    if not borders:
        return None
    return ", ".join(f"{side} {depth:g} px over {100 * part:.0f} % of the side" for side, depth, part in borders)


@pair_check("error", "Fetch the thermal file again, or leave the pair out.", drop=True)
def empty_thermal(pair: PairFacts) -> str | None:
    """Thermal shows nothing"""
    thermal = pair.images.get("ir")
    if thermal is None or thermal.problem or thermal.std >= UNIFORM:
        return None
    return f"the grey levels differ by {thermal.std:.1f} on average"


@pair_check("warning", "Convert the raw values again with a wider range.")
def clipped_thermal(pair: PairFacts) -> str | None:
    """Most of thermal is black or white to the last level"""
    thermal = pair.images.get("ir")
    if thermal is None or thermal.std < UNIFORM or thermal.clipped < MOSTLY_CLIPPED:
        return None
    return f"{100 * thermal.clipped:.0f} % of the pixels are clipped"


@pair_check("note", "Read the set with a range or normalisation of its own: thermal_range='full' leaves few levels.")
def narrow_thermal(pair: PairFacts) -> str | None:
    """Thermal of more than 8 bits uses a small part of its range"""
    thermal = pair.images.get("ir")
    if thermal is None or thermal.depth_range is None:
        return None
    low, high = thermal.depth_range
    return f"values from {low:g} to {high:g} of 0 to 65535" if high - low < NARROW * 65535 else None


@pair_check("error", "Put the thermal image there: this pair teaches nothing about heat.", drop=True)
def thermal_copies_colour(pair: PairFacts) -> str | None:
    """Thermal is a copy of the colour image"""
    hashes = [image.file_hash for image in pair.images.values() if image.file_hash]
    if len(hashes) > len(set(hashes)):
        return "both images are the same file"
    if pair.likeness is None or pair.likeness < LIKE_COLOUR:
        return None
    return f"the grey levels and the details of both images correlate by {pair.likeness:.3f}"


@pair_check("error", "Exchange the two files.")
def exchanged_streams(pair: PairFacts) -> str | None:
    """Colour and thermal are exchanged"""
    if not pair.readable or not {"rgb", "ir"} <= pair.images.keys():
        return None
    exchanged = pair.images["ir"].coloured and not pair.images["rgb"].coloured
    return "the thermal image has colours, the colour image has none" if exchanged else None


@pair_check("warning", "Store thermal as one channel: only the first one of a colour map is read.")
def coloured_thermal(pair: PairFacts) -> str | None:
    """Thermal is stored in colours"""
    thermal = pair.images.get("ir")
    if thermal is None or not thermal.coloured or exchanged_streams(pair):
        return None
    return "the channels differ: a colour map"


@pair_check("warning", "Fetch the colour file again, or leave the pair out.")
def empty_colour(pair: PairFacts) -> str | None:
    """The colour image shows nothing"""
    colour = pair.images.get("rgb")
    if colour is None or colour.problem or colour.std >= UNIFORM / 2:
        return None
    return f"the grey levels differ by {colour.std:.1f} on average"


@record_check("error", "Give one mask per box, or none.", drop=True)
def mask_count(record: dict, size: tuple[int, int] | None) -> str | None:
    """The row has another number of masks than of boxes"""
    masks = record.get("masks")
    if masks is None or len(masks) == len(record["boxes"]):
        return None
    return f"{len(masks)} masks for {len(record['boxes'])} boxes"

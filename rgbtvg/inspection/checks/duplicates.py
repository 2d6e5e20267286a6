"""Checks of rows and images that occur more than once, above all on both sides of a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np

from rgbtvg.inspection.checks.base_check import Finding, survey_check
from rgbtvg.inspection.checks.images import UNIFORM
from rgbtvg.inspection.image_facts import MINIATURE
from rgbtvg.inspection.survey import Survey

ROLES = ("train", "val", "test")
MAX_DISTANCE = 8
"""Bits of 64 in which the hashes of near-duplicates may differ; unrelated images differ in 32."""
MIN_LIKENESS = 0.97
"""Correlation of the grey miniatures that confirms what the hash proposes."""
MIN_CONTRAST = 8.0
"""Standard deviation of the grey levels below which images are too empty to be compared: night without lamps."""
LISTED = 3
BLOCK = 1024


def role_of(split: str) -> str:
    """``train``, ``val`` or ``test`` for a split or a part of one (``testA``, ``flir_val``), else the name itself."""
    parts = split.split("_")
    return next((role for role in ROLES if any(part.startswith(role) for part in parts)), split)


@survey_check("warning", "Keep one of them.")
def repeated_row(survey: Survey) -> Iterator[Finding]:
    """A row is there twice: the same image, box and expression"""
    groups = defaultdict(list)
    for place, record in enumerate(survey.records):
        expression = " ".join(record["expression"].lower().split())
        boxes = tuple(map(tuple, record["boxes"]))
        groups[record["dataset"], record["split"], survey.pair_of[place], boxes, expression].append(place)
    for (_, split, _, _, expression), places in groups.items():
        if len(places) > 1:
            yield Finding(f"{len(places)} times {expression!r} in {split}", tuple(places), tuple(places[1:]))


@survey_check("error", "Leave the rows of these images out of training.")
def leaked_image(survey: Survey) -> Iterator[Finding]:
    """The same image is on both sides of a split"""
    for pairs in _same_images(survey):
        roles = _roles(survey, pairs)
        if len(roles) > 1:
            places = [place for pair in pairs for place in survey.records_of[pair]]
            # What is tested stays: published numbers are about it.
            given_up = next(role for role in (*ROLES, *roles) if role in roles)
            drop = [place for place in places if role_of(survey.records[place]["split"]) == given_up]
            names = {f"{_name(survey, pair)} in {role}" for pair in pairs for role in _roles(survey, [pair])}
            yield Finding("; ".join(sorted(names)), tuple(places), tuple(drop))


@survey_check("warning", "Keep one name: its rows count as different images.")
def repeated_image(survey: Survey) -> Iterator[Finding]:
    """One image is there under several names"""
    for pairs in _same_images(survey):
        if len(pairs) > 1 and len(_roles(survey, pairs)) == 1:
            places = [place for pair in pairs for place in survey.records_of[pair]]
            yield Finding(" and ".join(_name(survey, pair) for pair in pairs), tuple(places))


@survey_check("warning", "Look whether they are frames of one drive; a split by drive would be fairer.")
def near_duplicate(survey: Survey) -> Iterator[Finding]:
    """Nearly the same image is on both sides of a split"""
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for stream in sorted({stream for pair in survey.pairs for stream in pair.images}):
        for pair, other, likeness in _near_duplicates(survey, stream):
            found[pair][other] = max(likeness, found[pair].get(other, 0.0))
    for pair, others in sorted(found.items()):
        ranked = sorted(others, key=lambda other: -others[other])
        alike = ", ".join(
            f"{_name(survey, other)} in {'/'.join(_roles(survey, [other]))} (correlation {others[other]:.3f})"
            for other in ranked[:LISTED]
        )
        more = f" and {len(ranked) - LISTED} more" if len(ranked) > LISTED else ""
        places = [place for each in (pair, *ranked[:LISTED]) for place in survey.records_of[each]]
        own = "/".join(_roles(survey, [pair]))
        yield Finding(f"{_name(survey, pair)} in {own} looks like {alike}{more}", tuple(places))


def _name(survey: Survey, pair: int) -> str:
    return Path(next(iter(survey.pairs[pair].images.values())).path).name


def _roles(survey: Survey, pairs: Collection[int]) -> list[str]:
    return sorted({role_of(survey.records[place]["split"]) for pair in pairs for place in survey.records_of[pair]})


def _same_images(survey: Survey) -> list[tuple[int, ...]]:
    """Pairs that share an image to the last byte; also every single pair, which may be in several splits itself."""
    groups: Mapping[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(survey.pairs):
        for stream, image in pair.images.items():
            if image.file_hash and image.std >= UNIFORM:
                groups[f"{stream} {image.file_hash}"].append(index)
    alone = [(index,) for index in range(len(survey.pairs))]
    shared = {tuple(pairs) for pairs in groups.values() if len(pairs) > 1}
    covered = {index for pairs in shared for index in pairs}
    return sorted([*shared, *(pairs for pairs in alone if pairs[0] not in covered)])


def _near_duplicates(survey: Survey, stream: str) -> Iterator[tuple[int, int, float]]:
    """(pair of val or test, pair of an earlier role, correlation) of images that are alike but not the same file."""
    rows = [
        index
        for index, pair in enumerate(survey.pairs)
        if stream in pair.images and pair.images[stream].miniature and pair.images[stream].std >= MIN_CONTRAST
    ]
    if not rows:
        return
    images = [survey.pairs[index].images[stream] for index in rows]
    hashes = np.array([image.perceptual_hash for image in images], dtype=np.uint64)
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1)
    signs = bits.astype(np.float32) * 2 - 1  # (N, 64): a product of two counts equal minus different bits
    miniatures = np.frombuffer(b"".join(image.miniature for image in images), np.uint8)
    miniatures = miniatures.reshape(len(rows), MINIATURE * MINIATURE)
    # A pair that is in several roles is a leak already.
    order = [*ROLES, *sorted({role for index in rows for role in _roles(survey, [index])} - set(ROLES))]
    ranks = np.array([order.index(_roles(survey, [index])[0]) for index in rows])
    tested = np.flatnonzero(ranks)
    for start in range(0, len(tested), BLOCK):
        block = tested[start : start + BLOCK]
        close = signs[block] @ signs.T >= signs.shape[1] - 2 * MAX_DISTANCE
        close &= ranks[block, None] > ranks
        for i, others in zip(block, close, strict=True):
            candidates = [j for j in np.flatnonzero(others) if images[j].file_hash != images[i].file_hash]
            if candidates:
                for j, likeness in zip(candidates, _likeness(miniatures[i], miniatures[candidates]), strict=True):
                    if likeness >= MIN_LIKENESS:
                        yield rows[i], rows[j], float(likeness)


def _likeness(miniature: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Correlations (N,) of one miniature (P,) with others (N, P), all of some contrast."""
    centred = miniature - miniature.mean()
    others = others - others.mean(axis=1, keepdims=True)
    return (others @ centred) / (np.linalg.norm(others, axis=1) * np.linalg.norm(centred))

"""Rename rules between a reference's checkpoint and ours, readable in both directions.

A converter is a list of rules; the first one that matches a name decides::

    Converter("transvg", [
        Rename("visumodel.backbone.0.body.{rest*}", "image_encoder.resnet.{rest}"),
        Rename("clip.{layer*}.in_proj_{kind}", ("{layer}.q.{kind}", "{layer}.k.{kind}", "{layer}.v.{kind}")),
        Idle("textmodel.bert.pooler.{rest*}", "the pooled output is never read"),
    ])

``{name}`` stands for one dotted component (or a part of one), ``{name*}`` for one or more components.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from rgbtvg.errors import CheckpointError

ONE_STREAM = "of the other stream or of both together, and the model has one stream"
"""Reason given for tensors that a single-stream model leaves out; a model of two streams must use them."""
WRAPPER = re.compile(r"^(module\.)+")
PLACEHOLDER = re.compile(r"\{(\w+)(\*?)\}")


@dataclass(frozen=True)
class Pattern:
    """A name with placeholders, matched and filled."""

    text: str

    @cached_property
    def regex(self) -> re.Pattern[str]:
        parts, position = [], 0
        for match in PLACEHOLDER.finditer(self.text):
            parts.append(re.escape(self.text[position : match.start()]))
            parts.append(f"(?P<{match[1]}>{'.+' if match[2] else '[^.]+'})")
            position = match.end()
        parts.append(re.escape(self.text[position:]))
        return re.compile("".join(parts))

    def match(self, name: str) -> dict[str, str] | None:
        found = self.regex.fullmatch(name)
        return found.groupdict() if found else None

    def fill(self, values: Mapping[str, str]) -> str:
        return PLACEHOLDER.sub(lambda match: values[match[1]], self.text)


@dataclass(frozen=True)
class Rename:
    """One tensor under another name.

    Args:
        theirs: pattern of the reference's name.
        ours: pattern of our name. Several patterns cut the tensor into equal parts along its first axis (a fused
            q, k, v projection, say). ``*`` in a placeholder is only needed in `theirs`.
        transpose: whether the two keep the matrix in transposed form.
        optional: why a model of ours may lack the tensor (the reference stores it in every configuration, but uses it
            in some only); empty when it must be there.
    """

    theirs: str
    ours: str | tuple[str, ...]
    transpose: bool = False
    optional: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.ours,) if isinstance(self.ours, str) else self.ours

    def to_ours(self, name: str, tensor: Tensor) -> dict[str, Tensor] | None:
        """Our names and tensors for one of theirs, or None when the rule does not apply."""
        values = self._their_pattern.match(name)
        if values is None:
            return None
        tensor = tensor.t() if self.transpose else tensor
        pieces = tensor.chunk(len(self.parts)) if len(self.parts) > 1 else (tensor,)
        return {part.fill(values): piece for part, piece in zip(self._our_patterns, pieces, strict=True)}

    def to_theirs(self, name: str, state: Mapping[str, Tensor]) -> tuple[str, Tensor] | None:
        """Their name and tensor, given our name of the rule's *first* part, or None."""
        values = self._our_patterns[0].match(name)
        if values is None:
            return None
        names = [part.fill(values) for part in self._our_patterns]
        if any(part not in state for part in names):
            return None
        tensor = torch.cat([state[part] for part in names]) if len(names) > 1 else state[names[0]]
        return self._their_pattern.fill(values), tensor.t() if self.transpose else tensor

    # Made once per rule: a conversion tries every rule on every name.
    @cached_property
    def _their_pattern(self) -> Pattern:
        return Pattern(self.theirs)

    @cached_property
    def _our_patterns(self) -> list[Pattern]:
        starred = {match[1] for match in PLACEHOLDER.finditer(self.theirs) if match[2]}
        return [
            Pattern(PLACEHOLDER.sub(lambda match: f"{{{match[1]}*}}" if match[1] in starred else match[0], part))
            for part in self.parts
        ]


@dataclass(frozen=True)
class Idle:
    """A tensor that the reference stores but never uses; it is left out."""

    theirs: str
    reason: str


@dataclass(frozen=True)
class Alias:
    """A second name of a tensor that is also stored under `canonical`; it is left out."""

    theirs: str
    canonical: str


Rule = Rename | Idle | Alias


@dataclass
class Converted:
    """Result of a conversion.

    Args:
        state: our names -> tensors.
        sources: our names -> the reference's name that each came from.
        idle: the reference's names that were left out -> why.
        unknown: the reference's names that no rule knows.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


@dataclass
class Converter:
    """Turns the state dict of a method's authors into ours and back.

    Args:
        method: name of the method, as in ``tools/convert_checkpoint.py METHOD``.
        rules: in order of precedence, or a function that gives them for a state dict, theirs or ours, and for the names
            of the model that is wanted (none where that is not known).
        normalise: regular-expression replacements applied to the reference's names first, for prefixes that wrappers
            left behind. They are not restored by :meth:`to_theirs`.
    """

    method: str
    rules: Sequence[Rule] | Callable[[Mapping[str, Tensor], Collection[str]], Sequence[Rule]]
    normalise: Sequence[tuple[str, str]] = ((r"^module\.", ""),)

    def rules_for(self, state: Mapping[str, Tensor], wanted: Collection[str] = ()) -> Sequence[Rule]:
        return self.rules(state, wanted) if callable(self.rules) else self.rules

    def to_ours(self, state: Mapping[str, Tensor], wanted: Collection[str] | None = None) -> Converted:
        """Convert their state dict. Names that no rule knows are listed, not guessed.

        Args:
            state: their names -> tensors.
            wanted: names of our model's state dict; optional tensors that it lacks are left out as idle.
        """
        rules, converted = self.rules_for(state, wanted or ()), Converted()
        for original, tensor in state.items():
            name = original
            for pattern, replacement in self.normalise:
                name = re.sub(pattern, replacement, name)
            self._convert_one(rules, original, name, tensor, converted, wanted)
        return converted

    @staticmethod
    def _convert_one(
        rules: Sequence[Rule],
        original: str,
        name: str,
        tensor: Tensor,
        converted: Converted,
        wanted: Collection[str] | None,
    ) -> None:
        for rule in rules:
            if isinstance(rule, Rename):
                pieces = rule.to_ours(name, tensor)
                if pieces is None:
                    continue
                if rule.optional and wanted is not None and not any(piece in wanted for piece in pieces):
                    converted.idle[original] = rule.optional
                    return
                converted.state.update(pieces)
                converted.sources.update(dict.fromkeys(pieces, original))
                return
            if Pattern(rule.theirs).match(name) is not None:
                converted.idle[original] = rule.reason if isinstance(rule, Idle) else f"second name of {rule.canonical}"
                return
        converted.unknown.append(original)

    def to_theirs(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Convert our state dict back; tensors that the reference stores but never uses are absent.

        Raises:
            CheckpointError: a tensor of ours has no name in the reference.
        """
        rules = [rule for rule in self.rules_for(state) if isinstance(rule, Rename)]
        theirs: dict[str, Tensor] = {}
        covered: set[str] = set()
        for rule in rules:
            for name in state:
                if name in covered or (found := rule.to_theirs(name, state)) is None:
                    continue
                their_name, tensor = found
                theirs[their_name] = tensor
                covered.update(rule.to_ours(their_name, tensor) or ())
        if missing := sorted(set(state) - covered):
            raise CheckpointError(f"{self.method}: no name in the reference for {', '.join(missing[:5])}")
        return theirs


def unwrap(checkpoint: Mapping) -> dict[str, Tensor]:
    """The state dict in a checkpoint (``model``, ``state_dict``, ``module`` or the file itself), without the names of
    wrappers."""
    for key in ("model", "state_dict", "model_state_dict", "module"):
        if isinstance(checkpoint.get(key), Mapping):
            return strip_wrappers(checkpoint[key])
    return strip_wrappers(checkpoint)


def strip_wrappers(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Remove what DDP (``module.``) and `torch.compile` (``_orig_mod.``) add to the names of a state dict.

    Entries that are not tensors are left out.
    """
    return {
        WRAPPER.sub("", name.replace("_orig_mod.", "")): value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }

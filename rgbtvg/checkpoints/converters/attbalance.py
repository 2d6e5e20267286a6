"""AttBalance: TransVG's names, and the momentum copy under the same names with ``_m`` behind the first component."""

from dataclasses import replace

from rgbtvg.checkpoints.converters.transvg import CONVERTER as TRANSVG
from rgbtvg.checkpoints.rules import Converter, Idle, Rename, Rule

NO_COPY = "the momentum copy, which only a training that resumes needs"


def momentum_rule(rule: Rule) -> Rule:
    """The rule of a tensor of the network, for the same tensor of its momentum copy."""
    first, dot, rest = rule.theirs.partition(".")
    theirs = f"{first}_m{dot}{rest}"
    if not isinstance(rule, Rename):
        return replace(rule, theirs=theirs)
    return replace(rule, theirs=theirs, ours=f"attention_balance.momentum.{rule.ours}", optional=NO_COPY)


RULES: list[Rule] = [
    rule for rule in TRANSVG.rules_for({}) if isinstance(rule, Idle) or not rule.theirs.startswith("visu_proj.")
]
RULES.insert(0, Rename("visu_proj.{rest}", "image_proj.{rest}"))
CONVERTER = Converter(
    "attbalance",
    [*RULES, *(momentum_rule(rule) for rule in RULES if not rule.theirs.startswith("bbox_embed."))],
)

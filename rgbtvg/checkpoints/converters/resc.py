"""ReSC: the authors' files, base and large."""

from rgbtvg.checkpoints.converters._darknet import darknet_rules
from rgbtvg.checkpoints.converters._rules import bert_rules
from rgbtvg.checkpoints.rules import Converter, Rename

ROUND = "film.modulesdict.film{k}"

CONVERTER = Converter(
    "resc",
    [
        *darknet_rules(),
        *bert_rules("textmodel"),
        Rename("mapping_visu.{rest*}", "image_proj.{rest}"),
        Rename("mapping_lang.{rest*}", "text_proj.{rest}"),
        Rename(f"{ROUND}.attn_map.{{leaf}}", "fusion.rounds.{k}.attend.{leaf}"),
        Rename(f"{ROUND}.attn_score.{{leaf}}", "fusion.rounds.{k}.score.{leaf}"),
        Rename(f"{ROUND}.gamme_decode.{{leaf}}", "fusion.rounds.{k}.modulate.{leaf}"),
        Rename(f"{ROUND}.conv1.{{leaf}}", "fusion.rounds.{k}.mix.{leaf}"),
        # The convolutions between the rounds are counted from one there, from zero here.
        *(Rename(f"film.modulesdict.conv{k}.{{rest*}}", f"fusion.between.{k - 1}.{{rest}}") for k in range(1, 10)),
        Rename("global_out.cell_list.0.conv.{leaf}", "fusion.recurrence.gates.{leaf}"),
        Rename("fcn_out.{rest*}", "head.branches.0.{rest}"),
    ],
)

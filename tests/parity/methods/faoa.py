"""FAOA: the authors' code."""

from methods import _one_stage, _parts
from rgbtvg.models.fusion.dense import beside_sentence

HIDDEN = "module.fcn_out.0.0.conv.weight"


class FAOAParity(_one_stage.OneStageParity):
    levels = 3

    def model_config(self, case):
        config = case.spec["config"]
        momentum = _one_stage.REFERENCE_MOMENTUM
        return dict(
            type="FAOA",
            modality=self.modality(case),
            image_encoder=dict(type="Darknet53"),
            text_encoder=self.text_encoder(case),
            fusion=dict(type="DenseFusion", light=config["light"], bn_momentum=momentum),
            head=dict(
                type="AnchorHead",
                anchors=self.anchors(case),
                hidden_channels=0 if config["light"] else case.spec["state_dict"][HIDDEN][0],
                bn_momentum=momentum,
            ),
            width=config["emb_size"],
            bn_momentum=momentum,
        )

    def text_encoder(self, case):
        shapes = case.spec["state_dict"]
        if "lstm" not in case.spec["config"]["text"]:
            return _parts.bert(case, prefix="module.textmodel", average_last=4, frozen=True)
        vocabulary, embedding = shapes["module.textmodel.embedding.weight"]
        hidden = shapes["module.textmodel.rnn.weight_hh_l0"][1]
        return dict(type="LSTMEncoder", vocabulary_size=vocabulary, embedding_width=embedding, hidden_width=hidden)

    def taps(self, case):
        taps = {"text_encoder": "text_encoder", "mapping_lang": "text_proj"}
        if "lstm" not in case.spec["config"]["text"]:
            layers = case.spec["config"].get("bert", {}).get("num_hidden_layers", 12)
            taps["bert_last"] = f"text_encoder.bert.encoder.layer.{layers - 1}"
        return taps | {f"mapping_visu_{i}": f"image_proj.{i}" for i in range(self.levels)}

    def outputs(self, case, outputs, tapped):
        text = tapped.pop("text_encoder")
        named = {**tapped, "sentence": text.tokens[:, 0] if text.pooled is None else text.pooled}
        for suffix, stream in self.suffixed(outputs["streams"]).items():
            named |= {f"darknet_{i}{suffix}": level for i, level in enumerate(stream.levels)}
        for i in range(self.levels):
            named |= {
                f"fcn_emb_{i}": outputs["fused"][i],
                f"out_{i}": outputs["maps"][i],
            }
        named["fused_0"] = beside_sentence(outputs["projected"][0], outputs["sentence"])
        return named | self.answers(case, self.model.head, outputs["maps"])


METHOD = FAOAParity()

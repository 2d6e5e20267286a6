"""Models of `transformers` that write boxes as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from rgbtvg.errors import CheckpointError
from rgbtvg.models.general import prompts
from rgbtvg.models.general.base import MAX_BOXES, FolderModel, Located, nothing
from rgbtvg.models.general.box_text import FORMS, BoxText, UnreadableAnswer
from rgbtvg.models.general.folder import load_folder
from rgbtvg.registry import MODELS

MAX_TOKENS = 128
"""Longest answer; a box in JSON with its label has about 40 tokens."""
KEPT = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
"""What is taken from the folder's ``generation_config.json``; the search is greedy for every model."""


class Writer(FolderModel):
    """A model that generates its answer; a subclass names its classes, its question and its form of boxes.

    The score of a box is the mean probability of its coordinate tokens.

    Args:
        weights: folder with ``config.json``, weights in safetensors, and the files of the processor and the tokenizer.
        prompt: question with ``{expression}``, and ``{note}`` where it can say something about the image. Default:
            `question` of the class.

    Raises:
        CheckpointError: see :func:`load_folder`.
    """

    model_class: ClassVar[str]
    processor_class: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    question: ClassVar[str]
    form: ClassVar[BoxText]

    def __init__(self, weights: str, prompt: str | None = None) -> None:
        import transformers

        super().__init__(weights)
        self.model, self.processor = load_folder(weights, self.model_class, self.processor_class, self.parts)
        self.processor.tokenizer.padding_side = "left"
        self.prompt = prompts.checked(prompt or self.question)
        kept = {name: getattr(self.model.generation_config, name, None) for name in KEPT}
        self.model.generation_config = transformers.GenerationConfig(**kept)

    def inputs(self, images: Sequence[Image.Image], questions: Sequence[str]) -> Any:
        """The processor's batch; a prompt begins with the place of its image where the model has one."""
        return self.processor(images=list(images), text=list(questions), padding=True, return_tensors="pt")

    def resized(self, batch: Any, index: int) -> tuple[int, int] | None:
        """(height, width) of an image after the processor, for forms in its pixels."""
        return None

    @torch.no_grad()
    def locate(self, images: Sequence[Image.Image], expressions: Sequence[str], note: str = "") -> list[Located]:
        """See :class:`GeneralModel`."""
        questions = [prompts.filled(self.prompt, expression, note) for expression in expressions]
        batch = self.inputs(images, questions).to(self.model.device, self.model.dtype)
        output = self.model.generate(
            **batch,
            max_new_tokens=MAX_TOKENS,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=True,
            output_logits=True,
        )
        tokens = output.sequences[:, -len(output.logits) :]  # (B, L)
        probabilities = torch.stack(
            [
                logits.float().softmax(-1).gather(1, tokens[:, [step]])[:, 0]
                for step, logits in enumerate(output.logits)
            ],
            dim=1,
        )  # (B, L)
        return [
            self._located(tokens[i], probabilities[i], image, self.resized(batch, i)) for i, image in enumerate(images)
        ]

    def _located(
        self, tokens: Tensor, probabilities: Tensor, image: Image.Image, resized: tuple[int, int] | None
    ) -> Located:
        """Boxes of one answer (L,) with the probabilities of its tokens."""
        pieces = pieces_of(self.processor.tokenizer, tokens.tolist(), self._ends())
        try:
            found = self.form.read("".join(pieces), image.size[::-1], resized)[:MAX_BOXES]
        except UnreadableAnswer as error:
            return nothing(str(error))
        if not found:
            return nothing()
        scores = [score_of(pieces, probabilities.tolist(), box.start, box.end) for box in found]
        # The model's order counts: the first box is its answer.
        return Located(torch.tensor([box.xyxy for box in found]), torch.tensor(scores).cummin(0).values)

    def _ends(self) -> set[int]:
        config = self.model.generation_config
        ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        return {end for end in (*ends, config.pad_token_id) if end is not None}


def pieces_of(tokenizer: Any, tokens: Sequence[int], ends: set[int]) -> list[str]:
    """Text of each token, up to the first one that ends an answer; a start token in front of it is left out."""
    tokens = list(tokens[1:] if tokens and tokens[0] in ends and len(tokens) > 1 else tokens)
    length = next((i for i, token in enumerate(tokens) if token in ends), len(tokens))
    return [tokenizer.decode([token]) for token in tokens[:length]]


def score_of(pieces: Sequence[str], probabilities: Sequence[float], start: int, end: int) -> float:
    """Mean probability of the pieces with a digit between two places of the joined text."""
    position, chosen = 0, []
    for piece, probability in zip(pieces, probabilities, strict=False):
        inside = position < end and position + len(piece) > start
        if inside and any(character.isdigit() for character in piece):
            chosen.append(probability)
        position += len(piece)
    return sum(chosen) / len(chosen) if chosen else 0.0


@MODELS.register_module()
class Florence2(Writer):
    """Florence-2 (Xiao et al. 2023): open-vocabulary detection of the whole expression; boxes as location tokens."""

    model_class = "Florence2ForConditionalGeneration"
    processor_class = "Florence2Processor"
    parts = ("florence_vision", "bart")
    question = prompts.FLORENCE
    form = FORMS["florence"]


@MODELS.register_module()
class PaliGemma(Writer):
    """PaliGemma and PaliGemma 2 (Beyer et al. 2024): ``detect``; boxes as location tokens, rows first."""

    model_class = "PaliGemmaForConditionalGeneration"
    processor_class = "PaliGemmaProcessor"
    parts = ("siglip_vision_model", "gemma", "gemma2")
    question = prompts.PALIGEMMA
    form = FORMS["paligemma"]

    def inputs(self, images: Sequence[Image.Image], questions: Sequence[str]) -> Any:
        """See :class:`Writer`."""
        batch = super().inputs(images, [f"<image>{question}" for question in questions])
        batch.pop("labels", None)
        return batch


class QwenVL(Writer):
    """What both Qwen models share: the chat template of the folder, and JSON."""

    question = prompts.CHAT

    def __init__(self, weights: str, prompt: str | None = None) -> None:
        super().__init__(weights, prompt)
        if not self.processor.chat_template:
            raise CheckpointError(
                f"{weights} has no chat template (chat_template.jinja); take an instruction-tuned model"
            )

    def inputs(self, images: Sequence[Image.Image], questions: Sequence[str]) -> Any:
        """See :class:`Writer`."""
        texts = [
            self.processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
                add_generation_prompt=True,
                tokenize=False,
            )
            for question in questions
        ]
        return super().inputs(images, texts)


@MODELS.register_module()
class Qwen2_5VL(QwenVL):
    """Qwen2.5-VL (Bai et al. 2025): boxes in pixels of the image as its processor has resized it."""

    model_class = "Qwen2_5_VLForConditionalGeneration"
    processor_class = "Qwen2_5_VLProcessor"
    parts = ("qwen2_5_vl_text", "qwen2_5_vl_vision")
    form = FORMS["pixels"]

    def resized(self, batch: Any, index: int) -> tuple[int, int]:
        """See :class:`Writer`."""
        _, rows, columns = batch["image_grid_thw"][index].tolist()
        patch = self.processor.image_processor.patch_size
        return rows * patch, columns * patch


@MODELS.register_module()
class Qwen3VL(QwenVL):
    """Qwen3-VL (Qwen team 2025): boxes from 0 to 1000 of width and height."""

    model_class = "Qwen3VLForConditionalGeneration"
    processor_class = "Qwen3VLProcessor"
    parts = ("qwen3_vl_text", "qwen3_vl_vision")
    form = FORMS["thousandths"]

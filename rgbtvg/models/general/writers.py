"""Models of `transformers` that write boxes as text: what they are asked, what they answer, what they are taught."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import CheckpointError
from rgbtvg.models.general import prompts
from rgbtvg.models.general.answers import IGNORED, padded, with_answers
from rgbtvg.models.general.base import MAX_BOXES, FolderModel, Located, nothing
from rgbtvg.models.general.box_text import FORMS, BoxText, UnreadableAnswer
from rgbtvg.models.general.constraint import BoxSyntax
from rgbtvg.models.general.folder import blueprint, load_folder
from rgbtvg.registry import MODELS

MAX_TOKENS = 128
"""Longest answer; a box in JSON with its label has about 40 tokens."""
KEPT = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
"""What is taken from the folder's ``generation_config.json``; the search is greedy for every model."""

Pictures = Sequence[Image.Image]
"""The images of one prompt, in their order; boxes are pixels of the first one."""


class GenerativeModel(FolderModel):
    """A model that generates its answer as text; a subclass defines its classes, parts, prompt and box format.

    The score of a box is the mean probability of its coordinate tokens. On the meta device nothing is read but a
    ``config.json``, and the model has no processor.

    Args:
        weights: folder with ``config.json``, weights in safetensors, and the files of the processor and the tokenizer.
        prompt: question with ``{expression}``, and ``{note}`` where it can say something about the image. Default:
            `question` of the class.
        arch: sizes, as ``config.json`` has them, to build the model on the meta device where there is no such file.

    Raises:
        CheckpointError: see :func:`load_folder`.
    """

    model_class: ClassVar[str]
    processor_class: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    question: ClassVar[str]
    form: ClassVar[BoxText]
    max_pictures: ClassVar[int] = 2
    """Images that one prompt may have."""
    tower: ClassVar[str] = "model.vision_tower"
    """Name of the vision encoder."""
    layers: ClassVar[str] = "blocks"
    """Name of its layers inside it."""
    projector: ClassVar[tuple[str, ...]] = ("model.multi_modal_projector",)
    """Names of what stands between it and the language model; everything else is the language model's."""

    def __init__(self, weights: str, prompt: str | None = None, arch: dict | None = None) -> None:
        import transformers

        super().__init__(weights)
        self.prompt = prompts.checked(prompt or self.question)
        self.processor: Any = None
        if torch.get_default_device().type == "meta":
            self.model = blueprint(self.weights, self.model_class, self.parts, arch)
            return
        # A bound on what the config of a checkpoint may allocate does not count the user's own files.
        with torch.utils._python_dispatch._disable_current_modes():
            self.model, self.processor = load_folder(self.weights, self.model_class, self.processor_class, self.parts)
        # An encoder counts positions from the left end; what is generated stands behind a prompt without a gap.
        self.processor.tokenizer.padding_side = "right" if self.model.config.is_encoder_decoder else "left"
        kept = {name: getattr(self.model.generation_config, name, None) for name in KEPT}
        self.model.generation_config = transformers.GenerationConfig(**kept)

    def inputs(self, pictures: Sequence[Pictures], questions: Sequence[str]) -> Any:
        """The processor's batch, on the device and in the dtype of the model.

        A prompt begins with the places of its images where the model has them.
        """
        batch = self.processor(
            images=[list(row) for row in pictures], text=list(questions), padding=True, return_tensors="pt"
        )
        return batch.to(self.model.device, self.model.dtype)

    def image_inputs(self, pictures: Sequence[Pictures]) -> Any:
        """What :meth:`vision_inputs` and :meth:`valid_tokens` read of the batch of these images."""
        return self.inputs(pictures, [""] * len(pictures))

    def resized(self, batch: Any, index: int) -> tuple[int, int] | None:
        """(height, width) of an image after the processor, for forms in its pixels; images of all prompts count."""
        return None

    def vision_inputs(self, batch: Any) -> dict[str, Any]:
        """What the vision encoder reads of a batch of :meth:`inputs`."""
        return dict(pixel_values=batch["pixel_values"])

    def valid_tokens(self, valid: Sequence[Tensor], batch: Any, state: Tensor) -> Tensor:
        """Which tokens of the vision encoder stand for valid pixels, at least half of them.

        Args:
            valid: bool (H, W) of every image.
            batch: of :meth:`inputs`.
            state: output of one of its layers, (B, N, C) or (B, C, h, w).

        Returns:
            Bool, of a shape that fits `state`.
        """
        if state.ndim == 4:
            return torch.stack([_shares(mask, *state.shape[2:]) for mask in valid])[:, None] >= 0.5
        side = round(state.shape[1] ** 0.5)
        return torch.stack([_shares(mask, side, side).flatten() for mask in valid])[..., None] >= 0.5

    def layer_widths(self) -> list[int]:
        """Channels of the output of each layer of the vision encoder."""
        vision = self.model.config.vision_config
        return [vision.hidden_size] * vision.num_hidden_layers

    def build_prompts(self, expressions: Sequence[str], note: str) -> list[str]:
        """The prompts of expressions."""
        return [prompts.filled(self.prompt, expression, note) for expression in expressions]

    def encoded(self, answer: str) -> list[int]:
        """Token ids of an answer, with the one that ends it."""
        if self.model.config.is_encoder_decoder:
            return self.processor.tokenizer(answer).input_ids
        return [*self.processor.tokenizer(answer, add_special_tokens=False).input_ids, self._eos()[0]]

    @cached_property
    def syntax(self) -> BoxSyntax:
        """What constrains generation to one box.

        Raises:
            ConfigError: see :class:`BoxSyntax`.
        """
        return BoxSyntax(self.processor.tokenizer, self.form, self.encoded)

    def locate(self, images: Sequence[Image.Image], expressions: Sequence[str], note: str = "") -> list[Located]:
        """See :class:`GeneralModel`."""
        pictures = [(image,) for image in images]
        return self.generate_boxes(self.inputs(pictures, self.build_prompts(expressions, note)), pictures)

    @torch.no_grad()
    def generate_boxes(self, batch: Any, pictures: Sequence[Pictures], constrained: bool = False) -> list[Located]:
        """Boxes in the greedy answers to a batch of :meth:`inputs`.

        Args:
            batch: the prompts.
            pictures: their images.
            constrained: only tokens that continue one box may follow.
        """
        output = self.model.generate(
            **batch,
            max_new_tokens=MAX_TOKENS,
            do_sample=False,
            num_beams=1,
            logits_processor=[copy.copy(self.syntax)] if constrained else [],  # a copy begins behind its own prompts
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
            self._located(tokens[i], probabilities[i], row[0], self.resized(batch, i * len(row)))
            for i, row in enumerate(pictures)
        ]

    def answer_loss(self, batch: Any, pictures: Sequence[Pictures], boxes_xyxy: Sequence[Tensor]) -> Tensor:
        """Cross entropy of the tokens of the right answers, and of nothing else.

        Args:
            batch: the prompts, of :meth:`inputs`.
            pictures: their images.
            boxes_xyxy: (N_i, 4) in pixels of the first image of each prompt.
        """
        answers = []
        for i, (row, boxes) in enumerate(zip(pictures, boxes_xyxy, strict=True)):
            text = self.form.write(boxes.tolist(), row[0].size[::-1], self.resized(batch, i * len(row)))
            answers.append(self.encoded(text))
        if self.model.config.is_encoder_decoder:
            rows = [torch.tensor(answer, device=self.model.device) for answer in answers]
            labels = padded(rows, IGNORED)
            logits = self.model(**batch, labels=labels).logits  # (B, L, V)
        else:
            batch, labels = with_answers(batch, answers, self.model.generation_config.pad_token_id or 0)
            # The logits of prompts would take most of the memory.
            first = int((labels != IGNORED).int().argmax(1).min())
            labels = labels[:, first:]
            logits = self.model(**batch, use_cache=False, logits_to_keep=labels.shape[1] + 1).logits[:, :-1]
        return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)

    def part_of(self, name: str) -> str:
        """``'vision'``, ``'projector'`` or ``'language'``: the part that a parameter of `model` belongs to."""
        if name.startswith(tuple(f"{prefix}." for prefix in self.projector)):
            return "projector"
        return "vision" if name.startswith(f"{self.tower}.") else "language"

    def modules_of(self, part: str) -> list[nn.Module]:
        """Modules whose Linears are those of a part; tables of tokens and the output layer are not among them."""
        if part == "projector":
            names = self.projector
        else:
            names = (f"{self.tower}.{self.layers}",) if part == "vision" else ("model.language_model",)
        return [self.model.get_submodule(name) for name in names]

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

    def _eos(self) -> list[Any]:
        end = self.model.generation_config.eos_token_id
        return end if isinstance(end, list) else [end]

    def _ends(self) -> set[int]:
        return {end for end in (*self._eos(), self.model.generation_config.pad_token_id) if end is not None}


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


def _shares(mask: Tensor, rows: int, columns: int) -> Tensor:
    """Share of valid pixels in each cell of a grid over a mask (H, W)."""
    return F.adaptive_avg_pool2d(mask[None].float(), (rows, columns))[0]


@MODELS.register_module()
class Florence2(GenerativeModel):
    """Florence-2 (Xiao et al. 2023): open-vocabulary detection of the whole expression; boxes as location tokens.

    A layer of its vision encoder is a stage. A prompt has one image.
    """

    model_class = "Florence2ForConditionalGeneration"
    processor_class = "Florence2Processor"
    parts = ("florence_vision", "bart")
    question = prompts.FLORENCE
    form = FORMS["florence"]
    max_pictures = 1

    def layer_widths(self) -> list[int]:
        """See :class:`GenerativeModel`."""
        return list(self.model.config.vision_config.embed_dim)

    def vision_inputs(self, batch: Any) -> dict[str, Any]:
        """See :class:`GenerativeModel`."""
        return dict(hidden_states=batch["pixel_values"])


@MODELS.register_module()
class PaliGemma(GenerativeModel):
    """PaliGemma and PaliGemma 2 (Beyer et al. 2024): ``detect``; boxes as location tokens, rows first."""

    model_class = "PaliGemmaForConditionalGeneration"
    processor_class = "PaliGemmaProcessor"
    parts = ("siglip_vision_model", "gemma", "gemma2")
    question = prompts.PALIGEMMA
    form = FORMS["paligemma"]
    layers = "encoder.layers"

    def inputs(self, pictures: Sequence[Pictures], questions: Sequence[str]) -> Any:
        """See :class:`GenerativeModel`."""
        marked = ["<image>" * len(row) + question for row, question in zip(pictures, questions, strict=True)]
        batch = super().inputs(pictures, marked)
        batch.pop("labels", None)
        return batch


class QwenVL(GenerativeModel):
    """What both Qwen models share: the chat template of the folder, JSON, and images of any size.

    Args:
        weights, prompt, arch: see :class:`GenerativeModel`.
        max_pixels: images with more are made smaller; None for the limit of the folder's processor.
    """

    question = prompts.CHAT
    tower = "model.visual"

    def __init__(
        self, weights: str, prompt: str | None = None, arch: dict | None = None, max_pixels: int | None = None
    ) -> None:
        super().__init__(weights, prompt, arch)
        self.max_pixels = max_pixels
        if self.processor is None:
            return
        if not self.processor.chat_template:
            raise CheckpointError(
                f"{self.weights} has no chat template (chat_template.jinja); take an instruction-tuned model"
            )
        if max_pixels is not None:
            size = self.processor.image_processor.size
            least = min(size["shortest_edge"], max_pixels)
            self.processor.image_processor.size = {"shortest_edge": least, "longest_edge": max_pixels}

    def inputs(self, pictures: Sequence[Pictures], questions: Sequence[str]) -> Any:
        """See :class:`GenerativeModel`."""
        texts = [
            self.processor.apply_chat_template(
                [{"role": "user", "content": [*[{"type": "image"}] * len(row), {"type": "text", "text": question}]}],
                add_generation_prompt=True,
                tokenize=False,
            )
            for row, question in zip(pictures, questions, strict=True)
        ]
        return super().inputs(pictures, texts)

    def image_inputs(self, pictures: Sequence[Pictures]) -> Any:
        """See :class:`GenerativeModel`; without the tokens of a prompt."""
        batch = self.processor.image_processor(images=[image for row in pictures for image in row], return_tensors="pt")
        return batch.to(self.model.device, self.model.dtype)

    def vision_inputs(self, batch: Any) -> dict[str, Any]:
        """See :class:`GenerativeModel`."""
        return dict(hidden_states=batch["pixel_values"], grid_thw=batch["image_grid_thw"])

    def valid_tokens(self, valid: Sequence[Tensor], batch: Any, state: Tensor) -> Tensor:
        """See :class:`GenerativeModel`; tokens of all images follow each other, merged ones side by side."""
        merge = self.model.config.vision_config.spatial_merge_size
        rows = []
        for mask, (_, height, width) in zip(valid, batch["image_grid_thw"].tolist(), strict=True):
            blocks = _shares(mask, height, width).reshape(height // merge, merge, width // merge, merge)
            rows.append(blocks.transpose(1, 2).flatten())
        return self.in_order(torch.cat(rows), batch)[:, None] >= 0.5

    def in_order(self, tokens: Tensor, batch: Any) -> Tensor:
        """A value per token (N,) in the order inside the encoder."""
        return tokens


@MODELS.register_module()
class Qwen2_5VL(QwenVL):
    """Qwen2.5-VL (Bai et al. 2025): boxes in pixels of the image as its processor has resized it."""

    model_class = "Qwen2_5_VLForConditionalGeneration"
    processor_class = "Qwen2_5_VLProcessor"
    parts = ("qwen2_5_vl_text", "qwen2_5_vl_vision")
    form = FORMS["pixels"]
    projector = ("model.visual.merger",)

    def resized(self, batch: Any, index: int) -> tuple[int, int]:
        """See :class:`GenerativeModel`."""
        _, rows, columns = batch["image_grid_thw"][index].tolist()
        patch = self.processor.image_processor.patch_size
        return rows * patch, columns * patch

    def in_order(self, tokens: Tensor, batch: Any) -> Tensor:
        """See :class:`QwenVL`: tokens of a window stand side by side."""
        from transformers.vision_utils import get_vision_window_index

        vision = self.model.config.vision_config
        sizes = vision.spatial_merge_size, vision.window_size, vision.patch_size
        index, _ = get_vision_window_index(batch["image_grid_thw"], *sizes)
        return tokens.unflatten(0, (-1, vision.spatial_merge_size**2))[index.to(tokens.device)].flatten()


@MODELS.register_module()
class Qwen3VL(QwenVL):
    """Qwen3-VL (Qwen team 2025): boxes from 0 to 1000 of width and height."""

    model_class = "Qwen3VLForConditionalGeneration"
    processor_class = "Qwen3VLProcessor"
    parts = ("qwen3_vl_text", "qwen3_vl_vision")
    form = FORMS["thousandths"]
    projector = ("model.visual.merger", "model.visual.deepstack_merger_list")

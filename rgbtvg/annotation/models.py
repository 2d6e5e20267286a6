"""A vision-language model in this process; :class:`EndpointModel` is the one behind an address."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.client import Answer, Stopped, Turn


class LocalModel:
    """A model of the `transformers` library in this process; one row at a time.

    Args:
        path: folder (or name in the local cache) of model and processor; the processor must have a chat template.
        device: such as ``'cuda:0'``; a GPU where there is one by default.
        max_tokens: maximum tokens of a response.

    Raises:
        ConfigError: there is no such model, or its processor has no chat template.
    """

    host = "local"

    def __init__(self, path: str, device: str | None = None, max_tokens: int = 200) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from rgbtvg.device import find_device

        try:
            self._processor = AutoProcessor.from_pretrained(path, local_files_only=True, trust_remote_code=False)
            self._model = AutoModelForImageTextToText.from_pretrained(
                path, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
            ).eval()
        except Exception as error:  # damaged files make transformers fail in any way
            reason = str(error).strip().split("\n")[0]
            raise ConfigError(f"{path} is no vision-language model that transformers can load: {reason}") from error
        if not getattr(self._processor, "chat_template", None):
            raise ConfigError(f"the processor of {path} has no chat template; take an instruction-tuned model")
        self._device = find_device(device)
        self._model.to(self._device)
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        # Rows name the model, not where it lies on this machine.
        self.name = Path(path).resolve().name if Path(path).is_dir() else path
        self.stop = threading.Event()

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """See :class:`VisionLanguageModel`."""
        import torch

        messages = [
            {
                "role": turn.role,
                "content": [
                    *({"type": "image", "image": image.convert("RGB")} for image in turn.images),
                    {"type": "text", "text": turn.text},
                ],
            }
            for turn in turns
        ]
        with self._lock, torch.inference_mode():
            if self.stop.is_set():
                raise Stopped
            inputs = self._processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            ).to(self._device)
            tokens = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._max_tokens)  # (1, P + L)
        new_tokens = tokens[0, inputs["input_ids"].shape[1] :]  # (L,)
        text = self._processor.batch_decode(new_tokens[None], skip_special_tokens=True)[0]
        return Answer(text, is_complete=len(new_tokens) < self._max_tokens)

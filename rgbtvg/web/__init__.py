"""What the local pages have in common: Gradio without its telemetry, a guard, one look, keys."""

from rgbtvg.web.guard import HOST, GuardedApp, Refused, SenderCheck
from rgbtvg.web.parts import CARD_CLICK, TOGGLE_BOXES, card_html, key_script, pair_html, released
from rgbtvg.web.serving import PageServer, gradio_module, jpeg_response, listen, record_at, shown_error

__all__ = [
    "CARD_CLICK",
    "HOST",
    "TOGGLE_BOXES",
    "GuardedApp",
    "PageServer",
    "Refused",
    "SenderCheck",
    "card_html",
    "gradio_module",
    "jpeg_response",
    "key_script",
    "listen",
    "pair_html",
    "record_at",
    "released",
    "shown_error",
]

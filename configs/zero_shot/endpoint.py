"""Any vision-language model behind an OpenAI-compatible endpoint; the key is read from OPENAI_API_KEY."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

endpoint = ""  # address up to and including /v1
model_name = ""  # as the server calls it
form = "thousandths"  # of coordinates: Qwen3-VL; pixels: Qwen2.5-VL; thousandths_rows_first: Gemini; fractions
pair = "side_by_side"  # it gives no scores to compare
batch_size = 8  # requests at the same time
general = dict(type="Endpoint", base_url="$endpoint", name="$model_name", form="$form")

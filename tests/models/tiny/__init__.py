"""A tiny config of every method: one module per grounder, named after its file, holding ``config(modality) -> dict``.

64 x 64 pixels, 16 tokens of a vocabulary of 100, whose largest id ends a sentence. ``tests/models/test_methods.py``
walks the registry and runs every one of them in every modality.
"""

IMAGE_SIZE = 64
MAX_LENGTH = 16
VOCABULARY = 100
